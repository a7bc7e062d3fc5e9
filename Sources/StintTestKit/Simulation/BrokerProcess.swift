import DequeModule
import StintBroker
import StintCore
import StintStore
import StintTransport

/// The broker's process in a simulated world: the real ``BrokerTurn``, and around it what `BrokerLoop`, `Committer` and
/// `PageReader` do with threads. It can end between any two steps of a turn.
final class BrokerProcess {
    /// Why it ends without speaking.
    enum End: Error { case killed, storeFailed }

    private unowned let world: Simulation
    private let configuration: BrokerTurn.Configuration
    private let disk: LifeDisk
    /// Of the thread that reads pages.
    private var pages: FaultyReader
    let faults = DiskFaults()
    private(set) var turn: BrokerTurn

    /// Counts processes, from 1; what was asked for in the life of another one is not heard.
    private(set) var life = 1
    private(set) var isUp = true
    private(set) var startedAt: Instant
    /// Stopped: SIGSTOP, or its host sleeps.
    var isPaused = false
    var isDraining = false
    /// Steps that it still takes before it is killed.
    var stepsLeft: Int?

    private var fromWorkers: Deque<(body: [UInt8], address: PeerAddress)> = []
    private var fromClients: Deque<(body: [UInt8], address: PeerAddress)> = []
    private var arrivedPages: [(PageRequest, JobPage)] = []
    private var readPages: Deque<(PageRequest, JobPage)> = []
    private var askedPages: Deque<PageRequest> = []
    /// Pages that were asked for since the last commit.
    private var askedAsOf: [(request: PageRequest, batch: UInt64)] = []
    private(set) var committing: Batch?
    /// When the batch under way was handed out, and when the broker had last heard each worker when that batch was begun:
    /// what is in the batch was decided in between.
    private(set) var handedOutAt: Instant
    private(set) var heardAtBegin: [Instant] = []
    /// When the batch under way was begun: nothing in it was decided before.
    private(set) var begunAt: Instant
    /// Since when no gap between two turns was longer than a heartbeat.
    private(set) var listensSince: Instant
    private var lastTurnAt: Instant
    /// Leases that the heartbeats of this turn name; and since when this process knows that they run, or are to stop.
    var heartbeats: [LeaseReference] = []
    var runsSince: [LeaseReference: Instant] = [:]  // for lookup only
    var cancelledSince: [LeaseReference: Instant] = [:]  // for lookup only
    private var heardAtNextBegin: [Instant] = []
    private var loopWaitsForCommit = false
    private var committed: UInt64?
    private var blocked: BlockedFrames
    private var slow = SlowReaders()
    private var wake: Instant
    private var nextTurn = Instant.distantFuture

    init(_ world: Simulation, _ configuration: BrokerTurn.Configuration, at now: Moment) throws {
        self.world = world
        self.configuration = configuration
        disk = try LifeDisk(world.plan)
        turn = try Self.open(disk, configuration, faults, at: now)
        blocked = Self.blockedFrames(configuration)
        pages = FaultyReader(try disk.makeReader(), faults)
        startedAt = now.instant
        handedOutAt = now.instant
        begunAt = now.instant
        listensSince = now.instant
        lastTurnAt = now.instant
        wake = now.instant
    }

    private static func blockedFrames(_ configuration: BrokerTurn.Configuration) -> BlockedFrames {
        BlockedFrames(framesMax: configuration.settings.bounds.unreadFrames)
    }

    private static func open(
        _ disk: LifeDisk, _ configuration: BrokerTurn.Configuration, _ faults: DiskFaults, at now: Moment
    ) throws -> BrokerTurn {
        let recovered = try disk.open(at: now.wall)
        return BrokerTurn(
            recovered, configuration: configuration, reader: FaultyReader(try disk.makeReader(), faults), at: now)
    }

    /// What is on the disk.
    var image: MemoryImage { disk.image }
    var diskProblems: [String] { disk.problems }

    /// Nothing is under way in it.
    var isQuiet: Bool { isUp && committing == nil && committed == nil && look { $0.isQuiet } }

    var hasReadAllOfWorkers: Bool { fromWorkers.isEmpty && blocked.isEmpty }

    // MARK: Frames

    func deliver(_ body: [UInt8], from side: Link.Side, at address: PeerAddress) {
        guard isUp else { return }
        switch side {
        case .worker:
            fromWorkers.append((body, address))
            world.arrivesAtProcess(body, at: address)
        case .client: fromClients.append((body, address))
        }
        lookAround()
    }

    /// Looks at the turn where it is: it is large, and a copy costs more than most turns do.
    func look<Result>(_ body: (inout BrokerTurn) -> Result) -> Result { body(&turn) }

