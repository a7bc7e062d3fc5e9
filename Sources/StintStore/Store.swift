import StintCore

/// Durable state: the queue itself. Memory everywhere else is a window onto it.
///
/// The contract, which every store keeps and ``StoreContract`` (StintTestKit) checks on every store:
///
/// - **All or nothing.** ``commit(_:)`` returns when all of the batch is on stable storage (fsynced), or throws. When
///   it throws, the outcome is *unknown*: the caller ends the process without speaking and recovers from disk. A store
///   never retries a commit by itself.
/// - **In order.** Batch n + 1 is committed after batch n, from any thread but never from two at a time.
/// - **Decides nothing.** A mutation is an unconditional image. A conflict (a serial or id that exists already, an
///   update of a row that does not) is a bug of the caller: it traps.
/// - **Readers see whole batches.** A ``StoreReader`` sees the state after some batch k; k never falls, and once
///   `commit(k)` has returned every later read sees at least k. Pages say which k they saw.
/// - **One writer.** Opening a store that another process has open throws ``StoreError`` with code `inUse`.
package protocol Store: AnyObject, Sendable {
    /// Everything the broker must know to go on, and the epoch of this life: `max(stored + 1, wall seconds)`, made
    /// durable before this returns, so that no token is ever granted twice, not even after a restored backup.
    func recover(at now: WallTime) throws -> RecoveredState

    func commit(_ batch: Batch) throws

    /// A reader for one thread. Any number may exist.
    func makeReader() throws -> any StoreReader

    /// Work that may wait until no commit is due: checkpoints, indexes of listings that lag behind. Called on the thread
    /// that commits, between commits. Returns true while more is to be done.
    ///
    /// - Parameter isIdle: Nothing waits for a commit now; longer work (a whole checkpoint) is welcome.
    func maintain(isIdle: Bool) throws -> Bool

    /// Figures for `stint status` and metrics.
    func statistics() throws -> StoreStatistics

    /// Refuses nothing, waits for nothing under way, closes files and the lock. No call may follow.
    func close()
}

/// Reads for one thread.
package protocol StoreReader: AnyObject {
    /// The facts of a job, or nil.
    func row(_ id: JobID) throws -> JobRow?
    func row(serial: Int64) throws -> JobRow?

    /// Which of these ids exist, with what an enqueue compares. `ids` is sorted; so is the answer.
    func known(_ ids: [JobID]) throws -> [KnownJob]

    /// The lowest id above this one, or nil.
    func firstID(above id: JobID) throws -> JobID?

    /// How the attempt with this token ended, if it is on record (as the last attempt of the row or in the history).
    func outcome(of token: FencingToken, serial: Int64) throws -> Outcome?

    /// Ready rows of one type in line order, from this position on.
    func readyPage(type: TypeIndex, from position: ReadyPosition, limit: Int) throws -> JobPage

    /// Scheduled rows of all types by (runAt, serial), from this position on.
    func scheduledPage(from position: SchedulePosition, limit: Int) throws -> JobPage

    /// The payload and extras of a job; nil when the row is gone.
    func payload(serial: Int64) throws -> StoredPayload?

    /// Everything about one job, of a long history only the newest attempts: as many as take `attemptBytesMax`
    /// together, by ``StoredAttempt/bytes``. No more than these, and one, are read.
    func details(_ id: JobID, attemptBytesMax: Int) throws -> StoredJob?

    /// Jobs, newest first (`ready`: next to run first; `scheduled` and `waiting`: next due first), a page at a time.
    /// Touches at most ``JobListing/walkMax`` rows, or as many as it returns times the number of types.
    func list(_ query: JobQuery) throws -> JobListing

    /// Final jobs in one state by (finishedAt, serial), oldest first, after a position: the steps of operations.
    func finished(_ query: FinishedQuery) throws -> [JobRow]

    /// The answer stored for a request, or nil.
    func answer(_ request: RequestID) throws -> [UInt8]?

    /// Records of the audit log with a higher number than this, oldest first.
    func audit(after number: Int64, limit: Int) throws -> [AuditRow]
}

extension StoreReader {
    /// Everything about one job, with all its attempts.
    package func details(_ id: JobID) throws -> StoredJob? { try details(id, attemptBytesMax: .max) }
}

package struct JobPage: Equatable, Sendable {
    /// The batch after which the rows were read.
    package var batch: UInt64
    /// In order. Fewer than asked for means that there are no more.
    package var rows: [JobRow]

    package init(batch: UInt64, rows: [JobRow]) {
        self.batch = batch
        self.rows = rows
    }
}

package struct KnownJob: Hashable, Sendable {
    package var id: JobID
    package var type: TypeIndex
    package var digest: UInt64

    package init(id: JobID, type: TypeIndex, digest: UInt64) {
        self.id = id
        self.type = type
        self.digest = digest
    }
}

package struct StoredPayload: Equatable, Sendable {
    package var payload: [UInt8]
    package var extras: [UInt8]
    package var checkpoint: [UInt8]
    package var digest: UInt64

    package init(payload: [UInt8], extras: [UInt8], checkpoint: [UInt8], digest: UInt64) {
        self.payload = payload
        self.extras = extras
        self.checkpoint = checkpoint
        self.digest = digest
    }
}

