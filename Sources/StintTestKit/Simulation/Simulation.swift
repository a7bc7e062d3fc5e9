import StintBroker
import StintCore
import StintStore
import StintTransport
import StintWire

/// One life of a cluster, made from a seed: a broker, workers that fall silent, lie, crash and drain, clients that
/// repeat themselves and change their minds, commits that fail, crashes, connections that break, and clocks that jump.
/// A ``Ledger`` writes down what was promised. Same seed: same life, byte for byte, in every process.
///
///     let report = try Simulation(seed: 7).run()
///
/// After `operations` random acts the faults stop and everybody becomes honest. Within three lease periods every job
/// must then have reached a final state.
package final class Simulation {
    package struct Report: Hashable, Sendable {
        package var seed: UInt64
        package var operations = 0
        package var turns = 0
        /// Frames in both directions.
        package var frames = 0
        package var jobs = 0
        package var crashes = 0
        /// Of everything that was received, committed and sent.
        package var digest: UInt64 = 0
    }

    /// A life in which something happened that must not.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        package let seed: UInt64
        package let operations: Int
        package let problems: [String]
        package let history: [String]

        package var description: String {
            """
            seed \(seed) breaks a rule:
            \(problems.prefix(10).map { "  " + $0 }.joined(separator: "\n"))
            what happened last:
            \(history.suffix(60).map { "  " + $0 }.joined(separator: "\n"))
            to see it again: stint-sim --seed \(seed) --operations \(operations)
            """
        }
    }

    static let settings = BrokerState.Settings(
        lease: .seconds(6), heartbeat: .seconds(2),
        defaultPolicy: Policy(
            attempts: 3, backoff: Backoff(first: .milliseconds(100), factor: 3, most: .seconds(2)),
            timeout: .seconds(20), grace: .seconds(2)))
    /// Jobs of the last type may be removed by clients.
    static let types = ["mail", "image", "rare", "trash"]

    let seed: UInt64
    let broker: SimulatedBroker
    var random: SeededRandom
    var ledger = Ledger()
    var workers: [SimulatedWorkerProcess] = []
    var clients: [SimulatedClientProcess] = []
    var report: Report
    /// Answers to requests that are carried out once; for lookup only.
    var answers: [RequestID: UInt64] = [:]
    var isHonest = false
    /// How far the wall clock was set back in all.
    var wallDebt: Duration = .zero
    private var ids: UInt64 = 0
    private var names = 0
    private var history: [String] = []
    private let keepsHistory: Bool
    private let operations: Int

    /// - Parameters:
    ///   - operations: Random acts before the faults stop; nil: 500 to 2 000, by the seed.
    ///   - keepsHistory: Writes down every act, for a life that failed before.
    package init(seed: UInt64, operations: Int? = nil, keepsHistory: Bool = false) {
        self.seed = seed
        self.keepsHistory = keepsHistory
        random = SeededRandom(seed: seed)
        let chosen = 500 + Int(random.next(upTo: 1_500))
        self.operations = operations ?? chosen
        report = Report(seed: seed)
        broker = SimulatedBroker(
            BrokerTurn.Configuration(settings: Self.settings, seed: random.next()), at: SimulatedBroker.start)
        broker.carry = { [unowned self] in carry($0) }
        broker.onEvent = { [unowned self] in happened($0) }
    }

    /// Runs a life, and when it fails runs it again with its history written down.
    package static func run(seed: UInt64, operations: Int? = nil) throws -> Report {
        do {
            return try Simulation(seed: seed, operations: operations).run()
        } catch is Failure {
            return try Simulation(seed: seed, operations: operations, keepsHistory: true).run()
        }
    }

    package func run() throws -> Report {
        for _ in 0..<2 { addClient() }
        for _ in 0..<3 { addWorker() }
        for operation in 0..<operations {
            report.operations += 1
            act()
            if !chance(30) { turn() }
            if operation % 64 == 0 { try check() }
        }
        try end()
        report.turns = broker.steps
        report.jobs = ledger.ids.count
        return report
    }

    // MARK: Chance

    func chance(_ percent: UInt64) -> Bool { random.next(upTo: 99) < percent }
    func pick<Element>(_ elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[Int(random.next(upTo: UInt64(elements.count - 1)))]
    }
    func freshSession() -> SessionID { SessionID(random.next() | 1) }
    func freshRequest() -> RequestID { RequestID(high: random.next(), low: random.next()) }
    func freshName(_ kind: String) -> String {
        names += 1
        return "\(kind)-\(names)"
    }

    /// Mostly rising, as the library makes them; sometimes of another host whose clock is behind.
    func freshID() -> JobID {
        ids += 1
        let behind: UInt64 = chance(20) ? random.next(upTo: 5_000) : 0
        return JobID(
            milliseconds: UInt64(broker.now.wall.milliseconds) - behind, counter: UInt16(ids & 4_095),
            random: random.next())
    }

    // MARK: Turns

    /// One turn of the broker, and everybody reads what came.
    func turn() {
        broker.step()
        readInboxes()
    }

    func readInboxes() {
        for client in clients { read(client) }
        for worker in workers { read(worker) }
        for worker in workers where !worker.isSilent(at: broker.now) { worker.startWaiting() }
    }

    /// Time passes for everybody, in steps small enough for heartbeats.
    func pass(_ duration: Duration) {
        var left = duration
        while left > .zero {
            let step = min(left, .milliseconds(500))
            left -= step
            broker.advance(by: step)
            readInboxes()
            for worker in workers where !worker.isSilent(at: broker.now) { tick(worker) }
            turn()
        }
    }

    private func carry(_ frame: OutgoingFrame) -> Bool {
        switch frame.destination {
        case .worker:
            guard let worker = workers.first(where: { $0.address == frame.peer }) else { return false }
            worker.inbox.append(frame.body)
        case .client:
            guard let client = clients.first(where: { $0.address == frame.peer }) else { return false }
            client.inbox.append(frame.body)
        }
        return true
    }

    // MARK: Trace

    private func happened(_ event: SimulatedBroker.Event) {
        switch event {
        case .received(let body):
            report.frames += 1
            mix(body)
        case .sent(let body):
            report.frames += 1
            mix(body)
            writeTokens(body)
        case .committed(let batch): report.digest = Digest.mixed(report.digest, batch.number)
        case .commitFailed(let how):
            report.digest = Digest.mixed(report.digest, how == .isLost ? 1 : 2)
        case .crashed:
            report.crashes += 1
            broke()
        }
    }

    private func mix(_ body: [UInt8]) { report.digest = Digest.mixed(report.digest, body.withUnsafeBytes(Digest.of)) }

    /// Every lease is written down when it leaves, whether it arrives or not.
    private func writeTokens(_ body: [UInt8]) {
        guard let decoded = try? Frame.decode(body) else {
            return ledger.problem("the broker sent what nobody can read")
        }
        guard case .assign(let assign) = decoded.message else { return }
        do {
            for assignment in try SimulatedPeer.assignments(assign) { ledger.assigned(assignment) }
        } catch {
            ledger.problem("the broker sent an assignment that breaks the protocol: \(error)")
        }
    }

    func note(_ sentence: @autoclosure () -> String) {
        guard keepsHistory else { return }
        history.append("\(broker.now.instant.nanoseconds / 1_000_000) ms: \(sentence())")
    }

    // MARK: Judgement

    func check() throws {
        for problem in broker.checkInvariants() { ledger.problem(problem) }
        try failIfBroken()
    }

    func judgeStore(_ when: String) {
        let reader: any StoreReader
        do { reader = try broker.store.makeReader() } catch { return ledger.problem("\(error)") }
        ledger.judge(
            broker.storedRows(), results: { id in (try? reader.details(id))?.flatMap { $0.result } }, when: when)
    }

    func failIfBroken() throws {
        guard !ledger.problems.isEmpty else { return }
        throw Failure(seed: seed, operations: operations, problems: ledger.problems, history: history)
    }

    /// The broker ended and another one opened the store.
    private func broke() {
        note("the broker starts for the \(broker.life). time")
        judgeStore("after a crash")
        // Connections break with it; whoever speaks next finds a broker that does not know him.
        for worker in workers { worker.inbox.removeAll() }
        for client in clients { client.inbox.removeAll() }
    }
}
