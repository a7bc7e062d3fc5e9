import Foundation
import Glibc

/// The same cast under `stint up`, with a loader beside it.
struct SupervisedCrew: Sendable {
    let rig: Rig
    let supervisor: Seat
    let loader: Seat

    init(on stage: Stage, _ name: String) throws {
        let folder = "\(stage.folder)/\(name)"
        let pool = """
            "torture": { "command": ["\(Rig.driver)", "work"], "processes": 2, "slots": 4,
                         "environment": { "\(EffectLog.variable)": "\(folder)/effects", "STINT_DRAIN_LIMIT_MS": "5000" } }
            """
        let rig = try stage.rig(name, Rig.Options(pools: pool))
        self.rig = rig
        supervisor = try Seat("up") { try rig.start("up", [Rig.stint, "up"]) }
        loader = try Seat("load") { try rig.startLoader(LoadPlan(rate: stage.sizes.rate / 2, seed: stage.seed)) }
    }

    /// SIGKILL to the supervisor: what it started has to notice and to end by itself, before the next one starts.
    func killSupervisor() async throws {
        try supervisor.expectAlive()
        let loaderID = loader.process.id
        try await supervisor.kill9 {
            let deadline = ContinuousClock.now + .seconds(60)
            while true {
                let left = ProcessTable.inside(rig.folder).filter { $0 != loaderID }
                if left.isEmpty { return }
                guard ContinuousClock.now < deadline else {
                    let names = left.map(ProcessTable.arguments).joined(separator: "; ")
                    throw Broken("60 s after the supervisor was killed there still was: \(names)")
                }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    /// As ``Crew/finish(patience:)``.
    func finish() async throws -> (judge: Judge, figures: Figures) {
        try await loader.process.terminate()
        try await rig.drain(patience: .seconds(120))
        try supervisor.expectAlive()
        try await supervisor.process.terminate(within: .seconds(90))
        let judge = try Judge(rig)
        guard judge.violations.isEmpty else { throw Judgement(violations: judge.violations, figures: judge.figures) }
        return (judge, judge.figures)
    }
}
