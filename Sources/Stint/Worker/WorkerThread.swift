import DequeModule
import Foundation
import Logging
import StintCore
import StintTransport
import StintWire

/// The thread of a worker: owns the socket, the session and its heartbeats. Handlers never run here, so a handler that
/// blocks cannot make its worker look dead.
///
/// The rules are in ``WorkerSession``; this is the shell that carries out its actions.
final class WorkerThread {
    struct Identity: Sendable {
        var instance: InstanceID
        var name: String
        var pool: String
        var types: [String]
        var slots: Int
        var build: String
        var key: ConnectionKey?
    }

    private let dealer: DealerSocket
    private let waker: Waker
    private let poller = Poller()
    private let queue: RunQueue
    private let reports: ReportOutbox
    private let control: WorkerControl
    private let identity: Identity
    private let logger: Logger
    private let metrics: WorkerMetrics
    private let pulse: Pulse
    /// An idle thread turns this often, so that a watchdog can tell it from one that hangs.
    private let idleMax: Duration

    private var session: WorkerSession
    private var actions: [WorkerSession.Action] = []
    /// Settle messages that the broker has not confirmed, by key.
    private var settlements: [UInt64: Stint_V1_Settle] = [:]
    /// Handed over by `start`, by lease; bytes of jobs on their way from an assign message to the queue.
    private var arriving: [RunQueue.Run] = []
    private var rebuildAt: ContinuousClock.Instant?
    /// The last handshake was refused.
    private var isRefused = false
    private var knocking = KnockingBackoff()
    /// What was said of a failed handshake: once, until it changes or one succeeds.
    private var saidOfHandshake: String?
    private var withdrawn: Set<String> = []
    private var drainEndsAt: ContinuousClock.Instant?
    private var isForced = false
    /// When it is said that no broker is there yet; nil: said, or no longer true.
    private var absenceToldAt: ContinuousClock.Instant? = .now + .seconds(2)

    init(
        dealer: DealerSocket, waker: Waker, queue: RunQueue, reports: ReportOutbox, control: WorkerControl,
        identity: Identity, pulse: Pulse, idleMax: Duration, logger: Logger
    ) {
        self.dealer = dealer
        self.waker = waker
        self.queue = queue
        self.reports = reports
        self.control = control
        self.identity = identity
        self.pulse = pulse
        self.idleMax = idleMax
        self.logger = logger
        metrics = WorkerMetrics(types: identity.types)
        session = WorkerSession(
            session: Self.freshSession(), lease: .seconds(15), heartbeat: .seconds(1), at: Self.now())
    }

    /// Runs until the worker has drained.
    func run() {
        _ = poller.add(dealer)
        _ = poller.add(waker)
        session.start(&actions)
        perform()
        var patience: Duration = .zero
        defer { pulse.rest() }
        while session.phase != .ended {
            pulse.beat(.waiting)
            poller.wait(upTo: min(patience, idleMax))
            pulse.beat(.turning)
            waker.clear()
            session.clockRead(at: Self.now(), &actions)
            perform()
            takeControl()
            takeEvents()
            while let frame = dealer.receive() { take(frame) }
            settleFinished()
            sendReports()
            let wake = session.tick(fresh: Self.freshSession(), at: Self.now(), &actions)
            session.endIfDone(&actions)
            perform()
            tellAbsence()
            patience = nextPatience(wake)
        }
        reports.close()
        queue.close()
        waitForGoodbye()
        dealer.close()
    }

    /// Closing throws away what was not sent, so BYE waits for its answer, but not for long.
    private func waitForGoodbye() {
        let limit = ContinuousClock.now + .milliseconds(300)
        while dealer.receive() == nil, ContinuousClock.now < limit {
            poller.wait(upTo: max(.zero, limit - .now))
            waker.clear()
            while dealer.nextEvent() != nil {}
        }
    }

