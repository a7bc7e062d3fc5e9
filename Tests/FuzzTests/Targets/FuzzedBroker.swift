import Foundation
import StintBroker
import StintCore
import StintStore
import StintTransport
import StintWire

extension FuzzTarget {
    /// The real turn on a store in memory: an input is what a few peers of a broker do, byte by byte, from frames of pure
    /// chance to messages that are valid but for one field. See ``FuzzedBroker``.
    static let broker = FuzzTarget(
        name: "broker", bytesMax: 1_024,
        run: { bytes in
            var broker = FuzzedBroker(bytes)
            broker.live()
        },
        seeds: { FuzzedBroker.seeds })
}

/// A broker and its peers. After every input: no rule of the state is broken, everything that was said could be decoded
/// by its receiver and fits a frame, and the broker comes to rest.
struct FuzzedBroker {
    var input: FuzzInput
    var now = Moment(
        instant: Instant(nanoseconds: 1_000_000_000_000), wall: WallTime(milliseconds: 1_900_000_000_000))
    private(set) var store = MemoryStore()
    private(set) var turn: BrokerTurn
    private var committing: Batch?
    private var pages: [PageRequest] = []
    private var wake = Instant.distantFuture
    private var holdsCommits = false
    private var holdsPages = false
    /// Which peers are gone, by address, and which do not read.
    private var gone: Set<UInt32> = []
    private var deaf: Set<UInt32> = []
    var workers: [Worker] = []
    var clients: [Client] = []
    private var requests: UInt64 = 0
    private var fresh: UInt64 = 0

    struct Worker {
        var address: UInt32
        var session: UInt64 = 0
        var held: [LeaseReference] = []
        var number: UInt64 = 0
    }
    struct Client {
        var address: UInt32
        var session: UInt64 = 0
    }

    private static let lease: Duration = .seconds(15)
    private static let configuration: BrokerTurn.Configuration = {
        var settings = BrokerState.Settings(
            lease: lease, heartbeat: .seconds(5),
            defaultPolicy: Policy(
                attempts: 3, backoff: Backoff(first: .seconds(1), factor: 2, most: .seconds(60)),
                timeout: .seconds(60)))
        // Tiny, so that a few dozen jobs take every path that millions would.
        settings.bounds.windowEntries = 24
        settings.bounds.scheduledEntries = 8
        settings.bounds.pageRows = 6
        settings.bounds.pageChanges = 8
        settings.bounds.stepRows = 3
        settings.bounds.dueJobsPerTurn = 4
        settings.bounds.assignJobs = 5
        settings.bounds.cachedPayloads = 16
        return BrokerTurn.Configuration(settings: settings, payloadBytesMax: 1_024, seed: 1)
    }()

    init(_ bytes: [UInt8]) {
        input = FuzzInput(bytes)
        turn = Self.open(store, at: now)
        workers = (1...3).map { Worker(address: $0) }
        clients = (11...12).map { Client(address: $0) }
    }

    private static func open(_ store: MemoryStore, at now: Moment) -> BrokerTurn {
        do {
            return BrokerTurn(
                try store.recover(at: now.wall), configuration: configuration, reader: try store.makeReader(), at: now)
        } catch {
            fatalError("a store in memory cannot fail: \(error)")
        }
    }

    // MARK: A life

    mutating func live() {
        while !input.isEmpty {
            act()
            turnOnce()
        }
        // Then the faults end.
        (holdsCommits, holdsPages, gone, deaf) = (false, false, [], [])
        turn.storeIsFull = false
        var turns = 0
        repeat {
            turnOnce()
            turns += 1
            expectHolds(turns < 1_000, "the broker does not come to rest")
        } while wake <= now.instant || turn.hasBatchToTake || committing != nil || !pages.isEmpty
        let broken = checkInvariants(turn.state)
        expectHolds(broken.isEmpty, broken.joined(separator: "; "))
        // What was committed can be read by the next broker.
        crash()
        turnOnce()
    }

    private mutating func act() {
        switch input.byte() % 32 {
        case 0...11: workerSpeaks()
        case 12...21: clientSpeaks()
        case 22: raw()
        case 23, 24: foreign()
        case 25: now.instant = now.instant + .milliseconds(Int64(input.byte()) * 137)
        case 26: now.wall = now.wall + .seconds((Int64(input.byte()) - 128) * Int64(input.byte()) * 1_000)
        case 27: holdsCommits.toggle()
        case 28: holdsPages.toggle()
        case 29: gone.formSymmetricDifference([anybody()])
        case 30: deaf.formSymmetricDifference([anybody()])
        default:
            if input.flag() { turn.storeIsFull.toggle() } else if input.flag() { crash() } else { turn.drain() }
        }
    }