/// One job with its bytes, for readers. Empty arrays where there is nothing; a listing leaves `payload`, `result`,
/// `log` and `attempts` empty.
package struct StoredJob: Equatable, Sendable {
    package var row: JobRow
    package var workerName: String
    package var payload: [UInt8] = []
    package var extras: [UInt8] = []
    package var result: [UInt8] = []
    /// Of the last attempt on record.
    package var error: [UInt8] = []
    package var progress: [UInt8] = []
    /// Of the last attempt on record.
    package var log: [UInt8] = []
    /// The attempts on record that were asked for, oldest first.
    package var attempts: [StoredAttempt] = []

    package init(row: JobRow, workerName: String) {
        self.row = row
        self.workerName = workerName
    }
}

package struct StoredAttempt: Equatable, Sendable {
    package var number: UInt16
    package var token: FencingToken
    package var worker: String
    package var startedAt: WallTime
    package var finishedAt: WallTime
    package var outcome: Outcome
    package var error: [UInt8]
    package var log: [UInt8]

    /// About what it takes in an answer.
    package var bytes: Int { 256 + error.count + log.count }

    package init(
        number: UInt16, token: FencingToken, worker: String, startedAt: WallTime, finishedAt: WallTime,
        outcome: Outcome, error: [UInt8], log: [UInt8]
    ) {
        self.number = number
        self.token = token
        self.worker = worker
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.outcome = outcome
        self.error = error
        self.log = log
    }
}

/// A page of a listing. Without a state: all jobs by id, newest first. The order within a state:
/// `ready` (priority, rank), `scheduled` and `waiting` (runAt, serial), the final ones by (finishedAt, serial)
/// descending. `leased` is not on disk and not listed here.
package struct JobQuery: Hashable, Sendable {
    package var state: JobState?
    package var type: TypeIndex?
    /// 1…``Limits/listMax``.
    package var limit: Int
    /// ``JobListing/last`` of the page before: the facts of its row as they were then.
    package var after: JobRow?

    package init(state: JobState? = nil, type: TypeIndex? = nil, limit: Int, after: JobRow? = nil) {
        self.state = state
        self.type = type
        self.limit = limit
        self.after = after
    }
}

/// A page of jobs. Where no index leads to the jobs asked for, a page ends after a bounded walk: it may then be short,
/// or empty, though more follow.
package struct JobListing: Equatable, Sendable {
    /// Rows that are looked at for one page at most, when only some of them are wanted.
    package static let walkMax = 2_000

    package var jobs: [StoredJob]
    /// Behind which row the next page begins; nil: there are no more.
    package var last: JobRow?

    package init(jobs: [StoredJob], last: JobRow?) {
        self.jobs = jobs
        self.last = last
    }
}

package struct FinishedQuery: Hashable, Sendable {
    package var state: JobState
    package var type: TypeIndex?
    package var before: WallTime
    package var afterTime: WallTime
    package var afterSerial: Int64
    package var limit: Int

    package init(
        state: JobState, type: TypeIndex?, before: WallTime, afterTime: WallTime, afterSerial: Int64, limit: Int
    ) {
        self.state = state
        self.type = type
        self.before = before
        self.afterTime = afterTime
        self.afterSerial = afterSerial
        self.limit = limit
    }
}

/// What is found on disk at start.
package struct RecoveredState: Equatable, Sendable {
    /// The last batch committed.
    package var batch: UInt64
    /// With the epoch of this life.
    package var numbers: BrokerNumbers
    /// In order of their index, without gaps.
    package var types: [String]
    package var workers: [WorkerRow]
    package var counts: [Counts]
    /// By first token, with the rows of the jobs they name, as far as those exist.
    package var grants: [GrantRow]
    package var grantedJobs: [JobRow]
    package var operations: [OperationRow]
    /// The last record of the audit log.
    package var audit = AuditHead.none

    package init(batch: UInt64, numbers: BrokerNumbers) {
        self.batch = batch
        self.numbers = numbers
        types = []
        workers = []
        counts = []
        grants = []
        grantedJobs = []
        operations = []
    }
}

package struct StoreStatistics: Sendable {
    package var bytes: Int64
    package var logBytes: Int64
    package var commits: Int64
    /// What the last commits took, mean in microseconds.
    package var commitMicroseconds: Double
    /// Final jobs that listings do not index yet.
    package var unindexed: Int64

    package init(bytes: Int64, logBytes: Int64, commits: Int64, commitMicroseconds: Double, unindexed: Int64) {
        self.bytes = bytes
        self.logBytes = logBytes
        self.commits = commits
        self.commitMicroseconds = commitMicroseconds
        self.unindexed = unindexed
    }
}

package struct StoreError: Error, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        case inUse, notWritable, corrupt, full, tooNew, rolledBack, failed, missing, exists
    }
    package let code: Code
    package let description: String

    package init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
