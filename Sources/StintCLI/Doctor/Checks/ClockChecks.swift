import Stint
import StintCore

/// The wall clocks: of this host, of the broker, of its workers, and against the newest time in the store. Leases do not
/// depend on any of them; when jobs are due, how long they are kept, and what logs say does.
enum ClockChecks {
    /// Less is the business of nobody.
    static let skewMax: Duration = .seconds(2)
    /// The epoch of a broker is the wall clock of its start, or one more than the last; see ``behindStore(_:)``.
    static let behindMax: Duration = .seconds(60)

    static func findings(_ facts: DoctorFacts) -> [Finding] { broker(facts) + workers(facts) + behindStore(facts) }

    private static func broker(_ facts: DoctorFacts) -> [Finding] {
        guard let broker = facts.broker, let wall = broker.status.health?.wall else { return [] }
        // The broker read its clock between our two readings; outside of them it is wrong by at least so much.
        let ahead = max(wall - broker.answeredAt, broker.askedAt - wall)
        guard ahead > skewMax else { return [] }
        let isAhead = wall > broker.answeredAt
        return [
            Finding(
                .warning, "clock.broker",
                "the clock of the broker is \(spelled(ahead)) \(isAhead ? "ahead of" : "behind") the one of this host",
                fix: "run a time service on both hosts; `timedatectl` shows whether one does")
        ]
    }

    private static func workers(_ facts: DoctorFacts) -> [Finding] {
        (facts.broker?.status.workers ?? []).compactMap { worker in
            guard let ahead = worker.clockAhead, max(ahead, .zero - ahead) > skewMax else { return nil }
            let isAhead = ahead > .zero
            return Finding(
                .warning, "clock.worker",
                "the clock of the worker \(worker.name) was \(spelled(max(ahead, .zero - ahead))) "
                    + "\(isAhead ? "ahead of" : "behind") the broker's when it joined",
                fix: "run a time service on its host; `timedatectl` shows whether one does")
        }
    }

    /// Epochs are seconds of the wall clock, and rise by one where the clock does not: an epoch in the future says that the
    /// clock was set back since.
    private static func behindStore(_ facts: DoctorFacts) -> [Finding] {
        guard let epoch = facts.broker?.status.epoch ?? facts.store.epoch.map({ Int($0) }) else { return [] }
        let now = facts.broker?.status.health?.wall ?? facts.host.now
        let ahead = WallTime(milliseconds: Int64(epoch) * 1_000) - now
        guard ahead > behindMax else { return [] }
        return [
            Finding(
                .problem, "clock.behind-store",
                "the clock is \(spelled(ahead)) behind the newest time in the store: it was set back, or was ahead before",
                fix: "set the clock; until then scheduled jobs start late, and jobs that ended are kept for longer")
        ]
    }

    private static func spelled(_ time: Duration) -> String { HumanUnits.string(.seconds(time.inMilliseconds / 1_000)) }
}