    private func nextPatience(_ wake: Instant) -> Duration {
        let untilWake = max(.zero, wake - Self.now().instant)
        var look = ContinuousClock.now + min(untilWake, .seconds(3600))
        look = queue.stopOverdue(nextLook: look)
        if let next = reports.nextFlush() { look = min(look, next) }
        if let drainEndsAt, !isForced { look = min(look, drainEndsAt) }
        if let rebuildAt { look = min(look, rebuildAt) }
        if let absenceToldAt { look = min(look, absenceToldAt) }
        return max(.zero, look - .now)
    }

    static func now() -> Moment {
        Moment(
            instant: Instant(nanoseconds: MonotonicClock.nanoseconds()),
            wall: WallTime(milliseconds: WallClock.milliseconds()))
    }

    private func tellAbsence() {
        guard let at = absenceToldAt, at <= .now else { return }
        absenceToldAt = nil
        logger.warning("no broker answers; trying until one does", metadata: ["endpoint": "\(dealer.endpoint)"])
    }

    private static func freshSession() -> SessionID { SessionID(.random(in: 1 ... .max)) }

    // MARK: Outside

    private func takeControl() {
        if let limit = control.drainLimit, drainEndsAt == nil {
            logger.info("draining", metadata: ["held": "\(session.heldCount)"])
            drainEndsAt = .now + limit
            session.drain(&actions)
        }
        if let drainEndsAt, drainEndsAt <= .now, !isForced {
            isForced = true
            queue.stopAll(.drained)
        }
        if drainEndsAt != nil, session.phase == .greeting, isForced || session.holdsNothing {
            // Nobody to say goodbye to, and nothing to deliver or no time left for it. Whoever holds the leases now
            // finds out by himself.
            session.abandonEverything(&actions)
        }
    }

    private func takeEvents() {
        while let event = dealer.nextEvent() {
            switch event {
            case .retrying: break
            case .connected: saidOfHandshake = nil
            case .handshakeFailed(let failure): handshakeFailed(failure)
            case .disconnected:
                logger.info("connection to the broker lost")
                session.lostSession(fresh: Self.freshSession(), at: Self.now(), &actions)
            case .endpointLost:
                rebuildAt = .now + (isRefused ? knocking.next() : .milliseconds(Int.random(in: 200...500)))
            }
        }
        if let at = rebuildAt, at <= .now {
            rebuildAt = nil
            rebuild()
            session.lostSession(fresh: Self.freshSession(), at: Self.now(), &actions)
        }
    }

    /// The worker goes on trying, ever more slowly when it is refused: its key may be made valid again.
    private func handshakeFailed(_ failure: DealerSocket.HandshakeFailure) {
        let trouble = HandshakeTrouble(failure, at: "\(dealer.endpoint)", with: identity.key)
        isRefused = trouble.isRefusal
        absenceToldAt = nil
        guard saidOfHandshake != trouble.sentence else { return }
        saidOfHandshake = trouble.sentence
        logger.error("no connection to the broker; trying on", metadata: ["reason": "\(trouble.sentence)"])
    }

    private func rebuild() {
        if (try? dealer.rebuild()) == nil { rebuildAt = .now + .seconds(1) }
    }

    // MARK: In

    private func take(_ frame: [UInt8]) {
        guard let (value, message) = try? Frame.decode(frame), value == session.session.value else { return }
        do {
            try take(message)
        } catch {
            logger.error("the broker sent what this worker cannot read", metadata: ["error": "\(error)"])
        }
        perform()
    }

