import StintBroker
import StintCore
import StintStore
import StintTransport
import StintWire

/// One broker without threads, sockets, disk or clock: the real ``BrokerTurn`` on a ``MemoryStore``, with time moved by
/// hand.
///
///     let broker = SimulatedBroker(seed: 1)
///     let alice = broker.join("alice", slots: 1)
///     let job = broker.enqueue(type: "mail")
///     let lease = broker.assignment(of: job, to: alice)
///     broker.advance(by: .seconds(15))  // nobody heard of alice since: the lease is over
///
/// ``step()`` plays one turn of the loop around the broker. Commits and pages are answered at once unless
/// ``holdsCommits`` or ``holdsPages`` says otherwise. ``crash(losesBatch:)`` keeps what the store holds, nothing else.
///
/// Peers speak real frames: everything goes through StintWire in both directions.
package final class SimulatedBroker {
    /// What a commit that fails left behind; the broker cannot know.
    package enum FailedCommit: Hashable, Sendable { case isDurable, isLost }

    struct PendingPage {
        var request: PageRequest
        var page: JobPage
    }

    package let configuration: BrokerTurn.Configuration
    package private(set) var now: Moment
    package private(set) var store: MemoryStore
    package private(set) var turn: BrokerTurn
    /// How often the broker was started, from 1.
    package private(set) var life = 1
    package private(set) var steps = 0

    /// Batches that were handed out stay under way until this is false and a step is taken.
    package var holdsCommits = false
    /// Pages are read at once, but reach the broker only when this is false and a step is taken.
    package var holdsPages = false
    /// The next commit fails like this, and the broker ends without speaking.
    package var failsNextCommit: FailedCommit?

    private(set) var committing: Batch?
    private let faults = DiskFaults()
    var pendingPages: [PendingPage] = []
    var fromWorkers: [(body: [UInt8], peer: PeerAddress)] = []
    var fromClients: [(body: [UInt8], peer: PeerAddress)] = []
    private var wake: Instant
    private var nextAddress: UInt32 = 1

    /// Called with every frame that leaves; false when nobody is at the address any more.
    var carry: (OutgoingFrame) -> Bool
    /// Hears of everything that happens, for a trace.
    package var onEvent: ((Event) -> Void)?

    package enum Event {
        case received([UInt8])
        case sent([UInt8])
        case committed(Batch)
        case commitFailed(FailedCommit)
        case crashed
    }

    var random: SeededRandom
    var peers: [PeerAddress: SimulatedPeer] = [:]
    var idCounter: UInt64 = 0
    var ownClient: SimulatedPeer?
    var ownClientEpoch: UInt64 = 0

    /// A broker whose frames go to the peers that joined it.
    package convenience init(
        seed: UInt64, settings: BrokerState.Settings = .init(), keep: Retention = Retention(),
        payloadBytesMax: Int = Limits.payloadBytesMax
    ) {
        self.init(.init(settings: settings, keep: keep, payloadBytesMax: payloadBytesMax, seed: seed), at: Self.start)
        carry = { [unowned self] frame in
            guard let peer = peers[frame.peer] else { return false }
            peer.take(frame.body)
            return true
        }
    }

    package static let start = Moment(
        instant: Instant(nanoseconds: 1_000_000_000_000), wall: WallTime(milliseconds: 1_900_000_000_000))

    init(_ configuration: BrokerTurn.Configuration, at now: Moment) {
        self.configuration = configuration
        self.now = now
        random = SeededRandom(seed: configuration.seed)
        carry = { _ in true }
        store = MemoryStore()
        turn = Self.open(store, configuration, faults, at: now)
        wake = now.instant
    }

    private static func open(
        _ store: MemoryStore, _ configuration: BrokerTurn.Configuration, _ faults: DiskFaults, at now: Moment
    ) -> BrokerTurn {
        do {
            let recovered = try store.recover(at: now.wall)
            let reader = FaultyReader(try store.makeReader(), faults)
            return BrokerTurn(recovered, configuration: configuration, reader: reader, at: now)
        } catch {
            preconditionFailure("a store in memory cannot fail: \(error)")
        }
    }

    // MARK: Peers

    package func freshAddress() -> PeerAddress {
        defer { nextAddress += 1 }
        return PeerAddress(simulated: nextAddress)
    }

    package func deliver(fromWorker body: [UInt8], at peer: PeerAddress) { fromWorkers.append((body, peer)) }
    package func deliver(fromClient body: [UInt8], at peer: PeerAddress) { fromClients.append((body, peer)) }

    // MARK: Time

    /// Lets time pass. The broker is called whenever it asked to be.
    package func advance(by duration: Duration) {
        let end = Moment(instant: now.instant + duration, wall: now.wall + duration)
        var idle = 0
        while wake <= end.instant {
            if wake > now.instant {
                now.wall = end.wall + (wake - end.instant)
                now.instant = wake
                idle = 0
            }
            idle += 1
            precondition(idle < 100_000, "the broker asks to be called again at once for ever")
            step()
            // It waits for a commit or a page that is held back; nothing but that answer can move it on.
            if wake <= now.instant, committing != nil { break }
        }
        now = end
        run()
    }

    /// Time passes and the broker does not notice: its process was stopped, or its host slept.
    package func stall(for duration: Duration) {
        now = Moment(instant: now.instant + duration, wall: now.wall + duration)
    }

    /// Someone set the clock.
    package func stepWall(by duration: Duration) { now.wall = now.wall + duration }

    // MARK: Turns

    /// Does to the broker what its process would: drain it, tell it that the disk is full.
    package func change(_ body: (inout BrokerTurn) -> Void) { body(&turn) }

    /// Takes turns until nothing is left to do at this moment.
    package func run() {
        var turns = 0
        repeat {
            step()
            turns += 1
            precondition(turns < 100_000, "the broker is never done")
            // What is held back can be all that is waited for.
        } while (!fromWorkers.isEmpty && turn.readsWorkers) || (!fromClients.isEmpty && turn.readsClients)
            || (committing == nil && (wake <= now.instant || (!holdsPages && !pendingPages.isEmpty)))
    }

    /// One turn, as ``BrokerLoop`` takes it.
    package func step() {
        steps += 1
        if !holdsCommits, committing != nil, !finishCommit() { return }
        if !holdsPages { deliverPages() }
        do {
            try receive()
            wake = try turn.finish(at: now)
            readPages()
            if let batch = turn.takeBatch() {
                committing = batch
                if !holdsCommits {
                    guard finishCommit() else { return }
                    wake = now.instant
                }
            }
            while let frame = try turn.nextFrame() { send(frame) }
        } catch {
            preconditionFailure("a store in memory cannot fail: \(error)")
        }
    }

    private func receive() throws {
        let workers = fromWorkers
        fromWorkers.removeAll()
        for (index, message) in workers.enumerated() {
            guard turn.readsWorkers else {
                fromWorkers = Array(workers[index...]) + fromWorkers
                break
            }
            onEvent?(.received(message.body))
            try turn.receive(fromWorker: message.body, at: message.peer, now: now)
        }
        let clients = fromClients
        fromClients.removeAll()
        for (index, message) in clients.enumerated() {
            guard turn.readsClients else {
                fromClients = Array(clients[index...]) + fromClients
                break
            }
            onEvent?(.received(message.body))
            try turn.receive(fromClient: message.body, at: message.peer, now: now)
        }
    }

    private func send(_ frame: OutgoingFrame) {
        onEvent?(.sent(frame.body))
        if carry(frame) { turn.sent(frame) } else { turn.unreachable(frame) }
    }

    // MARK: Store

    /// False when the commit failed; then the broker has started again.
    private func finishCommit() -> Bool {
        guard let batch = committing else { return true }
        if let failure = failsNextCommit {
            failsNextCommit = nil
            onEvent?(.commitFailed(failure))
            crash(losesBatch: failure == .isLost)
            return false
        }
        write(batch)
        committing = nil
        onEvent?(.committed(batch))
        turn.committed(batch.number, at: now)
        return true
    }

    private func write(_ batch: Batch) {
        do {
            try store.commit(batch)
        } catch {
            preconditionFailure("a store in memory cannot fail: \(error)")
        }
    }

    private func readPages() {
        for request in turn.takePageRequests() {
            do {
                let reader = try store.makeReader()
                let page =
                    switch request {
                    case .ready(let type, let from, let limit):
                        try reader.readyPage(type: type, from: from, limit: limit)
                    case .scheduled(let from, let limit): try reader.scheduledPage(from: from, limit: limit)
                    }
                pendingPages.append(PendingPage(request: request, page: page))
            } catch {
                preconditionFailure("a store in memory cannot fail: \(error)")
            }
        }
    }

    private func deliverPages() {
        let pages = pendingPages
        pendingPages.removeAll()
        for pending in pages { turn.pageRead(pending.request, pending.page) }
    }

    /// The process ends now and another one opens what the store holds. Connections break; what was under way is lost.
    ///
    /// - Parameter losesBatch: Whether a batch that is being committed is lost, or made it to the disk.
    package func crash(losesBatch: Bool = true) {
        if let batch = committing, !losesBatch { write(batch) }
        committing = nil
        reopen(store.image())
        onEvent?(.crashed)
    }

    /// Starts a broker on this image of a store: another life, a new epoch.
    package func reopen(_ image: MemoryImage) {
        store.close()
        store = MemoryStore(image)
        pendingPages.removeAll()
        fromWorkers.removeAll()
        fromClients.removeAll()
        life += 1
        turn = Self.open(store, configuration, faults, at: now)
        wake = now.instant
    }

    /// The disk changes the payload of this job. Payloads that came in a moment ago are in memory and stay good.
    package func corruptPayload(of id: JobID) {
        guard let row = storedRows().first(where: { $0.id == id }) else { preconditionFailure("no such job is stored") }
        faults.corrupt.insert(row.serial)
    }
}
