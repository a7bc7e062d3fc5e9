/// What a turn of the core asks for: mutations, made durable first, and actions, released only when they are.
///
/// One value, reused: events append to it, the turn empties it. Nothing is returned in small arrays per event.
package struct Effects: Sendable {
    package var jobs: [JobWrite] = []
    package var rows: [RowWrite] = []
    package var actions: [Action] = []
    /// The jobs of the `assign` actions.
    package var assigned: [AssignedJob] = []
    package var pages: [PageRequest] = []

    package init() {}

    /// Empties it and keeps its memory.
    package mutating func removeAll() {
        jobs.removeAll(keepingCapacity: true)
        rows.removeAll(keepingCapacity: true)
        actions.removeAll(keepingCapacity: true)
        assigned.removeAll(keepingCapacity: true)
        pages.removeAll(keepingCapacity: true)
    }
}

/// Something to say, as soon as everything decided before it is durable.
package enum Action: Sendable {
    /// The session stands; these of the leases it named are lost or cancelled.
    case welcome(SessionID, lost: [LeaseReference], cancelled: [LeaseReference])
    /// Leases `first`… for the jobs in this range of ``Effects/assigned``.
    case assign(SessionID, first: FencingToken, jobs: Range<Int>)
    /// Settlements up to this number are on record, but for those refused, here or before.
    case settled(SessionID, upTo: UInt64, refused: [RefusedSettlement])
    /// The leases are gone.
    case revoke(SessionID, [LeaseReference])
    /// Someone cancelled the job; the lease stands until it is settled or the grace is over.
    case cancel(SessionID, LeaseReference)
    case checkpointSaved(SessionID, number: UInt64, refused: Bool)
}

/// A worker's or client's connection in one life, minted by the peer; never 0.
package struct SessionID: Hashable, Sendable {
    package var value: UInt64
    package init(_ value: UInt64) { self.value = value }
}

package struct LeaseReference: Hashable, Sendable {
    package var id: JobID
    package var token: FencingToken

    package init(id: JobID, token: FencingToken) {
        self.id = id
        self.token = token
    }
}

package struct RefusedSettlement: Hashable, Sendable {
    package var number: UInt64
    package var index: Int
    package var reason: SettleRefusal

    package init(number: UInt64, index: Int, reason: SettleRefusal) {
        self.number = number
        self.index = index
        self.reason = reason
    }
}

/// What an assign message says of one job, apart from its bytes.
package struct AssignedJob: Hashable, Sendable {
    package var id: JobID
    /// Its place in the job table and the stamp of its lease there.
    package var slot: Int32
    package var stamp: UInt32
    package var serial: Int64
    package var digest: UInt64
    package var payloadBytes: UInt32
    package var type: TypeIndex
    package var priority: Int16
    package var attempt: UInt16
    package var attemptsMax: UInt16
}

/// A part of a line that the core wants to see; it comes back through ``BrokerState/pageArrived(_:rows:batch:into:)``.
package enum PageRequest: Hashable, Sendable {
    case ready(TypeIndex, from: ReadyPosition, limit: Int)
    case scheduled(from: SchedulePosition, limit: Int)
}