    private func take(_ message: Stint_V1_Envelope.OneOf_Message) throws {
        switch message {
        case .workerWelcome(let welcome):
            let terms = try welcome.terms()
            session.welcomed(
                lease: terms.lease, heartbeat: terms.heartbeat, lost: terms.lost, cancelled: terms.cancelled,
                at: Self.now(), &actions)
            reports.sessionBegan()
            control.joined()
            absenceToldAt = nil
            isRefused = false
            knocking.admitted()
            if !welcome.refusedTypes.isEmpty {
                logger.error(
                    "this worker's key may not take some of its types; they are not served here",
                    metadata: ["types": "\(welcome.refusedTypes.joined(separator: ", "))"])
            }
            for type in withdrawn.sorted() { sendWithdraw(type, "") }
            logger.info("joined the broker", metadata: ["epoch": "\(welcome.epoch)"])
        case .sayHello: session.lostSession(fresh: Self.freshSession(), at: Self.now(), &actions)
        case .pong(let pong): session.pong(pong.number, at: Self.now())
        case .assign(let assign): try self.assigned(assign)
        case .settled(let settled): session.confirmed(upTo: settled.upTo, &actions)
        case .revoke(let revoke):
            let (lost, cancelled) = try revoke.lost.leases()
            session.revoked(lost, &actions)
            session.cancelRequested(cancelled, &actions)
        case .checkpointSaved(let saved): reports.saved(saved.number, refused: saved.refused)
        case .refused(let refused):
            logger.error("the broker refuses this worker", metadata: ["reason": "\(refused.message)"])
            control.refused(refused.refusal)
            // In the middle of a session it is over, and so are its leases.
            if session.phase == .serving { session.lostSession(fresh: Self.freshSession(), at: Self.now(), &actions) }
        default: break  // from a newer broker: not for us
        }
    }

    private func assigned(_ message: Stint_V1_Assign) throws {
        let jobs = try message.jobs()
        for job in jobs {
            let type = message.types[job.type]
            let attempt = Attempt(
                id: job.lease.id, type: type.name, number: job.attempt, attemptsMax: job.attemptsMax,
                priority: Int(job.detail?.priority ?? 0), token: job.lease.token,
                timeout: .milliseconds(Int64(clamping: min(type.timeoutMs, 1 << 40))), payload: job.payload,
                checkpoint: job.detail.flatMap { $0.checkpoint.isEmpty ? nil : $0.checkpoint },
                trace: job.detail.map { TraceHeaders($0.extras) } ?? TraceHeaders())
            arriving.append(
                RunQueue.Run(
                    lease: job.lease, attempt: attempt, channel: RunChannel(lease: job.lease, outbox: reports)))
        }
        session.assigned(jobs.map(\.lease), &actions)
    }

    // MARK: Settlements

    /// Takes everything that ended since the last time into settle messages: one epoch each, bounded in jobs and bytes.
    private func settleFinished() {
        let finished = queue.takeFinished()
        guard !finished.isEmpty else { return }
        var builder = SettleBuilder()
        for item in finished where session.holds(item.run.lease) {
            metrics.ended(item)
            if case .released(let withdraws, let reason) = item.end, withdraws {
                withdraw(item.run.attempt.type, reason)
            }
            if !builder.hasRoom(for: item) { settle(&builder) }
            builder.add(item)
        }
        settle(&builder)
        perform()
    }

    private func settle(_ builder: inout SettleBuilder) {
        guard let (message, leases) = builder.take() else { return }
        let key = session.settled(leases, &actions)
        settlements[key] = message
    }

    /// A type whose handler cannot run here: give back what waits, and take no more of it.
    private func withdraw(_ type: String, _ reason: String) {
        guard withdrawn.insert(type).inserted else { return }
        logger.error(
            "this worker takes no more jobs of a type", metadata: ["type": "\(type)", "reason": "\(reason)"])
        sendWithdraw(type, reason)
        release(queue.takeWaiting(ofType: type))
    }

    private func sendWithdraw(_ type: String, _ reason: String) {
        var message = Stint_V1_Withdraw()
        message.type = type
        message.reason = String(reason.prefix(1_024))
        send(.withdraw(message))
    }

    private func release(_ runs: [RunQueue.Run]) {
        var builder = SettleBuilder()
        for run in runs where session.holds(run.lease) {
            let item = RunQueue.Finished(
                run: run, end: .released(withdraws: false, reason: ""), microseconds: 0)
            if !builder.hasRoom(for: item) { settle(&builder) }
            builder.add(item)
        }
        settle(&builder)
    }

