import Foundation
import StintCore
import StintTransport
import StintWire

/// A worker's process in a simulated world: the real ``WorkerSession``, and around it what the library does with a
/// thread and handlers. What handlers do is chance; what a worker says when it lies is, too.
final class WorkerProcess {
    /// A job that was handed to it.
    struct Attempt {
        var lease: LeaseReference
        var type: Int
        var timeout: Duration
    }

    struct Running {
        var attempt: Attempt
        var began: Instant
        var ends: Instant
        var outcome: Stint_V1_SettleDetail.Outcome
    }

    /// A settle message that waits for its confirmation.
    struct Settlement {
        var message: Stint_V1_Settle
        var leases: [LeaseReference]
        /// Places of attempts that completed and were not refused.
        var completions: [Int]
    }

    let index: Int
    let name: String
    let instance: InstanceID
    let types: [String]
    let slots: Int
    let link: Int
    private(set) var session: WorkerSession
    var isAlive = true
    /// Stopped until then.
    var pausedUntil: Instant?
    var isLying = false { didSet { hasLied = hasLied || isLying } }
    private(set) var hasLied = false
    var withdrawn: Set<String> = []

    private var waiting: [Attempt] = []
    private(set) var running: [Running] = []
    private(set) var settlements: [UInt64: Settlement] = [:]
    private var actions: [WorkerSession.Action] = []
    private var paused: [Link.ToPeer] = []
    private var isBreakUnnoticed = false
    private var nextCall = Instant.distantFuture
    private var checkpointNumber: UInt64 = 0
    private(set) var checkpoints: [UInt64: LeaseReference] = [:]
    /// When the broker's process last read a frame of the present connection, and which process that was.
    private(set) var heardAt = Instant(nanoseconds: 0)
    private var givenUpAt = Instant(nanoseconds: 0)
    private var heardBy = 0
    private var greeted: (session: UInt64, life: Int, address: PeerAddress?) = (0, 0, nil)
    /// The last HELLO that a process of the broker read, and when.
    private var hello: (session: UInt64, at: Instant) = (0, Instant(nanoseconds: 0))
    /// What each of the last heartbeats named.
    private(set) var heartbeats: [UInt64: [LeaseReference]] = [:]
    /// The batches that were open when the broker read of types that it withdrew, in this session.
    var withdrawnAsOf: [String: UInt64] = [:]
    var drainingAsOf: UInt64?
    /// Attempts that it ever began.
    private(set) var begun: Set<LeaseReference> = []
    private(set) var hasSaidGoodbye = false
    /// When what was sent that was answered last: its leases are its own for a lease from there.
    private var proof: WorkerProof
    /// Of the last assign message of this session.
    private var assignNumber: UInt64 = 0
    /// Leases of which the broker said that they are lost, or that have a successor here.
    private var lost: Set<LeaseReference> = []  // for lookup only
    /// It knows how long leases and heartbeats are.
    private(set) var knowsTerms = false
    private(set) var wokeAt = Instant(nanoseconds: 0)
    /// Since healing.
    var ranSinceHealing = 0

    init(
        _ index: Int, name: String, instance: InstanceID, session: SessionID, types: [String], slots: Int, link: Int,
        settings: LifeSettings, at now: Moment
    ) {
        self.index = index
        self.name = name
        self.instance = instance
        self.types = types
        self.slots = slots
        self.link = link
        self.session = WorkerSession(session: session, lease: .seconds(15), heartbeat: .seconds(1), at: now)
        proof = WorkerProof(at: now.instant)
    }

    func start(in world: Simulation) {
        session.start(&actions)
        perform(in: world)
        callBack(at: world.now.instant, in: world)
    }

    func holds(_ lease: LeaseReference) -> Bool { session.holds(lease) }
    /// It is welcome, and has nothing to do.
    var isIdle: Bool { session.phase == .serving && waiting.isEmpty && running.isEmpty && session.holdsNothing }

    func began(_ lease: LeaseReference) -> Instant? { running.first { $0.attempt.lease == lease }?.began }

    /// The broker's process read a frame of the present connection. A sign of life is what comes in a session that it
    /// knows, from where that was begun.
    func wasHeard(session: UInt64, isHello: Bool, at instant: Instant, address: PeerAddress, life: Int) {
        if isHello { hello = (session, instant) }
        wasSent(session: session, at: instant, address: address, life: life)
    }

    /// The broker's WELCOME leaves: its session is known from its HELLO on. One that is not answered begins none, because
    /// there were too many.
    func isWelcomed(session: UInt64, at address: PeerAddress, life: Int) {
        // One that waited for the disk may begin a session that is over.
        guard hello.session == session, hello.at > givenUpAt else { return }
        greeted = (session, life, address)
        wasSent(session: session, at: hello.at, address: address, life: life)
    }

