import Stint
import StintCore

/// Processes that are started again and again.
enum PoolChecks {
    /// So many starts within ten minutes are an upgrade, or a few accidents.
    static func allowed(connected: Int) -> Int { 3 * connected + 5 }

    static func findings(_ facts: DoctorFacts) -> [Finding] {
        guard let status = facts.broker?.status, let health = status.health else { return [] }
        return health.joins.compactMap { pool, joined in
            let connected = status.workers.count { $0.pool == pool && $0.isConnected }
            guard joined > allowed(connected: connected) else { return nil }
            return Finding(
                .problem, "pools.restarting",
                "\(joined) workers of the pool \(pool) have joined within ten minutes, and \(connected) "
                    + "\(connected == 1 ? "is" : "are") there now: they end soon after they start",
                fix: "read what `stint up` says of \(pool): the exit code and the last lines of each life")
        }
    }
}
