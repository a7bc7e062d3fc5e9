import StintCore
import StintStore

// Leases in the order in which each worker was granted them, and those that ended without a word of it.

/// The leases of every worker on disk, oldest first.
struct HeldLeases {
    private struct Lease {
        var token: FencingToken
        var serial: Int64
    }
    private var leases: [Int32: [Lease]] = [:]  // for lookup only
    private var slots: [Int32: Int] = [:]  // for lookup only

    mutating func granted(_ grant: GrantRow) {
        slots[grant.worker] = Int(grant.slots)
        for entry in grant.entries {
            leases[grant.worker, default: []].append(Lease(token: grant.token(of: entry), serial: entry.serial))
        }
    }

    /// How many older leases the worker has, and how many slots.
    func place(of token: FencingToken, worker: Int32) -> (place: Int, slots: Int)? {
        guard let place = leases[worker]?.firstIndex(where: { $0.token == token }) else { return nil }
        return (place, slots[worker] ?? 0)
    }

    mutating func ended(_ token: FencingToken, worker: Int32) { leases[worker]?.removeAll { $0.token == token } }
}

extension Auditor {
    /// A lease that ended, and its worker did not say so.
    struct SilentEnding {
        var lease: LeaseReference
        var worker: Int32
        /// How many older leases its worker had at least (of one that counts), or at most (of one that does not).
        var place: Int
        var slots: Int
    }

    /// Of the leases that a batch ended: which of them left no trace, and which count as tried.
    static func silentEndings(
        of batch: Batch, vanished: [(lease: LeaseReference, worker: Int32)], in held: HeldLeases
    ) -> (givenBack: [SilentEnding], blamed: [SilentEnding]) {
        var givenBack: [SilentEnding] = []
        var blamed: [SilentEnding] = []
        for (lease, worker) in vanished {
            guard let (place, slots) = held.place(of: lease.token, worker: worker) else { continue }
            givenBack.append(SilentEnding(lease: lease, worker: worker, place: place, slots: slots))
        }
        for write in batch.jobs where write.row.outcome == .expired {
            guard write.kind == .finish || write.kind == .retire,
                let (place, slots) = held.place(of: write.row.token, worker: write.row.worker)
            else { continue }
            // Some of the older ones may have ended before it in this very batch.
            let others = batch.jobs.count {
                ($0.kind == .finish || $0.kind == .retire) && $0.row.outcome != .expired
                    && $0.row.worker == write.row.worker && $0.row.token < write.row.token
            }
            let without = vanished.count { $0.worker == write.row.worker && $0.lease.token < write.row.token }
            blamed.append(
                SilentEnding(
                    lease: LeaseReference(id: write.row.id, token: write.row.token), worker: write.row.worker,
                    place: place - others - without, slots: slots))
        }
        return (givenBack, blamed)
    }
}

// MARK: The order of lines

extension Auditor {
    /// What was granted in a batch came first in its line: no job stood before it, untouched, when the batch began and when
    /// it ended.
    ///
    /// - Parameters:
    ///   - granted: The rows of the jobs that the batch grants.
    ///   - ready: The rows of all jobs that are ready.
    /// - Returns: Whatever stands before the last job of its type that was granted, whether it waits or not.
    static func queueJumpers(
        _ granted: [JobRow], among ready: some Sequence<JobRow>
    ) -> [(granted: JobRow, before: JobRow)] {
        var last: [JobRow?] = []  // by type
        for row in granted {
            while last.count <= row.type.asInt { last.append(nil) }
            if last[row.type.asInt].map({ isBefore($0, row) }) ?? true { last[row.type.asInt] = row }
        }
        var found: [(granted: JobRow, before: JobRow)] = []
        for row in ready where row.type.asInt < last.count {
            guard let granted = last[row.type.asInt], isBefore(row, granted) else { continue }
            found.append((granted, row))
        }
        return found
    }

    /// Told anew, and not taken from the core.
    private static func isBefore(_ left: JobRow, _ right: JobRow) -> Bool {
        left.priority != right.priority ? left.priority > right.priority : left.rank < right.rank
    }
}
