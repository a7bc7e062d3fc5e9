import StintCore
import StintStore

/// Row images of batches that the loop has not yet seen committed, in front of the rows on disk, so that no read
/// misses a write.
///
/// Most turns never ask, so nothing is copied when a batch grows; the index of a batch is brought up to date at the
/// first question. An entry is dropped only when the loop has seen its commit.
struct Overlay {
    private var open = BatchIndex()
    private var committing = BatchIndex()

    private struct BatchIndex {
        var indexed = 0
        /// A row that is nil was removed.
        var rows: [JobID: JobRow?] = [:]
        var serials: [Int64: JobID] = [:]
        var outcomes: [LeaseReference: Outcome] = [:]

        mutating func extend(with jobs: [JobWrite]) {
            for write in jobs[indexed...] {
                let row = write.row
                rows[row.id] = .some(write.kind == .delete ? nil : row)
                serials[row.serial] = row.id
                switch write.kind {
                case .finish, .retire:
                    outcomes[LeaseReference(id: row.id, token: row.token)] = row.outcome
                case .insert, .update, .replay, .delete: break
                }
            }
            indexed = jobs.count
        }
    }

    /// The open batch was handed out.
    mutating func handedOut() {
        precondition(committing.indexed == 0 && committing.rows.isEmpty)
        swap(&open, &committing)
    }

    /// The batch that was handed out is durable, and the loop knows it.
    mutating func committed() { committing = BatchIndex() }

    /// What the batches say of a job: nil when they say nothing, `.some(nil)` when it was removed.
    mutating func row(_ id: JobID, open openJobs: [JobWrite], committing committingJobs: [JobWrite]) -> JobRow?? {
        bringUpToDate(openJobs, committingJobs)
        if let row = open.rows[id] { return row }
        return committing.rows[id]
    }

    mutating func outcome(
        of lease: LeaseReference, open openJobs: [JobWrite], committing committingJobs: [JobWrite]
    ) -> Outcome? {
        bringUpToDate(openJobs, committingJobs)
        return open.outcomes[lease] ?? committing.outcomes[lease]
    }

    private mutating func bringUpToDate(_ openJobs: [JobWrite], _ committingJobs: [JobWrite]) {
        if open.indexed < openJobs.count { open.extend(with: openJobs) }
        if committing.indexed < committingJobs.count { committing.extend(with: committingJobs) }
    }
}
