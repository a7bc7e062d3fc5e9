import Foundation
import StintCore
import StintWire

/// What the turn notes beside the rules, for people who look for what is wrong.
struct HealthNotes {
    var joins = JoinLog()
    /// Of the worker in each slot, when it said HELLO: its wall clock less ours, in milliseconds.
    var clocksAhead: [Int32: Int64] = [:]

    /// A worker has said HELLO.
    mutating func joined(_ worker: Int32, pool: String, wall: Int64, isNew: Bool, at now: Moment) {
        if isNew { joins.note(pool, at: now.instant) }
        // A clock that is exactly right is told as one that is a millisecond ahead: 0 says that nothing is known.
        let ahead = wall == 0 ? 0 : wall.subtractingReportingOverflow(now.wall.milliseconds).partialValue
        clocksAhead[worker] = wall != 0 && ahead == 0 ? 1 : ahead
    }
}

extension BrokerTurn {
    private static let overdueTold = 20

    /// Looks at every lease; asked for by people, not by programs that poll.
    func health(at now: Moment) -> Stint_V1_BrokerHealth {
        var health = Stint_V1_BrokerHealth()
        health.version = host.version
        health.zmqVersion = host.zmqVersion
        health.sqliteVersion = host.sqliteVersion
        health.wallMs = now.wall.milliseconds
        health.logBytes = UInt64(max(0, host.logBytes))
        health.freeBytes = UInt64(max(0, host.freeBytes))
        health.reserve = host.hasReserve
        health.commitMicroseconds = UInt64(max(0, host.commitMicroseconds))
        health.clients = UInt32(clients.count)
        health.clientsMax = UInt32(clients.most)
        health.workersMax = UInt32(workers.most)
        health.typesMax = UInt32(Limits.typesMax)
        health.filesOpen = UInt32(clamping: host.filesOpen)
        health.filesMax = UInt32(clamping: host.filesMax)
        health.leaseMs = UInt64(state.settings.lease.inMilliseconds)
        health.heartbeatMs = UInt64(state.settings.heartbeat.inMilliseconds)
        let overdue = overdueLeases(at: now)
        health.overdueLeases = UInt32(clamping: overdue.count)
        health.overdue = Array(overdue.prefix(Self.overdueTold))
        health.joins = notes.joins.counts(at: now.instant).map { pool, joined in
            var joins = Stint_V1_PoolJoins()
            joins.pool = pool
            joins.joined = UInt32(joined)
            return joins
        }
        health.uses = uses()
        return health
    }

    /// Leases that no rule should have let live: older than their timeout, its grace and two leases. The oldest first.
    private func overdueLeases(at now: Moment) -> [Stint_V1_OverdueLease] {
        var overdue: [Stint_V1_OverdueLease] = []
        for entry in state.jobs.entries where entry.place == .leased {
            let policy = state.lines[entry.row.type].policy
            let age = entry.lease.startedAt.map { now.instant - $0 } ?? (now.wall - entry.lease.grantedAt)
            guard age > policy.timeout + policy.grace + state.settings.lease * 2 else { continue }
            var lease = Stint_V1_OverdueLease()
            lease.id = Data(entry.row.id)
            lease.type = state.lines[entry.row.type].name
            lease.worker = entry.lease.worker >= 0 ? state.workers[entry.lease.worker].row.name : ""
            lease.ageMs = UInt64(max(0, age.inMilliseconds))
            lease.timeoutMs = UInt64(policy.timeout.inMilliseconds)
            overdue.append(lease)
        }
        return overdue.sorted { ($0.ageMs, $1.id.base64EncodedString()) > ($1.ageMs, $0.id.base64EncodedString()) }
    }
}
