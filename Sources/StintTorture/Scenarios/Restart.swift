import Foundation
import StintCore

extension Scenario {
    /// Polite restarts of everything, also at the same time, as in a rolling upgrade; then of whole clusters under
    /// `stint up`. Nothing is lost, and as everybody is given the time to finish, nothing runs twice either.
    static let restart = Scenario(
        name: "restart", about: "SIGTERM to all parts in turn and at once, as in a rolling upgrade"
    ) { stage in
        let rig = try stage.rig("parts")
        let crew = try Crew(on: rig, load: LoadPlan(rate: stage.sizes.rate, seed: stage.seed))
        let rounds = stage.sizes.restarts
        try await withThrowingTaskGroup(of: Void.self) { group in
            let parts = [crew.broker, crew.shell, crew.loader].compactMap { $0 } + crew.workers
            for (index, seat) in parts.enumerated() {
                group.addTask {
                    var random = rig.random("part \(index)")
                    for _ in 0..<rounds {
                        try await Task.sleep(for: random.duration(500...2_500))
                        try await seat.restart(absentFor: random.duration(0...400))
                    }
                }
            }
            try await group.waitForAll()
        }
        let finish = try await crew.finish()
        try finish.judge.expectNoRunInVain("though everybody was given the time to finish")
        var figures = Figures()
        figures["restarts_each"] = .number(rounds)
        figures.add(finish.figures)
        let supervised = try await supervisedRestarts(stage)
        figures["supervisor_restarts"] = supervised["restarts"]
        figures["jobs"] = .number(figures.number("jobs") + supervised.number("jobs"))
        figures["acknowledged"] = .number(figures.number("acknowledged") + supervised.number("acknowledged"))
        return figures
    }

    private static func supervisedRestarts(_ stage: Stage) async throws -> Figures {
        let crew = try SupervisedCrew(on: stage, "supervised")
        let rounds = max(1, stage.sizes.restarts / 4)
        var random = crew.rig.random("supervisor")
        for _ in 0..<rounds {
            try await Task.sleep(for: random.duration(2_000...4_000))
            try await crew.supervisor.restart()
        }
        let finish = try await crew.finish()
        try finish.judge.expectNoRunInVain("though stint up gave everybody the time to finish")
        var figures = finish.figures
        figures["restarts"] = .number(rounds)
        return figures
    }
}

extension Judge {
    /// - Throws: ``Judgement`` when a handler ran and its answer did not count.
    func expectNoRunInVain(_ reason: String) throws {
        let inVain = figures.number("runs_in_vain")
        guard inVain > 0 else { return }
        throw Judgement(
            violations: ["\(inVain) runs were in vain, \(reason)"] + runsInVain.prefix(20), figures: figures)
    }
}
