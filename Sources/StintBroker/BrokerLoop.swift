import Logging
import StintCore
import StintStore
import StintTransport
import Synchronization

/// The shell around ``BrokerTurn``: owns the two sockets and the clocks, and nothing else. One plain thread, no `async`.
final class BrokerLoop {
    private var turn: BrokerTurn
    private let workers: RouterSocket
    private let clients: RouterSocket
    private let committer: Committer
    private let pages: PageReader
    private let control: BrokerControl
    private let logger: Logger
    private let pulse: Pulse
    /// An idle loop turns this often, so that a watchdog can tell it from one that hangs.
    private let idleMax: Duration
    private let poller = Poller()
    private var blocked: BlockedFrames
    private var slow = SlowReaders()
    private var rest = LoopRest()
    /// Since when a drain waits for nothing but blocked frames.
    private var quietSince: Instant?
    /// How much memory the process takes, when that is too much, and since when.
    private var memory: MemoryExcess?
    private var excessSince: Instant?
    private var nextCutWarning = Instant(nanoseconds: 0)
    private let metrics = RefusalMetrics()
    /// Messages that the sockets dropped, as far as they are counted.
    private var droppedTold = 0

    /// Messages read from one socket in one turn, and how long that may take: some questions cost more than others.
    private static let messagesPerTurn = 128
    private static let readingMax: Duration = .milliseconds(5)
    /// How long a drain waits for peers that do not read.
    private static let farewell: Duration = .seconds(1)

    init(
        turn: BrokerTurn, workers: RouterSocket, clients: RouterSocket, committer: Committer, pages: PageReader,
        control: BrokerControl, pulse: Pulse, idleMax: Duration, logger: Logger
    ) {
        self.turn = turn
        blocked = BlockedFrames(framesMax: turn.configuration.settings.bounds.unreadFrames)
        self.workers = workers
        self.clients = clients
        self.committer = committer
        self.pages = pages
        self.control = control
        self.pulse = pulse
        self.idleMax = idleMax
        self.logger = logger
    }

    /// Runs until a drain is complete, or throws what ended it. After a throw nothing more may be said or written.
    func run() throws {
        let workersSlot = poller.add(workers)
        let clientsSlot = poller.add(clients)
        _ = poller.add(control.waker)
        var wake = Self.now().instant
        while true {
            poller.watch(workersSlot, look { $0.readsWorkers })
            poller.watch(clientsSlot, look { $0.readsClients })
            // Connections are looked at now and then, also when none of them says anything.
            let nextLook = Instant(nanoseconds: min(workers.nextLook, clients.nextLook))
            var patience = min(min(wake, nextLook) - Self.now().instant, idleMax)
            if !blocked.isEmpty || !slow.isEmpty { patience = min(patience, .milliseconds(5)) }
            pulse.beat(.waiting)
            rest.watch { poller.wait(upTo: max(.zero, patience)) }
            pulse.beat(.turning)
            control.waker.clear()

            try takeCommitResult()
            let now = Self.now()
            control.withFacts { facts in
                turn.storeIsFull = facts.host.storeIsFull
                turn.storeBytes = facts.host.storeBytes
                if turn.host != facts.host { turn.host = facts.host }
                if let excess = facts.host.memoryExcess { memory = excess }
                if facts.isDraining || memory != nil, !turn.state.isDraining { turn.drain() }
                if facts.hasAccessNews { takeAccessNews(now) }
            }
            try endIfHopeless(now.instant)
            try takePages()
            let changes = try receive(now)
            guardConnections(now.instant)
            wake = try turn.finish(at: now)
            pages.ask(turn.takePageRequests())
            for warning in turn.takeWarnings() {
                logger.warning("\(warning.sentence)", metadata: warning.details.mapValues { "\($0)" })
            }
            if try handOut(changes: changes) { wake = now.instant }
            pulse.beat(.sending)
            if try send() { wake = now.instant }
            if changes == 0 { rest.take() }
            // A job that was found corrupt while its frame was built waits in a batch of its own.
            if look({ $0.hasBatchToTake }) { wake = now.instant }
            if look({ $0.state.isDraining && $0.isQuiet }), mayEnd(at: now.instant) {
                if let memory { throw BrokerFailure.memory(memory) }
                return
            }
        }
    }

    private func takeAccessNews(_ now: Moment) {
        let (keys, knocks) = control.takeAccessNews()
        if let keys { turn.take(keys, at: now) }
        if !knocks.isEmpty { turn.take(knocks, at: now) }
    }

    /// A broker that takes too much memory drains; one that cannot, or goes on growing, ends as it is.
    private func endIfHopeless(_ now: Instant) throws {
        guard let memory else { return }
        let since = excessSince ?? now
        excessSince = since
        if memory.resident > memory.most + memory.most / 4 || now >= since + .seconds(5) {
            throw BrokerFailure.memory(memory)
        }
    }

