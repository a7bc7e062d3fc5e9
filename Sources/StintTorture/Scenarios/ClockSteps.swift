import Foundation
import Glibc
import Stint
import StintCore

extension Scenario {
    /// The wall clock of the broker steps by up to ten years, both ways, while it works: libfaketime, with a file that
    /// names the offset, and the monotonic clocks left alone. Workers are told durations and read no wall clock; and
    /// libfaketime upsets the sleeping of handlers, which is the language's, so theirs stays as it is.
    ///
    /// No lease may end for it: not one run is in vain. Each step is followed by a restart of the broker now and then,
    /// so that epochs, which come from the wall clock, have to rise also when it went back.
    static let clock = Scenario(
        name: "clock", about: "the wall clock steps by years, both ways (needs libfaketime)"
    ) { stage in
        let library = try fakeTime()
        let rig = try stage.rig("clock")
        let environment = [
            "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": rig.path("offset"), "FAKETIME_CACHE_DURATION": "1",
            "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
        ]
        try rig.write("offset", "+0\n")
        let crew = try Crew(
            on: rig, load: LoadPlan(rate: stage.sizes.rate, seed: stage.seed), brokerEnvironment: environment)
        let client = try StintClient(connectingTo: rig.clients, connectPatience: .seconds(30))
        defer { client.close() }
        let probe = try Probe(client: client, rig: rig)
        var random = rig.random("clock")
        var (seen, restarts) = (0, 0)
        try await Task.sleep(for: .seconds(1))
        for _ in 0..<stage.sizes.clockSteps {
            let seconds = step(&random)
            try rig.write("offset", seconds < 0 ? "\(seconds)\n" : "+\(seconds)\n")
            if try await brokerSees(offset: seconds, probe) { seen += 1 }
            try await Task.sleep(for: random.duration(200...1_500))
            if random.next(upTo: 4) == 0 {
                restarts += 1
                try await crew.broker.restart()
            }
        }
        // A time that a client wished for means what it says on the new clock (docs/GUARANTEES.md). So that all these are
        // due, whatever the clock said when they were wished for, it ends ahead of everything it ever said.
        try rig.write("offset", "+346896000\n")
        let finish = try await crew.finish()
        guard seen == stage.sizes.clockSteps else {
            throw Broken("of \(stage.sizes.clockSteps) steps of the wall clock only \(seen) reached the broker")
        }
        try finish.judge.expectNoRunInVain("though only the wall clock stepped")
        var figures = Figures()
        figures["steps"] = .number(stage.sizes.clockSteps)
        figures["steps_seen"] = .number(seen)
        figures["broker_restarts"] = .number(restarts)
        figures.add(finish.figures)
        return figures
    }

    /// Half a minute to ten years, both ways.
    private static func step(_ random: inout SeededRandom) -> Int {
        let most = random.pick([30, 90, 3_600, 86_400, 315_360_000])
        let seconds = Int(random.next(upTo: UInt64(most)))
        return random.next(upTo: 1) == 0 ? seconds : -seconds
    }

    /// A job that the broker takes now has its time of creation from the broker's wall clock. libfaketime looks at its
    /// file once a second, when it is asked for the time.
    private static func brokerSees(offset: Int, _ probe: Probe) async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            let created = try await probe.client.job(probe.awaitAcknowledgement(), timeout: .seconds(20)).created
            let here = Int64(Date.now.timeIntervalSince1970 * 1_000)
            if abs(created.milliseconds - here - Int64(offset) * 1_000) < 5_000 { return true }
            try await Task.sleep(for: .milliseconds(100))
        }
        return false
    }

    private static func fakeTime() throws -> String {
        let machines = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib")) ?? []
        let places = machines.map { "/usr/lib/\($0)/faketime/libfaketimeMT.so.1" }
        guard let found = places.first(where: FileManager.default.fileExists) else {
            throw NotRun(sentence: "it needs libfaketime; install it with: apt-get install faketime")
        }
        return found
    }
}