    // MARK: Turns

    /// Sees to it that a turn is taken when there is something to do.
    func lookAround() {
        guard isUp, !isPaused, !loopWaitsForCommit else { return }
        let now = world.now.instant
        let isReadable =
            committed != nil || !arrivedPages.isEmpty
            || look { turn in
                (!fromWorkers.isEmpty && turn.readsWorkers) || (!fromClients.isEmpty && turn.readsClients)
                    || (isDraining && !turn.state.isDraining)
            }
        var due = isReadable ? now : max(now, wake)
        if !blocked.isEmpty || !slow.isEmpty { due = min(due, now + .milliseconds(5)) }
        // A turn takes its time; what comes in meanwhile is read together.
        if due == now { due = now + world.turnTakes() }
        guard due < nextTurn else { return }
        nextTurn = due
        world.events.add(.turn(life: life), at: due)
    }

    /// The turn that was asked for is due.
    func turnIsDue() {
        guard nextTurn <= world.now.instant else { return }
        nextTurn = .distantFuture
        guard isUp, !isPaused, !loopWaitsForCommit else { return }
        run { try takeTurn() }
    }

    private func run(_ body: () throws -> Void) {
        do {
            try body()
            lookAround()
        } catch {
            world.brokerEnds(because: error)
        }
    }

    private func step() throws {
        guard let left = stepsLeft else { return }
        if left == 0 { throw End.killed }
        stepsLeft = left - 1
    }

    private func takeTurn() throws {
        world.report.turns += 1
        let now = world.now
        try step()
        if let number = committed {
            committed = nil
            turn.committed(number, at: now)
            try step()
        }
        turn.storeIsFull = faults.isFull
        turn.storeBytes = Int64(turn.durable) * 4_096
        turn.host = world.host
        turn.connections = world.openConnections
        if isDraining { turn.drain() }
        let pages = arrivedPages
        arrivedPages.removeAll()
        for (request, page) in pages {
            if world.history.tell != nil {
                world.note("\(request) as of batch \(page.batch): \(page.rows.map { "\($0.id)" })")
            }
            turn.pageRead(request, page)
        }
        if now.instant - lastTurnAt > configuration.settings.heartbeat { listensSince = now.instant }
        lastTurnAt = now.instant
        let messages = try receive(now)
        if !heartbeats.isEmpty {
            world.heartbeatsWereTaken(heartbeats)
            heartbeats.removeAll(keepingCapacity: true)
        }
        let known = look { $0.state.workers.count }
        for verdict in turn.takeVerdicts() where verdict.kind == .unread { world.connectionIsEnded(verdict.peer) }
        wake = try turn.finish(at: now)
        if look({ $0.state.workers.count }) < known { world.workersWereGivenUp() }
        try step()
        for request in turn.takePageRequests() { ask(request) }
        world.heard(turn.takeWarnings())
        guard try handOut(messages: messages) else { return }
        try finishTurn()
    }

    private func finishTurn() throws {
        try send()
        if look({ $0.hasBatchToTake }) { wake = world.now.instant }
        if isDraining, committing == nil, committed == nil, look({ $0.state.isDraining && $0.isQuiet }) {
            world.brokerHasDrained()
        }
    }

    private func receive(_ now: Moment) throws -> Int {
        var count = 0
        while count < 512, look({ $0.readsWorkers }), let message = fromWorkers.popFirst() {
            world.brokerHears(message.body, at: message.address)
            try turn.receive(fromWorker: message.body, at: message.address, now: now)
            count += 1
            try step()
        }
        var fromClientsCount = 0
        while fromClientsCount < 512, look({ $0.readsClients }), let message = fromClients.popFirst() {
            world.brokerHears(message.body, at: message.address)
            try turn.receive(fromClient: message.body, at: message.address, now: now)
            fromClientsCount += 1
            try step()
        }
        return count + fromClientsCount
    }

    private func send() throws {
        if !blocked.isEmpty { blocked.retry { frame in look { $0.isOutdated(frame) } || offer(frame, isLate: true) } }
        let caughtUp = slow.isEmpty ? [] : slow.catchUp(blocked.isWaiting)
        for peer in caughtUp { turn.client(at: peer, reads: true) }
        if !caughtUp.isEmpty { wake = world.now.instant }
        while let frame = try turn.nextFrame() {
            try step()
            if !blocked.isWaiting(frame.peer), offer(frame) { continue }
            slow.add(frame.peer)
            turn.client(at: frame.peer, reads: false)
            if !blocked.add(frame) {
                for waiting in blocked.removeAll(for: frame.peer) { turn.giveUp(waiting) }
                turn.giveUp(frame)
            }
            while let peer = blocked.excess {
                for waiting in blocked.removeAll(for: peer) { turn.giveUp(waiting) }
            }
        }
    }

