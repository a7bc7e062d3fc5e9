import Foundation
import Glibc
import Stint
import StintCore

extension Scenario {
    /// The disk of the store fills up, to a different point each time, under load; sometimes the broker is killed
    /// meanwhile and has to start on the full disk. Then there is space again, and jobs have to be taken by themselves.
    static let disk = Scenario(
        name: "disk", about: "a small disk that fills up and is emptied again (needs the right to mount)"
    ) { stage in
        let rig = try stage.rig("disk", Rig.Options(store: "\(SmallDisk.place)/store/stint.db"))
        let disk = try await SmallDisk(on: rig, megabytes: 320)
        let crew = try Crew(
            on: rig, load: LoadPlan(rate: stage.sizes.rate, seed: stage.seed), brokerPrefix: disk.prefix)
        let client = try StintClient(connectingTo: rig.clients, connectPatience: .seconds(30))
        defer { client.close() }
        let keeper = Task {
            // As a supervisor would: a broker that could not write ends with code 1, and is started again.
            var ended = 0
            while !Task.isCancelled {
                if try crew.broker.reviveAfterFailure() { ended += 1 }
                try? await Task.sleep(for: .milliseconds(200))
            }
            return ended
        }
        defer { keeper.cancel() }
        let probe = try Probe(client: client, rig: rig)
        try await probe.awaitAcknowledgement()
        var random = rig.random("disk")
        var back: [Double] = []
        var kills = 0
        for _ in 0..<stage.sizes.fills {
            try await Task.sleep(for: random.duration(200...1_500))
            try disk.fill(leaving: leftOver(&random))
            try await Task.sleep(for: random.duration(500...2_500))
            if random.next(upTo: 2) == 0, crew.broker.process.signal(SIGKILL) {
                kills += 1
                try await crew.broker.process.end(within: .seconds(30))
                try crew.broker.refill()
                try await Task.sleep(for: random.duration(200...1_500))
            }
            disk.empty()
            let start = ContinuousClock.now
            try await probe.awaitAcknowledgement()
            back.append((ContinuousClock.now - start) / .seconds(1))
        }
        keeper.cancel()
        let ended = try await keeper.value
        let finish = try await crew.finish(beforeJudging: { try await disk.close() })
        var figures = Figures()
        figures["fills"] = .number(stage.sizes.fills)
        figures["kills_while_full"] = .number(kills)
        figures["ended_for_want_of_space"] = .number(ended)
        figures["back_after_s_at_most"] = .seconds(back.max() ?? 0)
        figures.add(finish.figures)
        return figures
    }

    /// Nothing, some pages, what the reserve works with, what refuses new jobs, and a little more than that.
    private static func leftOver(_ random: inout SeededRandom) -> Int {
        let most = random.pick([0, 8, 64, 4_096, 32_768, 65_536, 81_920]) * 1_024
        return Int(random.next(upTo: UInt64(most)))
    }
}
