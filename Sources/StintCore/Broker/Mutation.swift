// What the core wants on disk. Mutations are unconditional row images: the store decides nothing, so that replaying
// a batch, or writing it to another kind of store, needs no rules.

/// One write of one job row. The order of these within a batch is kept.
package struct JobWrite: Sendable {
    package enum Kind: UInt8, Sendable {
        /// A new row, with `payload` and `extras`.
        case insert
        /// The facts of the row, and nothing else, changed.
        case update
        /// The job reached a final state by the attempt that the row now names as its last; `result`, `error` and
        /// `progress` are that attempt's.
        case finish
        /// An attempt ended and the job goes on: the attempt that the row now names goes into the history with
        /// `error`, and the facts of the row changed.
        case retire
        /// A final job starts anew: its last attempt moves, with its error, into the history; result, error and
        /// progress are cleared; the facts change.
        case replay
        /// The row, its history and everything that hangs on it are removed.
        case delete
    }
    package var row: JobRow
    package var kind: Kind
    package var payload: Blob = .none
    package var extras: Blob = .none
    package var result: Blob = .none
    package var error: Blob = .none
    package var progress: Blob = .none
    /// Lines of the attempt that ended, kept in the job's log.
    package var log: Blob = .none
    /// The number of the attempt that ended, from 1, also when it did not count (`finish`, `retire`).
    package var attemptNumber: UInt16 = 0

    package init(_ kind: Kind, _ row: JobRow) {
        self.kind = kind
        self.row = row
    }
}

/// One write of any other row.
package enum RowWrite: Sendable {
    /// A type got its number.
    case type(TypeIndex, name: String)
    case worker(WorkerRow)
    /// The image of a grant: new, or rewritten without the leases that ended with no trace in their job's row.
    case grant(GrantRow)
    /// The last lease of the grant with this first token ended.
    case grantEnded(FencingToken)
    case counts(TypeIndex, Counts)
    /// State handed to the next attempt; removed with the job.
    case checkpoint(serial: Int64, Blob)
    /// The answer to a request that must not be carried out twice.
    case answer(RequestID, Blob, at: WallTime)
    /// Answers older than this are forgotten.
    case answersForgotten(before: WallTime)
    case operation(OperationRow)
    case operationEnded(Int64)
    /// A new record of the audit log.
    case audit(AuditRow)
    /// Audit records up to this number are forgotten.
    case auditForgotten(upTo: Int64)
}

/// A worker process that was ever granted a lease, so that histories can name it.
package struct WorkerRow: Hashable, Sendable {
    package var number: Int32
    package var instance: InstanceID
    package var name: String
    package var pool: String
    package var since: WallTime

    package init(number: Int32, instance: InstanceID, name: String, pool: String, since: WallTime) {
        self.number = number
        self.instance = instance
        self.name = name
        self.pool = pool
        self.since = since
    }
}

/// One assign message on disk: the leases it granted. Token of entry i: `first.sequence + entries[i].offset`.
package struct GrantRow: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var serial: Int64
        package var offset: UInt32
        /// The attempt this lease is for, from 1.
        package var attempt: UInt16

        package init(serial: Int64, offset: UInt32, attempt: UInt16) {
            self.serial = serial
            self.offset = offset
            self.attempt = attempt
        }
    }
    package var first: FencingToken
    package var worker: Int32
    package var slots: UInt16
    package var grantedAt: WallTime
    package var entries: [Entry]

    package init(first: FencingToken, worker: Int32, slots: UInt16, grantedAt: WallTime, entries: [Entry]) {
        self.first = first
        self.worker = worker
        self.slots = slots
        self.grantedAt = grantedAt
        self.entries = entries
    }
}

/// Work of the broker on many rows, carried out in steps: what is left of it, in one row.
package struct OperationRow: Hashable, Sendable {
    package enum Kind: UInt8, Sendable {
        case replay = 1
        case discard = 2
        /// Removes final jobs that are older, or more, than the policy keeps.
        case retention = 3
        /// Plans backoffs again after a step of the wall clock.
        case replan = 4
    }
    package var number: Int64
    package var kind: Kind
    /// Only jobs in this state (`replay` and `discard`: dead).
    package var state: JobState
    /// Only this type; nil: all.
    package var type: TypeIndex?
    /// Only jobs that finished before this: what comes in while the operation runs is not its business.
    package var before: WallTime
    /// The last job looked at, by (finishedAt, serial).
    package var cursorTime: WallTime
    package var cursorSerial: Int64
    package var done: Int64
    package var isPaused: Bool
    /// For `retention`: how many rows to leave; for `replan`: the step in milliseconds.
    package var amount: Int64

    package init(number: Int64, kind: Kind, state: JobState, type: TypeIndex?, before: WallTime, amount: Int64 = 0) {
        self.number = number
        self.kind = kind
        self.state = state
        self.type = type
        self.before = before
        self.amount = amount
        cursorTime = .none
        cursorSerial = 0
        done = 0
        isPaused = false
    }
}

/// A worker process in one life: random, 128 bits.
package struct InstanceID: Hashable, Sendable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// A mutating request of a client, so that its repetition gets the first answer: random, 128 bits.
package struct RequestID: Hashable, Sendable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// The numbers that a restart must not repeat, written with every batch.
package struct BrokerNumbers: Hashable, Sendable {
    package var epoch: UInt64 = 0
    package var nextSerial: Int64 = 1
    package var nextRank: Int64 = 1
    package var nextWorker: Int32 = 1
    package var nextOperation: Int64 = 1
    /// The highest id ever stored among those that look like ids of the present (``JobID/isOfThePresent(at:)``).
    package var highestID: JobID = .least
    /// What the wall clock should have shown when the batch was decided: without the steps that were too small to plan
    /// backoffs again. None before the first. A clock that shows less at the next start was set back.
    package var wall = WallTime.none

    package init() {}
}
