import Logging
import StintCore
import StintStore
import StintTransport
import Synchronization

/// Sees to it that a batch never reaches SQLite without room for it: a commit that fails for want of space has an unknown
/// outcome and ends the process.
///
///     plenty ──below 64 MiB──► new jobs are refused ──room for a batch is gone──► the reserve is released
///                                                                     └──that is used up too──► commits wait for space
///
/// Settling goes on throughout: it needs little, it frees workers, and it is what the reserve is for.
final class RoomKeeper: Sendable {
    /// Below this, new jobs are refused.
    static let watermarkBytes: Int64 = 64 * 1_048_576

    private let store: SQLiteStore
    private let logger: Logger
    /// Rung once, when nobody is to wait for space any more.
    private let ending: Waker
    private let isEnding = Mutex(false)
    private let wasFull = Mutex(false)

    init(store: SQLiteStore, logger: Logger) throws {
        ending = try Waker()
        self.store = store
        self.logger = logger
    }

    /// Before the first write of this life: a broker that ended for want of space must be able to start.
    func prepare() throws {
        if try store.freeBytes() < SQLiteStore.marginBytes, store.hasReserve {
            logger.warning("the disk is full; the reserve is released so that the broker can start")
            try store.releaseReserve()
        }
    }

    /// Returns when there is room for the batch.
    ///
    /// - Parameter onWait: Called again and again while there is none.
    func make(for batch: borrowing Batch, onWait: () -> Void = {}) throws {
        // A row costs its bytes in the log and later in the file; indexes and page headers double that.
        let needed = SQLiteStore.marginBytes + batch.bytes * 3
        var saidSo = false
        while try store.freeBytes() < needed {
            if store.hasReserve {
                logger.error("the disk is nearly full; settling goes on from the reserve. Free some space.")
                try store.releaseReserve()
                continue
            }
            if !saidSo {
                saidSo = true
                logger.critical(
                    "the disk is full and the reserve is used up; everything waits until there is space again",
                    metadata: ["path": "\(store.path)"])
            }
            guard !isEnding.withLock({ $0 }) else { throw StoreError(.full, "the disk is full") }
            onWait()
            ending.wait(upTo: .milliseconds(250))
        }
    }

    /// Once a second: whether new jobs have to be refused. Fills the reserve again when there is plenty.
    ///
    /// - Parameter facts: Stay as they were when nothing can be learnt.
    func judge(_ facts: inout HostFacts) {
        guard let free = try? store.freeBytes(), let statistics = try? store.statistics() else { return }
        if !store.hasReserve, free > 2 * Self.watermarkBytes { _ = try? store.restoreReserve() }
        let isFull = free < Self.watermarkBytes
        let hasChanged = wasFull.withLock { wasFull in
            defer { wasFull = isFull }
            return wasFull != isFull
        }
        if hasChanged {
            logger.warning(
                isFull
                    ? "the disk is nearly full; new jobs are refused, running ones can finish. Free some space."
                    : "there is space again; new jobs are taken",
                metadata: ["path": "\(store.path)", "free_bytes": "\(free)"])
        }
        facts.storeIsFull = isFull
        facts.storeBytes = statistics.bytes + statistics.logBytes
        facts.logBytes = statistics.logBytes
        facts.freeBytes = free
        facts.hasReserve = store.hasReserve
        facts.commitMicroseconds = statistics.commitMicroseconds
    }

    /// Nobody waits for space any more.
    func end() {
        isEnding.withLock { $0 = true }
        ending.wake()
    }
}

extension Batch {
    /// About what the rows take on disk: shared bytes are stored with each job that names them.
    fileprivate var bytes: Int64 {
        func count(_ blob: Blob) -> Int { blob.isNone ? 0 : self[blob].count }
        var bytes = (jobs.count + rows.count) * 512
        for write in jobs {
            bytes += count(write.payload) + count(write.extras) + count(write.result)
            bytes += count(write.error) + count(write.progress) + count(write.log)
        }
        for row in rows {
            switch row {
            case .checkpoint(_, let blob), .answer(_, let blob, at: _): bytes += count(blob)
            case .grant(let grant): bytes += grant.entries.count * 16
            case .audit(let record): bytes += record.who.utf8.count + record.what.utf8.count
            case .type, .worker, .grantEnded, .counts, .answersForgotten, .operation, .operationEnded,
                .auditForgotten:
                break
            }
        }
        return Int64(bytes)
    }
}
