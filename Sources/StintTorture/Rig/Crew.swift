import Foundation
import Stint

/// The usual cast: a broker, workers, a worker for executables, and a loader, each in a ``Seat``.
struct Crew: Sendable {
    let rig: Rig
    let broker: Seat
    var workers: [Seat]
    let shell: Seat?
    var loader: Seat?

    init(rig: Rig, broker: Seat, workers: [Seat], shell: Seat?, loader: Seat?) {
        (self.rig, self.broker, self.workers, self.shell, self.loader) = (rig, broker, workers, shell, loader)
    }

    /// - Parameters:
    ///   - load: Nil: the scenario loads by itself.
    ///   - brokerPrefix: A program that runs the broker: `["strace", …]`.
    init(
        on rig: Rig, workers: Int = 3, slots: Int = 4, shell: Bool = true, load: LoadPlan?, brokerPrefix: [String] = [],
        brokerEnvironment: [String: String] = [:]
    ) throws {
        self.rig = rig
        broker = try Seat("broker") { try rig.startBroker(prefix: brokerPrefix, environment: brokerEnvironment) }
        self.workers = try (1...workers).map { number in
            try Seat("worker") { try rig.startWorker("worker.\(number)", slots: slots) }
        }
        self.shell = shell ? try Seat("shell") { try rig.startShellWorker("shell.1") } : nil
        loader = try load.map { load in try Seat("load") { try rig.startLoader(load) } }
    }

    /// Ends the load, waits until no job is under way, ends the rest politely, and judges.
    ///
    /// - Parameters:
    ///   - patience: How long it may take, from the end of the load on, until fewer jobs are under way than before.
    ///   - prefix: A program that runs another where the broker can be reached; see ``TwoHosts``.
    ///   - beforeStopping: The jobs are over, and the cluster is still there.
    ///   - beforeJudging: Everything has stopped; brings the store to where the judge looks.
    func finish(
        patience: Duration = .seconds(120), askingFrom prefix: [String] = [],
        beforeStopping: () async throws -> Void = {}, beforeJudging: () async throws -> Void = {}
    ) async throws -> (judge: Judge, figures: Figures) {
        try await loader?.process.terminate()
        let start = ContinuousClock.now
        try await rig.drain(patience: patience, askingFrom: prefix)
        let drain = (ContinuousClock.now - start) / .seconds(1)
        try await beforeStopping()
        for seat in workers + [shell].compactMap({ $0 }) + [broker] {
            try seat.expectAlive()
            try await seat.process.terminate()
        }
        try await beforeJudging()
        let judge = try Judge(rig)
        var figures = judge.figures
        figures["drain_s"] = .seconds(drain)
        guard judge.violations.isEmpty else { throw Judgement(violations: judge.violations, figures: figures) }
        return (judge, figures)
    }
}

/// The judge found something.
struct Judgement: Error {
    let violations: [String]
    let figures: Figures
}

extension Rig {
    /// Waits until no job is under way and none is to come; see ``Drain``.
    ///
    /// - Parameter patience: How long nothing may go on.
    /// - Throws: ``Broken`` when nothing does.
    func drain(patience: Duration, askingFrom prefix: [String] = []) async throws {
        let drain = try start(
            "drain", [Self.driver, "drain", "--patience", "\(Int(patience / .seconds(1)))"], prefix: prefix,
            environment: peer("driver").merging(["STINT_CLIENTS": clients]) { $1 })
        // The drain has a limit of its own; this one is only there so that a test cannot hang.
        guard try await drain.end(within: .seconds(3_600)) == .exited(0) else {
            let log = (try? String(contentsOfFile: path("logs/drain"), encoding: .utf8)) ?? ""
            throw Broken(log.isEmpty ? "the drain ended without a word" : log)
        }
    }
}
