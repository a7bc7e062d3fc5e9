/// What the rules need to know of one job, and what its row on disk says: identity, scheduling, the last attempt.
/// Plain numbers only, so that a batch of rows is one block of memory. Payload, result and error are bytes; they stay
/// at the rim and are named here by nothing but size and digest.
package struct JobRow: Hashable, Sendable {
    package var id: JobID
    /// Given by the broker at insert, rising; the key of the row on disk.
    package var serial: Int64
    /// Place in the ready line: given at each entry into ready, rising. Smaller runs first within one priority.
    package var rank: Int64
    /// When a scheduled job becomes ready. For others: when it last became or will have become ready.
    package var runAt: WallTime
    package var createdAt: WallTime
    /// When it reached a final state; of a job that goes on, when its last attempt on record ended.
    package var finishedAt: WallTime
    /// When the last attempt began.
    package var startedAt: WallTime
    /// The token of the last attempt that ended and is on record; none before the first.
    package var token: FencingToken
    package var digest: UInt64
    package var payloadBytes: UInt32
    package var type: TypeIndex
    /// Who ran the last attempt on record (``WorkerRow/number``); 0 for nobody.
    package var worker: Int32
    package var priority: Int16
    /// Attempts that counted so far.
    package var attempt: UInt16
    package var attemptsMax: UInt16
    /// Attempts that ended with the worker lost.
    package var crashes: UInt16
    package var state: JobState
    /// How the last attempt on record ended.
    package var outcome: Outcome
    /// Someone asked to cancel it while it was leased.
    package var cancelRequested: Bool
    /// `runAt` is a backoff, not a wish of the client: a step of the wall clock plans it again.
    package var isBackoff: Bool
    /// The number that the next operation had when the backoff was planned: replanning operations from there on are
    /// about it. Below 2³⁰; meaningless unless ``isBackoff``.
    package var plan: UInt32

    package init(
        id: JobID, serial: Int64, type: TypeIndex, state: JobState, priority: Int16, rank: Int64, runAt: WallTime,
        createdAt: WallTime, attemptsMax: UInt16, payloadBytes: UInt32, digest: UInt64
    ) {
        self.id = id
        self.serial = serial
        self.type = type
        self.state = state
        self.priority = priority
        self.rank = rank
        self.runAt = runAt
        self.createdAt = createdAt
        self.attemptsMax = attemptsMax
        self.payloadBytes = payloadBytes
        self.digest = digest
        finishedAt = .none
        startedAt = .none
        token = .none
        worker = 0
        attempt = 0
        crashes = 0
        outcome = .none
        cancelRequested = false
        isBackoff = false
        plan = 0
    }
}

/// A type by number, from 0; the table of types on disk gives its name.
package struct TypeIndex: Hashable, Comparable, Sendable {
    package var value: Int32

    package init(_ value: Int32) { self.value = value }
    package init(_ value: Int) { self.value = Int32(value) }

    package var asInt: Int { Int(value) }
    package static func < (left: TypeIndex, right: TypeIndex) -> Bool { left.value < right.value }
}

/// Bytes that the core carries but never opens (a payload, a result, an error text): a place in the list of the open
/// batch, 0 for none.
package struct Blob: Hashable, Sendable {
    package var place: UInt32

    package init(place: UInt32) { self.place = place }
    package static let none = Blob(place: 0)
    package var isNone: Bool { place == 0 }
}