    /// The same of a frame that lies there unread: nobody is silent whose word was not read.
    func wasSent(session: UInt64, at instant: Instant, address: PeerAddress, life: Int) {
        guard isServed(session, at: address, life: life) else { return }
        heardAt = heardBy == life ? max(heardAt, instant) : instant
        heardBy = life
    }

    func isServed(_ session: UInt64, at address: PeerAddress, life: Int) -> Bool {
        greeted.session == session && greeted.life == life && greeted.address == address
    }

    /// The broker reads its HELLO, and forgets what held in the session before.
    func beginsAnew() {
        withdrawnAsOf.removeAll()
        drainingAsOf = nil
    }

    /// What it still says in its session is heard by nobody.
    func wasGivenUp(at instant: Instant) {
        greeted.life = 0
        givenUpAt = instant
    }

    func isGreeted(by broker: BrokerProcess) -> Bool { greeted.life == broker.life }

    /// The last sign of life that this process of the broker had of it; its own start counts for everybody.
    func lastHeard(by broker: BrokerProcess) -> Instant {
        heardBy == broker.life ? max(heardAt, broker.startedAt) : broker.startedAt
    }

    // MARK: Called by the world

    func receive(_ frame: Link.ToPeer, in world: Simulation) {
        guard isAlive else { return }
        guard pausedUntil == nil else {
            paused.append(frame)
            return
        }
        take(frame, in: world)
        work(in: world)
    }

    func lostConnection(in world: Simulation) {
        guard isAlive else { return }
        guard pausedUntil == nil else {
            isBreakUnnoticed = true
            return
        }
        world.note("\(name) notices that its connection is broken")
        session.lostSession(fresh: world.freshSession(), at: world.now, &actions)
        work(in: world)
    }

    func wake(in world: Simulation) {
        pausedUntil = nil
        wokeAt = world.now.instant
        let frames = paused
        paused.removeAll()
        for frame in frames { take(frame, in: world) }
        if isBreakUnnoticed {
            isBreakUnnoticed = false
            session.lostSession(fresh: world.freshSession(), at: world.now, &actions)
        }
        work(in: world)
    }

    /// What runs comes to its end now.
    func hurry(in world: Simulation) {
        for place in running.indices { running[place].ends = min(running[place].ends, world.now.instant) }
        work(in: world)
    }

    func drain(in world: Simulation) {
        session.drain(&actions)
        work(in: world)
    }

    /// One round of its thread: what ended is settled, what may start starts, the session does the work of time.
    func work(in world: Simulation) {
        guard isAlive, pausedUntil == nil else { return }
        session.clockRead(at: world.now, &actions)
        if isLying { lie(in: world) }
        settleEnded(in: world)
        perform(in: world)
        startWaiting(in: world)
        var due = session.tick(fresh: world.freshSession(), at: world.now, &actions)
        session.endIfDone(&actions)
        perform(in: world)
        guard isAlive else { return }
        startWaiting(in: world)
        for attempt in running { due = min(due, attempt.ends) }
        callBack(at: due, in: world)
    }

    private func callBack(at due: Instant, in world: Simulation) {
        let at = max(due, world.now.instant)
        guard at < nextCall else { return }
        nextCall = at
        world.events.add(.worker(index), at: at)
    }

    /// It asked to be called now; false for what it asked for before it asked for something earlier.
    func isCalled(at now: Instant) -> Bool {
        guard nextCall <= now else { return false }
        nextCall = .distantFuture
        return true
    }

    // MARK: Running

    private func startWaiting(in world: Simulation) {
        while !session.isSuspended, running.count < slots, !waiting.isEmpty {
            let next = waiting.removeFirst()
            session.began(next.lease)
            begun.insert(next.lease)
            let silence = proof.silence(at: world.now.instant)
            world.expect(
                silence < world.settings.lease,
                "\(name) starts \(next.lease.id) \(silence) after the last word that proves its leases")
            running.append(world.run(next, by: self))
            report(next.lease, in: world)
        }
    }

    /// Now and then a handler says how far it is, or saves its state.
    private func report(_ lease: LeaseReference, in world: Simulation) {
        guard session.phase == .serving else { return }
        if world.handlers.percent(8) {
            var report = Stint_V1_Progress.Report()
            report.id = Data(lease.id)
            report.epoch = lease.token.epoch
            report.sequence = lease.token.sequence
            report.progress = Data("0.5".utf8)
            var message = Stint_V1_Progress()
            message.reports = [report]
            send(.progress(message), in: world)
        }
        if world.handlers.percent(8) { save(lease, in: world) }
    }

