import Foundation
import Glibc
import Stint
import StintCore

extension Scenario {
    /// The broker dies again and again while long jobs run, and is back at once. No handler may be started a second time:
    /// each job runs exactly once, under one token.
    static let adopt = Scenario(
        name: "adopt", about: "kill the broker while long jobs run: every one is adopted, none runs again"
    ) { stage in
        let rig = try stage.rig("adopt")
        let (workers, milliseconds) = (3, 5_000)
        // As many as are to run at any time come anew within the time that one takes.
        let load = LoadPlan(
            rate: max(1, stage.sizes.held * 1_000 / milliseconds), seed: stage.seed, kind: .held,
            milliseconds: milliseconds)
        let crew = try Crew(
            on: rig, workers: workers, slots: min(4_096, 1 + stage.sizes.held * 5 / 4 / workers), shell: false,
            load: load)
        let client = try StintClient(connectingTo: rig.clients, connectPatience: .seconds(30))
        defer { client.close() }
        var random = rig.random("adopt")
        var (held, absences): ([Int], [Double]) = ([], [])
        try await Task.sleep(for: .milliseconds(milliseconds))
        for _ in 0..<stage.sizes.adoptions {
            held.append(try await client.status(timeout: .seconds(30)).counts.leased)
            try await crew.broker.kill9(absentFor: random.duration(0...300))
            let start = ContinuousClock.now
            _ = try await client.status(timeout: .seconds(30))
            absences.append((ContinuousClock.now - start) / .milliseconds(1))
            try await Task.sleep(for: random.duration(100...900))
        }
        let finish = try await crew.finish()
        let again = finish.judge.runsByJob.filter { $0.value != 1 }
        guard again.isEmpty else {
            let findings = again.prefix(20).map { "job \($0.key) ran \($0.value) times" }
            throw Judgement(violations: ["\(again.count) jobs ran again"] + findings, figures: finish.figures)
        }
        var figures = Figures()
        figures["broker_kills"] = .number(stage.sizes.adoptions)
        figures["running_at_a_kill"] = .number(held.reduce(0, +) / max(1, held.count))
        figures["back_after_ms_median"] = .number(Int(absences.sorted()[absences.count / 2]))
        figures["runs_again"] = .number(again.count)
        figures.add(finish.figures)
        return figures
    }
}