    /// Looks at the turn where it is: it is large, and a copy, which every property that is read would make, costs as much
    /// as a message.
    private func look<Result>(_ body: (inout BrokerTurn) -> Result) -> Result { body(&turn) }

    // MARK: Connections

    /// Tells the sockets what the turn learned of their connections, ends those that cost too much, and counts them.
    private func guardConnections(_ now: Instant) {
        for verdict in turn.takeVerdicts() {
            let socket =
                switch verdict.socket {
                case .workers: workers
                case .clients: clients
                }
            switch verdict.kind {
            case .welcome: socket.vouch(for: verdict.peer)
            case .stranger: socket.vouch(for: verdict.peer, false)
            case .useless: socket.useless(from: verdict.peer)
            case .unread: socket.end(verdict.peer)
            }
        }
        for (socket, name) in [(workers, "workers"), (clients, "clients")] {
            for cut in socket.look(at: now.nanoseconds) {
                turn.refused(by: cut.limit)
                guard now >= nextCutWarning else { continue }
                // One line a second at most: a flood of connections must not become a flood of the log.
                nextCutWarning = now + .seconds(1)
                logger.warning("ended a connection", metadata: ["socket": "\(name)", "limit": "\(cut.limit.name)"])
            }
        }
        turn.connections = OpenConnections(
            workers: workers.connectionCount, workersMax: workers.limits.connections.connectionsMax,
            clients: clients.connectionCount, clientsMax: clients.limits.connections.connectionsMax)
        let dropped = workers.droppedCount + clients.droppedCount
        turn.refused(by: .malformed, dropped - droppedTold)
        droppedTold = dropped
        metrics.refused(turn.refusals)
    }

    /// Whoever does not read his last frames is not waited for long: he says HELLO to the next broker and asks again.
    private func mayEnd(at now: Instant) -> Bool {
        let since = quietSince ?? now
        quietSince = since
        return blocked.isEmpty || now >= since + Self.farewell
    }

    /// Stops listening, so that the next broker can bind.
    func close() {
        workers.close()
        clients.close()
    }

    static func now() -> Moment {
        Moment(
            instant: Instant(nanoseconds: MonotonicClock.nanoseconds()),
            wall: WallTime(milliseconds: WallClock.milliseconds()))
    }

    // MARK: In

    /// Everything that is readable, workers before clients, each up to a bound. Returns how many messages changed something.
    private func receive(_ now: Moment) throws -> Int {
        let ofWorkers = try receive(from: workers, while: { $0.readsWorkers }) { message in
            try turn.receive(fromWorker: message.body, at: message.peer, by: message.user, now: now)
        }
        let ofClients = try receive(from: clients, while: { $0.readsClients }) { message in
            try turn.receive(fromClient: message.body, at: message.peer, by: message.user, now: now)
        }
        return ofWorkers + ofClients
    }

    private func receive(
        from socket: RouterSocket, while reads: (inout BrokerTurn) -> Bool,
        _ take: ((peer: PeerAddress, body: [UInt8], user: UserID?)) throws -> Void
    ) throws -> Int {
        var changes = 0
        var writes = look { $0.openWrites }
        let limit = MonotonicClock.nanoseconds() + Self.readingMax.inNanoseconds
        for _ in 0..<Self.messagesPerTurn {
            guard look(reads), let message = socket.receive() else { break }
            try take(message)
            let after = look { $0.openWrites }
            if after != writes { changes += 1 }
            writes = after
            if MonotonicClock.nanoseconds() >= limit { break }
        }
        return changes
    }

    private func takePages() throws {
        let (pages, failure) = self.pages.take()
        for (request, page) in pages { turn.pageRead(request, page) }
        if let failure { throw BrokerFailure.store(failure) }
    }

    // MARK: Durable

    /// Hands the open batch to the store. A small one of few messages is committed right here: what else came in, questions
    /// and floods, does not make it wait for the thread that commits.
    ///
    /// - Parameter changes: Messages of this turn that changed something.
    /// - Returns: Whether another turn is due at once.
    private func handOut(changes: Int) throws -> Bool {
        guard let batch = turn.takeBatch() else { return false }
        // With a full disk a commit may wait for space, and the loop must not wait with it.
        guard changes <= 2, batch.jobs.count + batch.rows.count <= 16, !turn.storeIsFull else {
            committer.start(batch)
            return false
        }
        try take(committer.commitNow(batch, pulse))
        return true
    }

    private func takeCommitResult() throws {
        if let result = committer.takeResult() { try take(result) }
    }

    private func take(_ result: Committer.Result) throws {
        switch result {
        case .committed(let number): turn.committed(number, at: Self.now())
        case .failed(let why): throw BrokerFailure.store(why)
        }
    }

