import Foundation
import Glibc
import Stint
import StintCore

extension Scenario {
    /// SIGSTOP and SIGCONT, for less and for more than a lease.
    ///
    /// First only pauses that must cost nothing: a broker of any length, workers for a third of a lease. Not one run may
    /// be in vain, however long the broker was away. Then workers for longer than a lease, and the broker as well: now
    /// jobs are run twice, and each has one accepted answer all the same.
    static let stop = Scenario(
        name: "stop", about: "SIGSTOP to broker and workers, for less and for more than a lease"
    ) { stage in
        var figures = try await harmlessStops(stage)
        let harmful = try await harmfulStops(stage)
        figures["long_worker_stops"] = harmful["worker_stops"]
        figures["runs_in_vain_of_them"] = harmful["runs_in_vain"]
        figures["jobs"] = .number(figures.number("jobs") + harmful.number("jobs"))
        figures["acknowledged"] = .number(figures.number("acknowledged") + harmful.number("acknowledged"))
        return figures
    }

    private static func harmlessStops(_ stage: Stage) async throws -> Figures {
        let rig = try stage.rig("harmless")
        let crew = try Crew(on: rig, load: LoadPlan(rate: stage.sizes.rate, seed: stage.seed))
        let (brokerStops, workerStops) = (stage.sizes.stops / 2, stage.sizes.stops / 4)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var random = rig.random("broker stops")
                for number in 0..<brokerStops {
                    try await Task.sleep(for: random.duration(100...800))
                    try await crew.broker.freeze(
                        for: random.duration(number.isMultiple(of: 2) ? 50...900 : 1_100...2_500))
                }
            }
            group.addTask {
                var random = rig.random("worker stops")
                for _ in 0..<workerStops {
                    try await Task.sleep(for: random.duration(200...2_000))
                    try await random.pick(crew.workers).freeze(for: random.duration(20...330))
                }
            }
            try await group.waitForAll()
        }
        let finish = try await crew.finish()
        var figures = Figures()
        figures["broker_stops"] = .number(brokerStops)
        figures["short_worker_stops"] = .number(workerStops)
        figures.add(finish.figures)
        try finish.judge.expectNoRunInVain("though no worker was away for a lease")
        return figures
    }

    private static func harmfulStops(_ stage: Stage) async throws -> Figures {
        let rig = try stage.rig("harmful")
        let crew = try Crew(on: rig, load: LoadPlan(rate: stage.sizes.rate, seed: stage.seed))
        let workerStops = stage.sizes.stops / 4
        try await withThrowingTaskGroup(of: Void.self) { group in
            // One task for each worker, so that sometimes all of them are away.
            for (index, seat) in crew.workers.enumerated() {
                group.addTask {
                    var random = rig.random("worker \(index)")
                    for _ in stride(from: index, to: workerStops, by: crew.workers.count) {
                        try await Task.sleep(for: random.duration(200...1_500))
                        try await seat.freeze(for: random.duration(1_300...3_500))
                    }
                }
            }
            try await group.waitForAll()
        }
        let finish = try await crew.finish()
        guard finish.figures.number("runs_in_vain") > 0 || workerStops < 5 else {
            throw Broken("workers were stopped for longer than a lease, and nothing ran again: the stops did not bite")
        }
        var figures = finish.figures
        figures["worker_stops"] = .number(workerStops)
        return figures
    }
}