    /// Saves a state for the next attempt; when it lies, for one that is not its own.
    private func save(_ lease: LeaseReference, in world: Simulation) {
        checkpointNumber += 1
        checkpoints[checkpointNumber] = lease
        var message = Stint_V1_Checkpoint()
        message.number = checkpointNumber
        message.id = Data(lease.id)
        message.epoch = lease.token.epoch
        message.sequence = lease.token.sequence
        // What a liar saves must not reach the next attempt.
        message.state = Data((holds(lease) ? lease.token.description : "lie").utf8)
        send(.checkpoint(message), in: world)
    }

    /// Attempts that have come to their end, one message for each epoch.
    private func settleEnded(in world: Simulation) {
        let now = world.now.instant
        guard running.contains(where: { $0.ends <= now }) else { return }
        let ended = running.filter { $0.ends <= now }
        running.removeAll { $0.ends <= now }
        settle(ended.map { ($0.attempt, $0.outcome, UInt32(clamping: ($0.ends - $0.began).inMicroseconds)) }, in: world)
    }

    private func settle(
        _ items: [(attempt: Attempt, outcome: Stint_V1_SettleDetail.Outcome, microseconds: UInt32)],
        in world: Simulation
    ) {
        var rest = items.filter { session.holds($0.attempt.lease) }
        while let epoch = rest.first?.attempt.lease.token.epoch {
            let group = rest.filter { $0.attempt.lease.token.epoch == epoch }
            rest.removeAll { $0.attempt.lease.token.epoch == epoch }
            let settlement = world.settlement(of: group, by: self)
            let key = session.settled(settlement.leases, &actions)
            settlements[key] = settlement
        }
    }

    private func lie(in world: Simulation) {
        guard session.phase == .serving, let settlement = world.lie(of: self) else { return }
        // A lease that was foretold is its own, and so is what it saves.
        if settlement.completions.isEmpty, world.handlers.percent(30) { return save(settlement.leases[0], in: world) }
        let key = session.settled(settlement.leases, &actions)
        settlements[key] = settlement
    }

    private func stop(_ lease: LeaseReference) {
        waiting.removeAll { $0.lease == lease }
        running.removeAll { $0.attempt.lease == lease }
    }

    // MARK: What the session wants

    private func perform(in world: Simulation) {
        while !actions.isEmpty {
            let batch = actions
            actions.removeAll(keepingCapacity: true)
            for action in batch { perform(action, in: world) }
        }
    }

    private func perform(_ action: WorkerSession.Action, in world: Simulation) {
        switch action {
        case .hello:
            world.note("\(name) says hello with session \(session.session.value)")
            proof.greets(at: world.now.instant)
            assignNumber = 0
            send(hello(in: world), in: world)
        case .heartbeat(let number):
            heartbeats[number] = running.map(\.attempt.lease)
            heartbeats[number &- 64] = nil
            proof.asked(number, at: world.now.instant)
            send(.heartbeat(Stint_V1_Heartbeat(number: number, running: running.map(\.attempt.lease))), in: world)
        case .start, .suspend, .resume: break
        case .abandon(let lease):
            world.note("\(name) gives up \(lease.id) under \(lease.token)")
            world.expect(lost.contains(lease), "\(name) gives up \(lease.id), and nobody took that away")
            stop(lease)
        case .cancel(let lease): cancel(lease, in: world)
        case .settle(let key, let number):
            guard var message = settlements[key]?.message else { preconditionFailure("a settlement lost its bytes") }
            message.number = number
            send(.settle(message), in: world)
        case .forget(let key):
            guard let settlement = settlements.removeValue(forKey: key) else { return }
            for place in settlement.completions { world.ledger.accepted(settlement.leases[place]) }
        case .recall:
            let recalled = waiting
            waiting.removeAll()
            settle(recalled.map { ($0, .released, 0) }, in: world)
        case .drain: send(.drain(Stint_V1_Drain()), in: world)
        case .bye:
            world.note("\(name) ends")
            world.expect(
                waiting.isEmpty && running.isEmpty && settlements.isEmpty,
                "\(name) says goodbye, with jobs that it runs or settlements that are not confirmed")
            hasSaidGoodbye = true
            send(.bye(Stint_V1_Bye()), in: world)
            world.workerEnds(self)
        case .rebuild: world.breakConnection(link)
        }
    }

    /// Most handlers stop when they are told to.
    private func cancel(_ lease: LeaseReference, in world: Simulation) {
        if waiting.contains(where: { $0.lease == lease }) {
            let recalled = waiting.filter { $0.lease == lease }
            waiting.removeAll { $0.lease == lease }
            settle(recalled.map { ($0, .cancelled, 0) }, in: world)
        }
        guard let place = running.firstIndex(where: { $0.attempt.lease == lease }), !isLying,
            world.isHealed || world.handlers.percent(70)
        else { return }
        running[place].outcome = .cancelled
        running[place].ends = min(running[place].ends, world.now.instant + .milliseconds(5))
    }

    func send(_ message: Stint_V1_Envelope.OneOf_Message, in world: Simulation) {
        world.send(message, session: session.session, over: link)
    }