    // MARK: Out

    /// Returns whether another turn is due at once.
    private func send() throws -> Bool {
        if !blocked.isEmpty { blocked.retry { turn.isOutdated($0) || offer($0) } }
        let caughtUp = slow.isEmpty ? [] : slow.catchUp(isBehind)
        for peer in caughtUp { turn.client(at: peer, reads: true) }
        while let frame = try turn.nextFrame() {
            if !blocked.isWaiting(frame.peer), offer(frame) {
                if frame.body.count >= RouterSocket.largeFrameBytes, isBehind(frame.peer) { fellBehind(frame.peer) }
                continue
            }
            fellBehind(frame.peer)
            if !blocked.add(frame) { giveUp(frame) }
            while let peer = blocked.excess {
                for waiting in blocked.removeAll(for: peer) { turn.giveUp(waiting) }
            }
        }
        return !caughtUp.isEmpty
    }

    /// Whether a client has too much before it that it was sent.
    private func isBehind(_ peer: PeerAddress) -> Bool {
        blocked.isWaiting(peer) || clients.unreadBytes(of: peer) > Limits.answersUnreadBytesMax
    }

    private func fellBehind(_ peer: PeerAddress) {
        slow.add(peer)
        turn.client(at: peer, reads: false)
    }

    /// The peer does not read what it is sent.
    private func giveUp(_ frame: OutgoingFrame) {
        for waiting in blocked.removeAll(for: frame.peer) { turn.giveUp(waiting) }
        turn.giveUp(frame)
    }

    /// False when the socket would not take it now.
    private func offer(_ frame: OutgoingFrame) -> Bool {
        let outcome =
            switch frame.destination {
            case .worker: workers.send(frame.body, to: frame.peer)
            case .client: clients.send(frame.body, to: frame.peer)
            }
        switch outcome {
        case .sent: turn.sent(frame)
        case .wouldBlock: return false
        case .unreachable: turn.unreachable(frame)
        }
        return true
    }
}

extension ConnectionCut {
    /// The name under which it is counted.
    var limit: LimitName {
        switch self {
        case .tooMany: .connections
        case .tooMuchHeld: .heldBytes
        case .useless: .uselessMessages
        case .silent: .silence
        }
    }
}

/// Why a broker ended before it was asked to.
package enum BrokerFailure: Error, Sendable, CustomStringConvertible {
    case store(String)
    case memory(MemoryExcess)

    package var description: String {
        switch self {
        case .memory(let memory):
            """
            the broker takes \(memory.resident / 1_048_576) MiB of memory and may take \(memory.most / 1_048_576) \
            ("limits.memory" of cluster.json), so it ends; nothing acknowledged is lost, and the next one adopts what \
            runs. Look at "limits" in `stint status --json` for a peer that costs too much.
            """
        case .store(let why): "the store failed, so the broker ends without saying anything more: \(why)"
        }
    }
}

/// What other threads tell the loop, and what it lets them see.
final class BrokerControl: Sendable {
    struct Facts: Sendable {
        var isDraining = false
        var hasAccessNews = false
        var host: HostFacts
    }

    private struct AccessNews: Sendable {
        var keys: KnownKeys?
        var knocks: [RefusedKnock] = []
    }

    let waker: Waker
    private let facts: Mutex<Facts>
    private let news = Mutex(AccessNews())

    init(host: HostFacts) throws {
        waker = try Waker()
        facts = Mutex(Facts(host: host))
    }

    func drain() {
        facts.withLock { $0.isDraining = true }
        waker.wake()
    }

    /// What is known of the host; written by the thread that looks at it.
    var host: HostFacts {
        get { facts.withLock { $0.host } }
        set { facts.withLock { $0.host = newValue } }
    }

    /// The list of keys was changed.
    func keysChanged(_ keys: KnownKeys) { tell { $0.keys = keys } }

    /// Handshakes were refused.
    func knocked(_ refused: [RefusedKnock]) { tell { $0.knocks = Array(($0.knocks + refused).suffix(Self.knocksMax)) } }

    /// More than one look can bring; beyond that the loop stands still, and the broker has other troubles.
    private static let knocksMax = 1_024

    private func tell(_ change: (inout AccessNews) -> Void) {
        news.withLock { change(&$0) }
        facts.withLock { $0.hasAccessNews = true }
        waker.wake()
    }

    func takeAccessNews() -> (keys: KnownKeys?, knocks: [RefusedKnock]) {
        facts.withLock { $0.hasAccessNews = false }
        return news.withLock { news in
            defer { news = AccessNews() }
            return (news.keys, news.knocks)
        }
    }

    func withFacts(_ body: (Facts) -> Void) { body(facts.withLock { $0 }) }
}