    private func offer(_ frame: OutgoingFrame, isLate: Bool = false) -> Bool {
        switch world.carry(frame, isLate: isLate) {
        case .sent: turn.sent(frame)
        case .wouldBlock: return false
        case .unreachable: turn.unreachable(frame)
        }
        return true
    }

    // MARK: Commits

    /// False when the loop now waits for the commit.
    private func handOut(messages: Int) throws -> Bool {
        guard let batch = turn.takeBatch() else { return true }
        try step()
        committing = batch
        begunAt = handedOutAt
        handedOutAt = world.now.instant
        heardAtBegin = heardAtNextBegin
        heardAtNextBegin = world.workers.map { $0.lastHeard(by: self) }
        let isInline = messages <= 2 && batch.jobs.count + batch.rows.count <= 16 && !faults.isFull
        loopWaitsForCommit = isInline
        world.events.add(.commitEnds(life: life), at: world.now.instant + world.commitTakes())
        return !isInline
    }

    func commitEnds() {
        guard isUp, let batch = committing else { return }
        if isPaused {
            world.events.add(.commitEnds(life: life), at: world.now.instant + .milliseconds(20))
            return
        }
        if faults.isFull, !loopWaitsForCommit {
            // It waits for room, and the loop goes on without it.
            world.events.add(.commitEnds(life: life), at: world.now.instant + .milliseconds(100))
            return
        }
        run {
            try step()
            if faults.failsCommit {
                faults.failsCommit = false
                throw End.storeFailed
            }
            try write(batch)
            committing = nil
            try step()
            guard loopWaitsForCommit else {
                committed = batch.number
                return
            }
            loopWaitsForCommit = false
            turn.committed(batch.number, at: world.now)
            wake = world.now.instant
            try finishTurn()
        }
    }

    private func write(_ batch: Batch) throws {
        try disk.commit(batch)
        world.committed(batch)
    }

    // MARK: Pages

    private func ask(_ request: PageRequest) {
        world.expect(
            !askedAsOf.contains { $0.batch == turn.durable && $0.request == request },
            "the broker asks for \(request) once more, although nothing became durable since")
        askedAsOf.removeAll { $0.batch < turn.durable }
        askedAsOf.append((request, turn.durable))
        askedPages.append(request)
        world.events.add(.pageRead(life: life), at: world.now.instant + world.pageTakes())
    }

    func readNextPage() {
        guard isUp, let request = askedPages.popFirst() else { return }
        run {
            let page =
                switch request {
                case .ready(let type, let from, let limit):
                    try pages.readyPage(type: type, from: from, limit: limit)
                case .scheduled(let from, let limit): try pages.scheduledPage(from: from, limit: limit)
                }
            readPages.append((request, page))
            world.events.add(.pageArrives(life: life), at: world.now.instant + world.turnTakes())
        }
    }

    func pageArrives() {
        guard isUp, let page = readPages.popFirst() else { return }
        arrivedPages.append(page)
        lookAround()
    }

    // MARK: Ends and beginnings

    func compareDisk(_ asked: (RecoveredState, any StoreReader) -> StoreReading.Truth) throws {
        try disk.compare(asked, at: world.now.wall)
    }

    /// Ends now; what is being committed is on the disk or not.
    func end(isLucky: Bool) throws {
        precondition(isUp)
        let batch = committing
        if try disk.processEnds(committing: batch, isLucky: isLucky), let batch { world.committed(batch) }
        isUp = false
        fromWorkers.removeAll()
        fromClients.removeAll()
        arrivedPages.removeAll()
        readPages.removeAll()
        askedPages.removeAll()
        askedAsOf.removeAll()
        blocked = Self.blockedFrames(configuration)
        slow = SlowReaders()
        committing = nil
        committed = nil
        heardAtNextBegin.removeAll()
        heartbeats.removeAll()
        runsSince.removeAll()
        cancelledSince.removeAll()
        loopWaitsForCommit = false
        isDraining = false
        isPaused = false
        stepsLeft = nil
        nextTurn = .distantFuture
    }

    func start(at now: Moment) throws {
        precondition(!isUp)
        life += 1
        turn = try Self.open(disk, configuration, faults, at: now)
        pages = FaultyReader(try disk.makeReader(), faults)
        isUp = true
        startedAt = now.instant
        listensSince = now.instant
        lastTurnAt = now.instant
        handedOutAt = now.instant
        wake = now.instant
        world.epochIs(turn.state.numbers.epoch)
        lookAround()
    }
}
