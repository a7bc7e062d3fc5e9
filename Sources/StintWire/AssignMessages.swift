import Foundation
import StintCore

// What a broker says to its workers, turned into values and checked on the way: a worker trusts its broker with its work,
// but not with its life.

/// What holds in a session, as WELCOME says.
package struct SessionTerms: Hashable, Sendable {
    package var lease: Duration
    package var heartbeat: Duration
    /// Leases named in HELLO that are no longer the worker's.
    package var lost: [LeaseReference]
    /// Those whose job was cancelled meanwhile.
    package var cancelled: [LeaseReference]
}

extension Stint_V1_WorkerWelcome {
    /// Longer than any lease that can be configured; beyond some centuries the arithmetic of times would overflow.
    private static let millisecondsMax: UInt64 = 86_400_000

    package func terms() throws(WireError) -> SessionTerms {
        let (gone, cancelled) = try lost.leases()
        return SessionTerms(
            lease: .milliseconds(Int64(min(max(1, leaseMs), Self.millisecondsMax))),
            heartbeat: .milliseconds(Int64(min(max(1, heartbeatMs), Self.millisecondsMax))), lost: gone,
            cancelled: cancelled)
    }
}

extension [Stint_V1_Lost] {
    /// The leases that are over, and those that stand although their job was cancelled. All or none.
    package func leases() throws(WireError) -> (lost: [LeaseReference], cancelled: [LeaseReference]) {
        var leases: (lost: [LeaseReference], cancelled: [LeaseReference]) = ([], [])
        for group in self {
            if group.reason == .jobCancelled {
                leases.cancelled += try group.leases()
            } else {
                leases.lost += try group.leases()
            }
        }
        return leases
    }
}

/// One job of an `Assign`, its columns put together.
package struct IncomingAssignment: Sendable {
    package var lease: LeaseReference
    /// Its place in the message's types.
    package var type: Int
    package var attempt: Int
    package var attemptsMax: Int
    package var payload: Data
    package var detail: Stint_V1_AssignedDetail?
}

extension Stint_V1_Assign {
    /// All jobs or none: an `Assign` whose columns do not fit starts nothing.
    package func jobs() throws(WireError) -> [IncomingAssignment] {
        let ids = try self.ids.ids(field: "assign.ids")
        guard payloadBytes.count == ids.count, !types.isEmpty else { throw .unevenColumns("assign") }
        var detailOf: [Int: Stint_V1_AssignedDetail] = [:]  // for lookup only
        for detail in details { detailOf[Int(detail.index)] = detail }
        var offset = payloads.startIndex
        var jobs: [IncomingAssignment] = []
        jobs.reserveCapacity(ids.count)
        for (index, id) in ids.enumerated() {
            let type = index < typeIndexes.count ? Int(typeIndexes[index]) : 0
            let end = offset + Int(payloadBytes[index])
            guard type < types.count, end <= payloads.endIndex else { throw .unevenColumns("assign.payloads") }
            jobs.append(
                IncomingAssignment(
                    lease: LeaseReference(
                        id: id, token: FencingToken(epoch: epoch, sequence: firstSequence &+ UInt64(index))),
                    type: type, attempt: index < attempts.count ? Int(attempts[index]) : 1,
                    attemptsMax: Int(index < attemptsMax.count ? attemptsMax[index] : types[type].attemptsMax),
                    payload: payloads[offset..<end], detail: detailOf[index]))
            offset = end
        }
        return jobs
    }
}