    // MARK: Reports

    private func sendReports() {
        guard session.phase == .serving else { return }
        for message in Stint_V1_Progress.messages(reports.takeProgress().reports) { send(.progress(message)) }
        for checkpoint in reports.takeCheckpoints() {
            var message = Stint_V1_Checkpoint()
            message.number = checkpoint.number
            message.id = Data(checkpoint.lease.id)
            message.epoch = checkpoint.lease.token.epoch
            message.sequence = checkpoint.lease.token.sequence
            message.state = checkpoint.state
            send(.checkpoint(message))
        }
    }

    // MARK: Actions

    private func perform() {
        while !actions.isEmpty {
            let batch = actions
            actions.removeAll(keepingCapacity: true)
            for action in batch { perform(action) }
        }
    }

    private func perform(_ action: WorkerSession.Action) {
        switch action {
        case .hello: sayHello()
        case .heartbeat(let number):
            noteRunning()
            send(.heartbeat(Stint_V1_Heartbeat(number: number, running: queue.running)))
        case .start:
            queue.push(arriving)
            arriving.removeAll(keepingCapacity: true)
        case .abandon(let lease): queue.stop(lease, .leaseLost)
        case .cancel(let lease): queue.stop(lease, .jobCancelled)
        case .settle(let key, let number):
            guard var message = settlements[key] else { preconditionFailure("a settlement lost its bytes") }
            message.number = number
            send(.settle(message))
        case .forget(let key): settlements[key] = nil
        case .recall: release(queue.recall())
        case .suspend:
            logger.warning(
                "the broker has been silent for a lease; nothing new is started until it answers again",
                metadata: ["endpoint": "\(dealer.endpoint)"])
            queue.suspend()
        case .resume: queue.resume()
        case .drain: send(.drain(Stint_V1_Drain()))
        case .bye: send(.bye(Stint_V1_Bye()))
        // A refused worker has its own time to knock again.
        case .rebuild: if rebuildAt == nil { rebuild() }
        }
    }

    private func noteRunning() {
        for lease in queue.running { session.began(lease) }
    }

    private func sayHello() {
        noteRunning()
        var hello = Stint_V1_WorkerHello()
        hello.protocolMin = Frame.protocolVersions.lowerBound
        hello.protocolMax = Frame.protocolVersions.upperBound
        hello.instance = Data(identity.instance)
        hello.incarnation = session.incarnation
        hello.name = identity.name
        hello.pool = identity.pool
        hello.slots = UInt32(identity.slots)
        hello.build = identity.build
        hello.wallMs = WallClock.milliseconds()
        hello.types = identity.types.map { name in
            var type = Stint_V1_ServedType()
            type.name = name
            return type
        }
        let held = session.heldLeases
        hello.held =
            Stint_V1_Held.groups(held.filter(\.isRunning).map(\.lease), .running)
            + Stint_V1_Held.groups(held.filter { !$0.isRunning }.map(\.lease), .waiting)
            + Stint_V1_Held.groups(session.unconfirmed.flatMap(\.leases), .settled)
        send(.workerHello(hello))
    }

    private func send(_ message: Stint_V1_Envelope.OneOf_Message) {
        if dealer.send(Frame.encode(message, session: session.session.value)) == .unreachable, rebuildAt == nil {
            rebuildAt = .now + .milliseconds(Int.random(in: 200...500))
        }
    }
}

extension Stint_V1_Held {
    static func groups(_ leases: [LeaseReference], _ state: State) -> [Stint_V1_Held] {
        LeaseGroups(leases).groups.map { group in
            var held = Stint_V1_Held()
            held.state = state
            held.epoch = group.epoch
            held.ids = group.ids
            held.sequences = group.sequences
            return held
        }
    }
}
