import ArgumentParser
import Foundation
import Glibc
import Stint
import StintCore
import Synchronization

/// Hours of steady load with faults of all kinds that can happen to a process, and a look at what grows.
///
/// The time is cut into nine blocks. In the even ones everything is killed, stopped and restarted; in the odd ones the
/// broker lives on (it is stopped now and then, and its peers die as before), so that its memory can be seen to grow or
/// not to.
struct Soak: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Hours of load and faults; memory, log and store are measured, and conservation is judged at the end."
    )

    @Option(help: "How long.") var hours = 1.0
    @Option(help: "Faults an hour.") var faults = 600
    @OptionGroup var frame: Frame
    @OptionGroup var sizes: Sizes

    func validate() throws {
        guard hours > 0, faults > 0 else { throw ValidationError("--hours and --faults must be above 0") }
    }

    func run() async throws {
        let reporter = Reporter(frame: frame, seed: frame.makeSeed(), folder: try frame.makeFolder())
        let (seconds, faults) = (hours * 3_600, faults)
        let scenario = Scenario(name: "soak", about: "") { stage in
            try await Self.soak(stage, seconds: seconds, faultsAnHour: faults)
        }
        guard await reporter.perform(scenario, sizes) else { throw ExitCode.failure }
    }

    private static func soak(_ stage: Stage, seconds: Double, faultsAnHour: Int) async throws -> Figures {
        let rig = try stage.rig("soak")
        let crew = try Crew(on: rig, load: LoadPlan(rate: stage.sizes.rate, seed: stage.seed))
        let gauge = Gauge(rig: rig, broker: crew.broker)
        let start = ContinuousClock.now
        var torment = Torment(crew: crew, random: rig.random("soak"))
        let measuring = Task { await gauge.run() }
        defer { measuring.cancel() }
        let block = seconds / 9
        while true {
            let passed = (ContinuousClock.now - start) / .seconds(1)
            if passed >= seconds { break }
            // Exponential pauses: faults come as they like, also two at a time.
            let pause = -log(Double.random(in: 0.001..<1, using: &torment.random)) * 3_600 / Double(faultsAnHour)
            try await Task.sleep(for: .seconds(min(pause, seconds - passed)))
            try await torment.one(sparingBroker: Int(passed / block).isMultiple(of: 2))
        }
        var figures = torment.figures
        figures["hours"] = .text(String(format: "%.2f", (ContinuousClock.now - start) / .seconds(3_600)))
        figures.add(gauge.figures)
        figures.add(try await crew.finish(patience: .seconds(300)).figures)
        return figures
    }
}

/// Faults of all kinds, one after the other.
private struct Torment {
    let crew: Crew
    var random: SeededRandom
    private var counts: [String: Int] = [:]

    init(crew: Crew, random: SeededRandom) {
        self.crew = crew
        self.random = random
    }

    var figures: Figures {
        var figures = Figures()
        for (name, number) in counts.sorted(by: { $0.key < $1.key }) { figures[name] = .number(number) }
        return figures
    }

    mutating func one(sparingBroker: Bool) async throws {
        let worker = random.pick(crew.workers + [crew.shell].compactMap { $0 })
        switch random.next(upTo: 99) {
        case 0..<30:
            counts["worker_kills", default: 0] += 1
            try await worker.kill9(absentFor: random.duration(0...1_500))
        case 30..<50:
            counts["worker_stops", default: 0] += 1
            try await worker.freeze(for: random.duration(50...3_000))
        case 50..<60:
            counts["worker_restarts", default: 0] += 1
            try await worker.restart()
        case 60..<75:
            counts["broker_stops", default: 0] += 1
            try await crew.broker.freeze(for: random.duration(50...3_000))
        case 75..<90 where !sparingBroker:
            counts["broker_kills", default: 0] += 1
            try await crew.broker.kill9(absentFor: random.duration(0...1_500))
        case 90..<97 where !sparingBroker:
            counts["broker_restarts", default: 0] += 1
            try await crew.broker.restart(absentFor: random.duration(0...500))
        default:
            counts["loader_kills", default: 0] += 1
            try await crew.loader?.kill9()
        }
    }
}

/// Looks at the broker's memory and at the files of the store, every two seconds.
private final class Gauge: Sendable {
    private struct State {
        var residentAtStart: Int?
        var resident = 0
        var residentMost = 0
        var logMost = 0
        var store = 0
    }

    private let rig: Rig
    private let broker: Seat
    private let state = Mutex(State())

    init(rig: Rig, broker: Seat) {
        self.rig = rig
        self.broker = broker
    }

    func run() async {
        let start = ContinuousClock.now
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(2))
            look(isSettled: ContinuousClock.now - start > .seconds(60))
        }
    }

    /// - Parameter isSettled: Past its start, when caches have filled.
    private func look(isSettled: Bool) {
        let (resident, log, store) = (broker.process.residentBytes, size("-wal"), size(""))
        state.withLock { state in
            if let resident {
                if isSettled { state.residentAtStart = state.residentAtStart ?? resident }
                state.resident = resident
                state.residentMost = max(state.residentMost, resident)
            }
            state.logMost = max(state.logMost, log)
            state.store = store
        }
    }

    private func size(_ suffix: String) -> Int {
        var information = stat()
        return stat(rig.storePath + suffix, &information) == 0 ? Int(information.st_size) : 0
    }

    var figures: Figures {
        state.withLock { state in
            func mebibytes(_ bytes: Int) -> Figures.Figure { .text(String(format: "%.1f", Double(bytes) / 1_048_576)) }
            var figures = Figures()
            figures["rss_start_mib"] = mebibytes(state.residentAtStart ?? state.resident)
            figures["rss_end_mib"] = mebibytes(state.resident)
            figures["rss_most_mib"] = mebibytes(state.residentMost)
            figures["wal_most_mib"] = mebibytes(state.logMost)
            figures["store_mib"] = mebibytes(state.store)
            return figures
        }
    }
}