    private mutating func anybody() -> UInt32 {
        let addresses = workers.map(\.address) + clients.map(\.address)
        return addresses[input.choice(upTo: addresses.count - 1)]
    }

    /// Nothing in memory is left; what was committed is.
    private mutating func crash() {
        committing = nil
        pages = []
        turn = Self.open(store, at: now)
    }

    private mutating func turnOnce() {
        do {
            if !holdsPages {
                let reader = try store.makeReader()
                for request in pages { turn.pageRead(request, try request.read(reader)) }
                pages = []
            }
            wake = try turn.finish(at: now)
            pages += turn.takePageRequests()
            _ = turn.takeWarnings()
            for _ in 0..<3 {
                if committing == nil { committing = turn.takeBatch() }
                if !holdsCommits, let batch = committing {
                    try store.commit(batch)
                    committing = nil
                    turn.committed(batch.number, at: now)
                }
                while let frame = try turn.nextFrame() { carry(frame) }
            }
        } catch {
            fatalError("a store in memory cannot fail: \(error)")
        }
    }

    private mutating func carry(_ frame: OutgoingFrame) {
        expectHolds((1...Limits.messageBytesMax).contains(frame.body.count), "a frame of \(frame.body.count) bytes")
        let peer = frame.peer
        if gone.contains(where: { PeerAddress(simulated: $0) == peer }) { return turn.unreachable(frame) }
        if deaf.contains(where: { PeerAddress(simulated: $0) == peer }) { return turn.giveUp(frame) }
        turn.sent(frame)
        hear(frame)
    }

    // MARK: Words

    /// Bytes of chance at either socket, from any address.
    private mutating func raw() {
        let toWorkers = input.flag()
        deliver(input.take(upTo: 300), toWorkers: toWorkers, at: UInt32(input.choice(upTo: 15)))
    }

    /// A message of any kind from anybody, with a body of chance.
    private mutating func foreign() {
        let toWorkers = input.flag()
        let sessions = workers.map(\.session) + clients.map(\.session) + [7]
        let session = sessions[input.choice(upTo: sessions.count - 1)]
        let addresses = workers.map(\.address) + clients.map(\.address) + [99]
        let address = addresses[input.choice(upTo: addresses.count - 1)]
        let number = UInt64(input.choice(upTo: 90))
        let body = input.take(upTo: 600)
        deliver(Self.envelope(session, number, body), toWorkers: toWorkers, at: address)
    }

    static func envelope(_ session: UInt64, _ number: UInt64, _ body: [UInt8]) -> [UInt8] {
        var frame: [UInt8] = [0x09]
        withUnsafeBytes(of: session.littleEndian) { frame += $0 }
        for var value in [number << 3 | 2, UInt64(body.count)] {
            while value >= 0x80 {
                frame.append(UInt8(truncatingIfNeeded: value) | 0x80)
                value >>= 7
            }
            frame.append(UInt8(value))
        }
        return frame + body
    }

    mutating func deliver(_ frame: [UInt8], toWorkers: Bool, at address: UInt32) {
        do {
            if toWorkers {
                try turn.receive(fromWorker: frame, at: PeerAddress(simulated: address), now: now)
            } else {
                try turn.receive(fromClient: frame, at: PeerAddress(simulated: address), now: now)
            }
        } catch {
            fatalError("a store in memory cannot fail: \(error)")
        }
    }

    mutating func nextSession() -> UInt64 {
        fresh += 1
        return 1_000 + fresh
    }

    mutating func nextRequest() -> UInt64 {
        requests += 1
        return requests
    }

    mutating func freshID() -> JobID {
        fresh += 1
        return JobID(high: UInt64(now.wall.milliseconds) << 16 | 7 << 12, low: fresh)
    }
}

extension PageRequest {
    /// As the broker's thread for pages does it.
    func read(_ reader: any StoreReader) throws -> JobPage {
        switch self {
        case .ready(let type, let from, let limit): try reader.readyPage(type: type, from: from, limit: limit)
        case .scheduled(let from, let limit): try reader.scheduledPage(from: from, limit: limit)
        }
    }
}
