import Foundation
import Glibc
import StintCore

extension Scenario {
    /// SIGKILL to the broker, to workers and to loaders, at random moments under load, all at the same time; then to
    /// supervisors with everything below them.
    ///
    /// A broker lives for up to 1.2 s, long enough for its peers to come back and work, or only for a few milliseconds,
    /// so that some die while they start.
    static let kill = Scenario(
        name: "kill", about: "SIGKILL to broker, workers, loaders and supervisor under load"
    ) { stage in
        let rig = try stage.rig("kill")
        let crew = try Crew(on: rig, load: LoadPlan(rate: stage.sizes.rate, seed: stage.seed))
        var figures = Figures()
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var random = rig.random("broker kills")
                for _ in 0..<stage.sizes.kills {
                    try await Task.sleep(for: random.duration(5...1_200))
                    try await crew.broker.kill9(absentFor: random.duration(0...200))
                }
            }
            group.addTask {
                var random = rig.random("worker kills")
                let seats = crew.workers + [crew.shell].compactMap { $0 }
                for _ in 0..<stage.sizes.workerKills {
                    try await Task.sleep(for: random.duration(5...1_400))
                    try await random.pick(seats).kill9(absentFor: random.duration(0...200))
                }
            }
            group.addTask {
                var random = rig.random("loader kills")
                for _ in 0..<stage.sizes.kills / 20 {
                    try await Task.sleep(for: random.duration(5_000...20_000))
                    try await crew.loader?.kill9()
                }
            }
            try await group.waitForAll()
        }
        figures["broker_kills"] = .number(stage.sizes.kills)
        figures["worker_kills"] = .number(stage.sizes.workerKills)
        figures["loader_kills"] = .number(stage.sizes.kills / 20)
        figures["torment_s"] = .seconds((ContinuousClock.now - start) / .seconds(1))
        let finish = try await crew.finish()
        figures.add(finish.figures)
        let requeue = try await requeueTimes(stage)
        figures.add(requeue.times)
        let supervised = try await supervisorKills(stage)
        figures["supervisor_kills"] = supervised["kills"]
        for other in [requeue.figures, supervised] {
            figures["jobs"] = .number(figures.number("jobs") + other.number("jobs"))
            figures["acknowledged"] = .number(figures.number("acknowledged") + other.number("acknowledged"))
        }
        return figures
    }

    /// Kills of workers alone, with a broker that lives: how soon do their jobs run elsewhere?
    private static func requeueTimes(_ stage: Stage) async throws -> (times: Figures, figures: Figures) {
        let rig = try stage.rig("workers")
        let load = LoadPlan(rate: 40, seed: stage.seed, kind: .held, milliseconds: 2_000)
        let crew = try Crew(on: rig, workers: 4, slots: 60, shell: false, load: load)
        var random = rig.random("workers")
        var kills: [pid_t: Int64] = [:]
        for _ in 0..<max(1, stage.sizes.workerKills / 5) {
            try await Task.sleep(for: random.duration(300...1_500))
            let seat = random.pick(crew.workers)
            kills[seat.process.id] = monotonicNanoseconds()
            try await seat.kill9()
        }
        let finish = try await crew.finish()
        let waits = finish.judge.requeueMilliseconds(after: kills)
        var times = Figures()
        times["workers_killed_alone"] = .number(kills.count)
        times["jobs_of_theirs"] = .number(waits.count)
        if let last = waits.last {
            times["run_again_after_ms_p50"] = .number(Int(waits[waits.count / 2]))
            times["run_again_after_ms_p99"] = .number(Int(waits[waits.count * 99 / 100]))
            guard last < 10_000 else {
                throw Broken("a job of a killed worker was run again only after \(Int(last)) ms, with a lease of 1 s")
            }
        }
        return (times, finish.figures)
    }

    private static func supervisorKills(_ stage: Stage) async throws -> Figures {
        let crew = try SupervisedCrew(on: stage, "supervised")
        var random = crew.rig.random("supervisor kills")
        for _ in 0..<stage.sizes.supervisorKills {
            try await Task.sleep(for: random.duration(1_000...4_000))
            try await crew.killSupervisor()
        }
        var figures = try await crew.finish().figures
        figures["kills"] = .number(stage.sizes.supervisorKills)
        return figures
    }
}
