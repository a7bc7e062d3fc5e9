import Stint
import StintCore

/// What is under way and should not be any more: leases that outlived their timeout, leases of workers that say nothing,
/// operations that do not move.
enum LeaseChecks {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        guard let broker = facts.broker else { return [] }
        return overdue(broker.status) + inDoubt(broker.status) + operations(broker)
    }

    private static func overdue(_ status: ClusterStatus) -> [Finding] {
        guard let health = status.health, health.overdueLeases > 0 else { return [] }
        let many = health.overdueLeases
        let first = health.overdue.first.map { lease in
            "; the oldest is \(lease.id) of type \(lease.type) on \(lease.worker.isEmpty ? "a worker that is not known" : lease.worker), "
                + "for \(HumanUnits.string(.seconds(lease.age.inMilliseconds / 1_000))) where "
                + "\(HumanUnits.string(lease.timeout)) are allowed"
        }
        return [
            Finding(
                .problem, "leases.overdue",
                "\(many) \(many == 1 ? "lease is" : "leases are") older than the timeout of the job allows\(first ?? "")",
                fix:
                    "end that worker, so that its jobs are given to others, and report it: the broker should have revoked them"
            )
        ]
    }

    private static func inDoubt(_ status: ClusterStatus) -> [Finding] {
        let patience = (status.health?.heartbeat ?? .seconds(5)) * 2
        let silent = status.workers.filter { $0.busy > 0 && (!$0.isConnected || $0.silent > patience) }
        guard let first = silent.max(by: { $0.silent < $1.silent }) else { return [] }
        let jobs = silent.reduce(0) { $0 + $1.busy }
        return [
            Finding(
                .warning, "leases.in-doubt",
                "\(jobs) \(jobs == 1 ? "job is" : "jobs are") held by \(silent.count == 1 ? "a worker" : "\(silent.count) workers") that "
                    + "cannot be heard; \(first.name) has been silent for "
                    + HumanUnits.string(.seconds(first.silent.inMilliseconds / 1_000)),
                fix:
                    "nothing, if it comes back: after a lease its jobs are given to others; see its host and its log otherwise"
            )
        ]
    }

    private static func operations(_ broker: DoctorFacts.Broker) -> [Finding] {
        guard !broker.later.isDraining, !broker.later.isStoreFull else { return [] }
        return broker.status.operations.compactMap { before in
            guard before.number > 0, !before.isPaused,
                let after = broker.later.operations.first(where: { $0.number == before.number }), !after.isPaused,
                after.done == before.done, after.lookedAt == before.lookedAt
            else { return nil }
            return Finding(
                .problem, "operations.stuck",
                "operation \(before.number) (\(before.kind)\(before.type.map { " of \($0)" } ?? "")) has not moved for "
                    + "\(HumanUnits.string(DoctorFacts.askedAgainAfter)); it has done \(before.done) jobs",
                fix: "restart the broker with SIGTERM, which lets it go on from there, and report it")
        }
    }
}
