import StintBroker
import StintCore
import StintStore
import StintTransport
import StintWire

/// One life of a cluster in a simulated world: a broker's process with its disk, workers, clients, the network between
/// them, and clocks. All real code of both ends that decides anything runs; what is simulated has no will but chance.
///
///     let report = try Simulation(LifePlan(seed: 7)).run()
///
/// After the last request and the last fault everything heals and everybody becomes honest. Within three lease periods
/// every job must then have reached a final state, every request its answer, and every worker must be given work.
///
/// The same plan is the same life, byte for byte, in every process.
package final class Simulation {
    enum What {
        case turn(life: Int)
        case commitEnds(life: Int)
        case pageRead(life: Int)
        case pageArrives(life: Int)
        case brokerStarts
        case brokerWakes(life: Int)
        case atBroker(link: Int, generation: UInt32)
        case staleAtBroker(Int)
        case atPeer(link: Int, generation: UInt32)
        case connects(link: Int)
        case noticesBreak(link: Int, generation: UInt32)
        case worker(Int)
        case client(Int)
        case request(Int)
        case fault(Int)
        case heals(Remedy)
    }

    /// What ends a fault that lasts.
    enum Remedy {
        case opens(link: Int, generation: UInt32, breaks: Bool)
        case reads(link: Int)
        case hasRoom
        case isFast
        case isImpatient
        case drains
        case breaksAgain(link: Int, generation: UInt32)
        case wallClock(Duration)
        case isHonest(worker: Int)
        case wakes(worker: Int)
        case wakesClient(Int)
    }

    static let start = Moment(
        instant: Instant(nanoseconds: 1_000_000_000_000), wall: WallTime(milliseconds: 1_900_000_000_000))

    let plan: LifePlan
    let settings: LifeSettings
    var now = Simulation.start
    var events = EventQueue<What>()
    var links: [Link] = []
    /// Of connections that are gone, still on their way to that process of the broker: none of them reaches the next one.
    var staleFrames: [(side: Link.Side, frame: Link.ToBroker, life: Int)] = []
    /// The present and former connections, by address; for lookup only.
    var addresses: [PeerAddress: Int] = [:]
    var workers: [WorkerProcess] = []
    /// Which of them each number on disk means; for lookup only.
    var workerNumbers: [Int32: Int] = [:]
    var clients: [ClientProcess] = []
    var ledger = Ledger()
    var auditor: Auditor
    var report: Report
    var history = History()
    private var brokerProcess: BrokerProcess?
    var broker: BrokerProcess {
        guard let brokerProcess else { preconditionFailure("a life begins with its broker") }
        return brokerProcess
    }

    /// What the broker is told of its host.
    let host: HostFacts
    /// How much the broker's wall clock is ahead of the truth.
    var wallOffset: Duration = .zero { didSet { wallOffsetMilliseconds = wallOffset.inMilliseconds } }
    private var wallOffsetMilliseconds: Int64 = 0
    /// Commits take this many times as long.
    var diskSlowness = 1
    /// Sees every message that is sent, in both directions.
    package var coverage: ((Stint_V1_Envelope.OneOf_Message) -> Void)?
    /// What happened at this very moment; when that never ends, time does not go on.
    private var happenedNow = 0
    private static let eventsOfOneMomentMax = 100_000
    private(set) var isStuck = false
    /// Everything has healed; nothing fails any more.
    var isHealed = false
    /// When the last peer hears that its connection broke.
    var newsUntil = start.instant
    var network: Chance
    var handlers: Chance
    var process: Chance
    private var nextAddress: UInt32 = 1
    var ids = 0
    private var names = 0

    /// - Parameter keepsHistory: Writes down what happens, for a life that failed before.
    package init(_ plan: LifePlan, keepsHistory: Bool = false) {
        self.plan = plan
        settings = LifeSettings(plan)
        report = Report(plan)
        history.isKept = keepsHistory
        network = Chance(plan.seed, .network)
        handlers = Chance(plan.seed, .workers)
        process = Chance(plan.seed, .broker)
        auditor = Auditor(settings)
        var host = HostFacts()
        (host.version, host.zmqVersion, host.sqliteVersion) = ("0", "0", "0")
        (host.logBytes, host.freeBytes, host.hasReserve, host.commitMicroseconds) = (1, 1, true, 500)
        (host.filesOpen, host.filesMax) = (10, 1_000)
        (host.memoryBytes, host.memoryMax) = (1_000_000, 2_000_000)
        self.host = host
    }

    /// Runs the life to its end.
    ///
    /// - Throws: ``Failure`` when a rule was broken.
    package func run() throws -> Report {
        brokerProcess = try BrokerProcess(self, settings.configuration, at: now)
        epochIs(broker.turn.state.numbers.epoch)
        for _ in 0..<settings.clients { addClient() }
        for _ in 0..<settings.workers { addWorker() }
        for (index, fault) in plan.faults.enumerated() { events.add(.fault(index), at: now.instant + fault.at) }
        events.add(.request(0), at: now.instant + .milliseconds(1))
        let limit = now.instant + plan.span * 4
        var nextCheck = now.instant
        while !isOver, !isStuck, let event = events.next(by: limit) {
            happen(event)
            if now.instant >= nextCheck {
                try check()
                nextCheck = now.instant + plan.span / 5
            }
        }
        try end()
        report.simulated = now.instant - Self.start.instant
        report.events = events.count
        report.jobs = ledger.jobs.count
        return report
    }

    private var isOver: Bool { report.operations >= plan.operations && report.faultsLeft == 0 }

    // MARK: Time

    func happen(_ event: EventQueue<What>.Event) {
        precondition(event.at >= now.instant)
        happenedNow = event.at == now.instant ? happenedNow + 1 : 0
        if happenedNow > Self.eventsOfOneMomentMax, !isStuck {
            isStuck = true
            problem("more than \(Self.eventsOfOneMomentMax) things happen at one moment: somebody spins")
        }
        pass(until: event.at)
        switch event.what {
        case .turn(let life): if life == broker.life { broker.turnIsDue() }
        case .commitEnds(let life): if life == broker.life { broker.commitEnds() }
        case .pageRead(let life): if life == broker.life { broker.readNextPage() }
        case .pageArrives(let life): if life == broker.life { broker.pageArrives() }
        case .brokerStarts: startBroker()
        case .brokerWakes(let life): if life == broker.life { wakeBroker() }
        case .atBroker(let link, let generation): arriveAtBroker(link, generation)
        case .staleAtBroker(let index): arriveLate(index)
        case .atPeer(let link, let generation): arriveAtPeer(link, generation)
        case .connects(let link): connect(link)
        case .noticesBreak(let link, let generation): noticeBreak(link, generation)
        case .worker(let index): workerIsDue(workers[index])
        case .client(let index): clientIsDue(clients[index])
        case .request(let number): makeRequest(number)
        case .fault(let index): strike(plan.faults[index])
        case .heals(let remedy): heal(remedy)
        }
    }

    private func pass(until instant: Instant) {
        now.instant = instant
        let passed = (instant.nanoseconds - Self.start.instant.nanoseconds) / 1_000_000
        now.wall.milliseconds = Self.start.wall.milliseconds + passed + wallOffsetMilliseconds
    }

    /// Lets time pass, up to a moment.
    func run(until limit: Instant) {
        while !isStuck, let event = events.next(by: limit) { happen(event) }
        pass(until: limit)
    }

    func setWallClock(ahead offset: Duration) {
        note("the wall clock moves by \(offset - wallOffset)")
        auditor.wallClockMoved(to: now.wall)
        wallOffset = offset
        pass(until: now.instant)
    }

    func turnTakes() -> Duration { .microseconds(20 + Int(network.next() & 127)) }
    func commitTakes() -> Duration { .microseconds((80 + Int(process.next() & 1_023)) * diskSlowness) }

    /// Another thread reads pages, and may be slower than several commits.
    func pageTakes() -> Duration { commitTakes() * (diskSlowness == 1 && process.percent(15) ? 20 : 1) }

    // MARK: Names

    func freshSession() -> SessionID { SessionID(process.next() | 1) }
    func freshInstance() -> InstanceID { InstanceID(high: process.next(), low: process.next()) }
    func freshAddress() -> PeerAddress {
        defer { nextAddress += 1 }
        return PeerAddress(simulated: nextAddress)
    }
    func freshName(_ kind: String) -> String {
        names += 1
        return "\(kind)-\(names)"
    }

    // MARK: The broker's process

    func brokerEnds(because error: any Error) {
        note("the broker ends: \(error)")
        endBroker(after: process.percent(80) ? process.milliseconds(1...300) : process.milliseconds(300...5_000))
    }

    func brokerHasDrained() {
        note("the broker has drained")
        // What it said last arrives: its connections end behind it.
        for link in links.indices { deliverWhatIsUnderWay(link) }
        // And it stays away, for a new version or until somebody comes.
        endBroker(after: process.milliseconds(process.percent(20) ? 1_000...11_000 : 1...500))
    }

    func endBroker(after downtime: Duration) {
        guard broker.isUp else { return }
        do {
            try broker.end(isLucky: process.percent(50))
        } catch {
            problem("the disk is not read any more after the broker's end: \(error)")
        }
        for link in links.indices { breakConnection(link, reconnects: false) }
        events.add(.brokerStarts, at: now.instant + (isHealed ? .milliseconds(1) : downtime))
    }

    private func startBroker() {
        guard !broker.isUp else { return }
        do {
            try broker.start(at: now)
        } catch {
            return problem("the broker does not start: \(error)")
        }
        diskSlowness = 1
        note("the broker starts for the \(broker.life). time, as epoch \(broker.turn.state.numbers.epoch)")
        report.brokerStarts += 1
        for link in links.indices where links[link].address == nil {
            events.add(.connects(link: link), at: now.instant + network.microseconds(100...500_000))
        }
    }

    private func wakeBroker() {
        broker.isPaused = false
        broker.lookAround()
    }

    func epochIs(_ epoch: UInt64) {
        report.mix(epoch)
        auditor.epochIs(epoch)
    }

    func committed(_ batch: Batch) {
        report.commits += 1
        report.mix(batch.number)
        if history.tell != nil {
            note(
                "batch \(batch.number): \(batch.jobs.map { "\($0.kind) \($0.row.id) \($0.row.state) rank \($0.row.rank) at \($0.row.runAt.milliseconds - Self.start.wall.milliseconds)" })"
            )
        }
        auditor.committed(batch, at: now)
        judgeRows(of: batch)
        grantsAreServed(in: batch)
        for lease in auditor.ended { leaseEnded(lease) }
        for lease in auditor.cancelled { cancelIsEnforced(lease) }
        for id in auditor.removedNow { ledger.wasRemoved(id) }
    }

    func heard(_ warnings: [BrokerTurn.Warning]) {
        for warning in warnings { note("the broker warns: \(warning.sentence)") }
    }

    // MARK: History and judgement

    /// Tells everything that happens, while it happens.
    package func tellHistory(_ tell: @escaping (String) -> Void) {
        history.isKept = true
        history.tell = tell
    }

    func note(_ sentence: @autoclosure () -> String) {
        if history.isKept { history.add(sentence(), at: now.instant - Self.start.instant) }
    }

    func problem(_ sentence: String) {
        note("BROKEN: \(sentence)")
        ledger.problems.append(sentence)
    }

    func expect(_ holds: Bool, _ sentence: @autoclosure () -> String) {
        if !holds { problem(sentence()) }
    }

    func check() throws {
        for sentence in auditor.takeProblems() + broker.diskProblems { problem(sentence) }
        checkInvariants()
        try failIfBroken()
    }

    func failIfBroken() throws {
        guard !ledger.problems.isEmpty else { return }
        throw Failure(plan: plan, problems: ledger.problems, history: history.lines)
    }
}