    private func hello(in world: Simulation) -> Stint_V1_Envelope.OneOf_Message {
        var hello = Stint_V1_WorkerHello()
        hello.protocolMin = 1
        hello.protocolMax = 1
        hello.instance = Data(instance)
        hello.incarnation = session.incarnation
        hello.name = name
        hello.pool = "pool"
        hello.slots = UInt32(slots)
        hello.build = "1.0"
        hello.wallMs = world.now.wall.milliseconds + Int64(index % 3) * 1_000 + 1
        hello.types = types.map { type in
            var served = Stint_V1_ServedType()
            served.name = type
            served.versionMin = 1
            served.versionMax = 2
            served.contract = Data("{}".utf8)
            return served
        }
        func add(_ leases: [LeaseReference], _ state: Stint_V1_Held.State) {
            for group in LeaseGroups(leases).groups {
                var held = Stint_V1_Held()
                held.state = state
                held.epoch = group.epoch
                held.ids = group.ids
                held.sequences = group.sequences
                hello.held.append(held)
            }
        }
        let held = session.heldLeases
        add(held.filter { !$0.isRunning }.map(\.lease), .waiting)
        add(held.filter(\.isRunning).map(\.lease), .running)
        add(session.unconfirmed.flatMap(\.leases), .settled)
        return .workerHello(hello)
    }

    // MARK: What comes

    private func take(_ frame: Link.ToPeer, in world: Simulation) {
        guard frame.session == session.session.value else { return }
        do {
            try take(frame.message, in: world)
        } catch {
            world.problem("the broker broke the protocol: \(error)")
        }
        perform(in: world)
    }

    private func take(_ message: Stint_V1_Envelope.OneOf_Message, in world: Simulation) throws {
        switch message {
        case .workerWelcome(let welcome):
            let terms = try welcome.terms()
            lost.formUnion(terms.lost)
            knowsTerms = true
            session.welcomed(
                lease: terms.lease, heartbeat: terms.heartbeat, lost: terms.lost, cancelled: terms.cancelled,
                at: world.now, &actions)
            proof.isWelcome()
            isRid(of: terms.lost, in: world)
            for type in withdrawn.sorted() { sendWithdraw(type, in: world) }
        case .pong(let pong):
            proof.answered(pong.number)
            session.pong(pong.number, at: world.now)
        case .assign(let assign):
            world.expect(assign.number > assignNumber, "\(name) is sent assign \(assign.number) behind \(assignNumber)")
            assignNumber = assign.number
            assigned(try SimulatedPeer.attempts(assign), in: world)
        case .settled(let settled):
            for refused in settled.refused {
                guard let key = session.unconfirmed.first(where: { $0.number == refused.number })?.key else { continue }
                settlements[key]?.completions.removeAll { $0 == Int(refused.index) }
            }
            session.confirmed(upTo: settled.upTo, &actions)
        case .revoke(let revoke):
            let (gone, cancelled) = try revoke.lost.leases()
            lost.formUnion(gone)
            session.revoked(gone, &actions)
            isRid(of: gone, in: world)
            session.cancelRequested(cancelled, &actions)
        case .sayHello: session.lostSession(fresh: world.freshSession(), at: world.now, &actions)
        case .checkpointSaved(let saved):
            guard let lease = checkpoints.removeValue(forKey: saved.number) else { break }
            if !saved.refused { world.ledger.checkpointSaved(lease) }
        case .refused(let refused): world.problem("\(name) was refused: \(refused.message)")
        default: world.problem("a worker was sent what is not for workers")
        }
    }

    /// What the broker says is lost is not run on.
    private func isRid(of leases: [LeaseReference], in world: Simulation) {
        for lease in leases where holds(lease) { world.problem("\(lease.id) is lost, and \(name) holds it") }
    }

    private func assigned(_ attempts: [Attempt], in world: Simulation) {
        world.note("\(name) is to run \(attempts.map { "\($0.lease.id) under \($0.lease.token)" })")
        func comesAgain(_ lease: LeaseReference) -> Bool { attempts.contains { $0.lease.id == lease.id } }
        for attempt in waiting where comesAgain(attempt.lease) { lost.insert(attempt.lease) }
        for job in running where comesAgain(job.attempt.lease) { lost.insert(job.attempt.lease) }
        waiting += attempts
        session.assigned(attempts.map(\.lease), &actions)
    }

    func withdraw(_ type: String, in world: Simulation) {
        world.note("\(name) withdraws \(type)")
        withdrawn.insert(type)
        if session.phase == .serving { sendWithdraw(type, in: world) }
    }

    private func sendWithdraw(_ type: String, in world: Simulation) {
        var message = Stint_V1_Withdraw()
        message.type = type
        message.reason = "its program is gone"
        send(.withdraw(message), in: world)
    }
}
