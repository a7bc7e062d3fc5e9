import CZeroMQ
import DequeModule
import Glibc

/// Why a connection was ended.
package enum ConnectionCut: Hashable, Sendable {
    /// There are as many as the socket takes, and this one had said nothing useful yet.
    case tooMany
    /// It holds more bytes of a message that does not end, or of messages that nobody had time to read, than a peer may.
    case tooMuchHeld
    /// Too many of its messages were of no use: no envelope, no session.
    case useless
    /// It said nothing for so long that its handshake will not be finished any more.
    case silent
}

/// What the connections of one router may cost, together and each.
package struct ConnectionLimits: Sendable {
    /// Beyond it the oldest one that nobody vouched for goes.
    package var connectionsMax = 4_096
    /// Bytes of one connection that libzmq has read and cannot hand out, because their message does not end.
    package var unfinishedBytesMax: UInt64 = 8 * 1_048_576
    /// The same of all connections together; the largest go first.
    package var unfinishedBytesOfAllMax: UInt64 = 256 * 1_048_576
    /// Bytes of one connection that libzmq holds at all, because nobody had time to read them.
    package var heldBytesMax: UInt64 = 1_024 * 1_048_576
    /// The same of all connections together; the largest go first.
    package var heldBytesOfAllMax: UInt64 = 8 * 1_024 * 1_048_576
    /// Frames of one connection that nobody had time to read, as far as their sizes tell. libzmq keeps 64 bytes for each
    /// however small it is, and more when it is not.
    package var heldFramesMax: UInt64 = 131_072
    /// Nanoseconds until the first frame of a connection must have come.
    package var silenceMax: Int64 = 5_000_000_000
    /// Useless messages that one connection may send at once, and how many a second are forgiven.
    package var uselessMax = 1_000.0
    package var uselessPerSecond = 100.0

    package init() {}
}

/// Knows the connections of one router by their descriptors, and ends those that cost too much.
///
/// libzmq 4.3.4 has no word for any of this: its high-water mark counts whole messages, so one that never ends fills
/// memory without a bound; nothing limits how many connect; and no call ends a single connection. What there is: the
/// monitor tells the descriptor of every accepted connection and the end of each, the kernel tells how many bytes came in
/// on it (`TCP_INFO`), and a frame tells which descriptor it came from. So
///
///     bytes that came in − bytes of the frames handed out = what libzmq holds of this peer
///
/// and disconnecting the descriptor ends the connection as if the peer had: libzmq frees what it held. An honest
/// peer that is hit connects again and loses nothing.
///
/// Bytes on the wire are not bytes of memory: of a message in pieces of one byte libzmq keeps 64 for each, twenty times
/// what came in. Only peers of this host can send such without the frames of CURVE around each piece, and the broker's
/// bound on its memory stands behind this.
///
/// A descriptor may be used anew between the end of a connection and the news of it. Then an innocent connection is cut
/// and made again, which costs a moment; what is no socket cannot be shut down. Only TCP counts its bytes: peers on this
/// host, over `ipc://`, are let in by the rights of a file. Owned by the thread that owns the router.
final class ConnectionGuard {
    private let limits: ConnectionLimits
    private let isEncrypted: Bool
    private let counter: ConnectionCount?
    private let monitor: ConnectionMonitor
    private var connections: [Int32: ConnectionAccount] = [:]
    private var descriptors: [PeerAddress: Int32] = [:]  // for lookup only
    /// Peers whose connection has ended, while messages of theirs may still be read: those must not be charged to who has
    /// their descriptor now, nor cost a look for news each. No address is used twice.
    private var gone: Set<PeerAddress> = []  // for lookup only
    /// Those of them whose connection was cut.
    private var outcasts: Set<PeerAddress> = []  // for lookup only
    private var arrivals: UInt64 = 0
    /// Those that nobody vouches for, the oldest first, and some that are none any more.
    private var strangers: [(descriptor: Int32, number: UInt64)] = []
    /// The first of them that was not ended to make room.
    private var oldest = 0
    /// Those that were cut and are not gone yet.
    private var ended = 0
    /// Those with a session behind them.
    private var guests = 0
    /// How often the socket was found empty.
    private var drains: UInt64 = 0
    /// When the next look is due, and when the last one was.
    private(set) var nextLook: Int64 = 0
    private var lastLook: Int64 = 0
    /// The next look comes sooner than usual.
    private var isBusy = false
    /// Those still to be judged in this round.
    private var round: [Int32] = []
    private var heavy: [Int32] = []
    /// Those that said nothing for too long and are to be ended.
    private var silent: Deque<(descriptor: Int32, number: UInt64)> = []
    /// The least that the process took since all were judged at once.
    private var leastResident = UInt64.max
    private var cuts: [ConnectionCut] = []
    private var tarpit = Tarpit()

    /// Between two looks, while few are connected and little comes in.
    static let interval: Int64 = 100_000_000
    /// Judging a connection takes a call of the system or two, and ending one costs libzmq's thread some 20 µs. Who is honest
    /// waits meanwhile, so a look does little and there are the more of them: up to a thousand are all judged ten times a
    /// second, ten thousand once.
    private static let judgedPerLook = 64
    private static let closeInterval: Int64 = 6_250_000
    /// While much comes in, or there is more to end than one look may, looks are as close together as this: what a peer can
    /// fill until it is judged is what the link carries in two of them.
    private static let busyInterval: Int64 = 3_000_000
    private static let judgedPerBusyLook = 32
    private static let endedPerLook = 16
    private static let busyBytesPerSecond: Int64 = 160 * 1_048_576
    /// A connection on which more came in since its last look is looked at in the next one, however many others there are.
    private static let heavyBytes: UInt64 = 262_144
    /// When the process has grown by so much, all connections are judged at once, although it takes milliseconds: whoever
    /// fills its memory may be any of thousands.
    private static let growth: UInt64 = 64 * 1_048_576
    private static let goneMax = 65_536

    /// To be called before the router is bound, so that nobody is missed.
    init(
        of router: SocketHandle, limits: ConnectionLimits, isEncrypted: Bool, counting counter: ConnectionCount?
    ) throws(TransportError) {
        self.limits = limits
        self.isEncrypted = isEncrypted
        self.counter = counter
        monitor = try ConnectionMonitor(of: router, events: ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED)
    }

    var count: Int { connections.count }

    // MARK: What the router tells

    /// The socket had nothing more to hand out.
    func foundEmpty() {
        drains += 1
        if !gone.isEmpty { gone.removeAll(keepingCapacity: true) }
        if !outcasts.isEmpty { outcasts.removeAll(keepingCapacity: true) }
    }

    /// A frame was handed out. False when its connection was cut: what is left of it is to be thrown away, which libzmq
    /// cannot do, or the rest of one flood would be worked off while the next one comes in.
    func delivered(_ frame: borrowing Frame, from peer: PeerAddress?) -> Bool {
        guard let descriptor = descriptor(of: peer, frame) else { return peer.map { !outcasts.contains($0) } ?? true }
        guard let place = connections.index(forKey: descriptor) else { return true }
        connections.values[place].handOut(frames: 1, bytes: bytesOnWire(frame))
        return !connections.values[place].isCut
    }

    func bytesOnWire(_ frame: borrowing Frame) -> UInt64 {
        ConnectionAccount.bytesOnWire(frame.bytes.count, isEncrypted: isEncrypted)
    }

    /// A large frame was given to libzmq.
    func sent(_ bytes: Int, to peer: PeerAddress) {
        guard let descriptor = descriptors[peer] else { return }
        connections[descriptor]?.send(bytes: bytes)
    }

    /// How much of that the other end's kernel has not acknowledged. Frames that were not counted and what ZeroMQ adds make
    /// it smaller than it is, until the next look.
    func unread(by peer: PeerAddress) -> Int {
        guard let descriptor = descriptors[peer], let taken = TCPBytes(of: descriptor)?.acknowledged else { return 0 }
        return connections[descriptor]?.unread(acknowledged: taken) ?? 0
    }

    func held(by peer: PeerAddress) -> UInt64 { descriptors[peer].flatMap { connections[$0]?.held } ?? 0 }

    private func descriptor(of peer: PeerAddress?, _ frame: borrowing Frame) -> Int32? {
        if let peer, let known = descriptors[peer] { return known }
        if let peer, gone.contains(peer) { return nil }
        guard let descriptor = frame.descriptor else { return nil }
        // The news of its arrival may still be unread, and of the end of another one that had this descriptor.
        if connections[descriptor].map({ $0.peer != nil }) ?? true { takeNews() }
        guard let peer else { return descriptor }
        guard connections[descriptor] != nil else {
            gone.insert(peer)
            return nil
        }
        if let former = connections[descriptor]?.peer { descriptors[former] = nil }
        connections[descriptor]?.peer = peer
        descriptors[peer] = descriptor
        return descriptor
    }

    // MARK: What the broker tells

    /// A session stands at this address: its connection is not among the first to go. Or none does any more.
    func vouch(for peer: PeerAddress, _ stands: Bool) {
        guard let descriptor = descriptors[peer], connections[descriptor]?.isVouchedFor != stands else { return }
        connections[descriptor]?.isVouchedFor = stands
        guests += stands ? 1 : -1
        counter?.set(vouchedFor: guests)
        if !stands, let number = connections[descriptor]?.number { addStranger(descriptor, number) }
    }

    /// A message from this address was of no use. Forgiven in time; a flood ends its connection.
    func useless(from peer: PeerAddress, at now: Int64) {
        if let descriptor = descriptors[peer] { useless(descriptor, at: now) }
    }

    /// The same of a message that was thrown away before anybody saw it, also of one whose peer has no address here.
    func useless(_ frame: borrowing Frame, from peer: PeerAddress?, at now: Int64) {
        if let descriptor = descriptor(of: peer, frame) { useless(descriptor, at: now) }
    }

    /// So many frames of a message that has too many were thrown away. Each weighs as much as a useless message: libzmq
    /// pays as much for it, and so does whoever throws it away.
    ///
    /// - Parameter bytes: On the wire.
    func dropped(frames: Int, bytes: UInt64, _ last: borrowing Frame, from peer: PeerAddress?, at now: Int64) {
        guard let descriptor = descriptor(of: peer, last) else { return }
        connections[descriptor]?.handOut(frames: frames, bytes: bytes)
        useless(descriptor, weighing: Double(frames), at: now)
    }

    private func useless(_ descriptor: Int32, weighing weight: Double = 1, at now: Int64) {
        let sum = connections[descriptor]?.addUseless(weight, forgivenPerSecond: limits.uselessPerSecond, at: now)
        if let sum, sum > limits.uselessMax { cut(descriptor, .useless, sticks: true, at: now) }
    }

    /// Whoever asks knows why, so it is not told by ``look(at:)``.
    func end(_ peer: PeerAddress) {
        guard let descriptor = descriptors[peer], connections[descriptor]?.isCut == false else { return }
        connections[descriptor]?.isCut = true
        ended += 1
        disconnect(descriptor)
    }

    // MARK: Looks

    /// Does what is due. Returns why connections were ended since the last call.
    ///
    /// - Parameter resident: Bytes that this process takes; asked for only when a look is due.
    func look(at now: Int64, resident: () -> UInt64) -> [ConnectionCut] {
        guard now >= nextLook else { return taken() }
        defer { lastLook = now }
        // A socket that is never found empty must not make it grow without end; who is forgotten here costs a little more.
        if gone.count > Self.goneMax {
            gone.removeAll()
            outcasts.removeAll()
        }
        takeNews(at: now)
        tarpit.look(at: now)
        let isCrowded = connections.count > limits.connectionsMax && makeRoom(at: now)
        let isMuch = judge(all: takeGrowth(to: resident()), at: now)
        endSilent(at: now)
        isBusy = isMuch || isCrowded || !silent.isEmpty
        nextLook = now + (isBusy ? Self.busyInterval : interval)
        if let counter { cuts += repeatElement(.tooMany, count: counter.takeTurnedAway()) }
        return taken()
    }

    private var interval: Int64 {
        let due = Self.interval * Int64(Self.judgedPerLook) / Int64(max(connections.count, Self.judgedPerLook))
        return max(due, Self.closeInterval)
    }

    private func taken() -> [ConnectionCut] {
        guard !cuts.isEmpty else { return [] }
        defer { cuts.removeAll() }
        return cuts
    }

    private func takeNews(at now: Int64 = MonotonicClock.nanoseconds()) {
        while let report = monitor.next() {
            let descriptor = Int32(truncatingIfNeeded: report.value)
            if let former = connections.removeValue(forKey: descriptor) { forget(former) }
            guard report.event == ZMQ_EVENT_ACCEPTED else { continue }
            arrivals += 1
            connections[descriptor] = ConnectionAccount(number: arrivals, at: now)
            addStranger(descriptor, arrivals)
        }
    }

    private func forget(_ connection: ConnectionAccount) {
        if connection.isCut { ended -= 1 }
        precondition(ended >= 0, "fewer than no connections are being ended")
        if let peer = connection.peer {
            descriptors[peer] = nil
            gone.insert(peer)
            if connection.isCut { outcasts.insert(peer) }
        }
        guard connection.isVouchedFor else { return }
        guests -= 1
        precondition(guests >= 0, "fewer than no connections have a session")
        counter?.set(vouchedFor: guests)
    }

    /// The oldest that nobody vouched for go, such as handshakes that were never finished; without any, the newest. Returns
    /// whether there are too many still.
    private func makeRoom(at now: Int64) -> Bool {
        let excess = connections.count - ended - limits.connectionsMax
        guard excess > 0 else { return false }
        // The more there are, the more go at once, so that nobody can connect faster than others are ended.
        var left = min(excess, max(Self.endedPerLook, excess / Self.endedPerLook))
        while left > 0, oldest < strangers.count {
            let stranger = strangers[oldest]
            oldest += 1
            guard isStranger(stranger) else { continue }
            cut(stranger.descriptor, .tooMany, at: now)
            left -= 1
        }
        guard left > 0 else { return connections.count - ended > limits.connectionsMax }
        let standing = connections.filter { !$0.value.isCut }.sorted { $0.value.number > $1.value.number }
        for (descriptor, _) in standing.prefix(left) { cut(descriptor, .tooMany, at: now) }
        return connections.count - ended > limits.connectionsMax
    }

    /// It stands, and nobody vouches for it.
    private func isStranger(_ place: (descriptor: Int32, number: UInt64)) -> Bool {
        guard let connection = connections[place.descriptor], connection.number == place.number else { return false }
        return !connection.isCut && !connection.isVouchedFor
    }

    private func addStranger(_ descriptor: Int32, _ number: UInt64) {
        // Those that are none any more are thrown away before they are as many as all connections.
        if strangers.count > 2 * connections.count + 64 {
            strangers.removeSubrange(..<oldest)
            oldest = 0
            strangers.removeAll { !isStranger($0) }
        }
        strangers.append((descriptor, number))
    }

    /// Judges those whose turn it is. Returns whether much came in, so that the next look should be soon.
    ///
    /// - Parameter all: It is everybody's turn.
    private func judge(all: Bool, at now: Int64) -> Bool {
        var cameIn: UInt64 = 0
        if round.isEmpty {
            boundTheSum(at: now)
            round = Array(connections.keys)
        }
        var most = isBusy ? Self.judgedPerBusyLook : Self.judgedPerLook
        if all {
            round = Array(connections.keys)
            most = round.count
        }
        let soon = heavy
        heavy.removeAll(keepingCapacity: true)
        for descriptor in round.suffix(most) + soon {
            guard var connection = connections[descriptor], !connection.isCut, connection.judgedAt != now else {
                continue
            }
            let bytes = TCPBytes(of: descriptor)
            let (more, isDrained) = connection.judge(received: bytes?.received ?? 0, drains: drains, at: now)
            connections[descriptor] = connection
            cameIn += more
            if more > Self.heavyBytes { heavy.append(descriptor) }
            // What it said would have been handed out when the socket was read to its end.
            if connection.peer == nil, isDrained, now - connection.arrivedAt > limits.silenceMax {
                guard !connection.isSilent else { continue }
                connections[descriptor]?.isSilent = true
                silent.append((descriptor, connection.number))
            } else if connection.heldFrames > limits.heldFramesMax {
                cut(descriptor, .tooMuchHeld, sticks: true, at: now)
            } else if isDrained, connection.held > limits.unfinishedBytesMax {
                cut(descriptor, .tooMuchHeld, sticks: true, at: now)
            } else if connection.held > limits.heldBytesMax {
                cut(descriptor, .tooMuchHeld, at: now)
            }
        }
        round.removeLast(min(most, round.count))
        let since = min(now - lastLook, Self.interval)
        return Double(cameIn) * 1e9 > Double(Self.busyBytesPerSecond) * Double(since)
    }

    /// Some of those that said nothing for too long and still say nothing.
    private func endSilent(at now: Int64) {
        for _ in 0..<Self.endedPerLook {
            guard let (descriptor, number) = silent.popFirst() else { return }
            guard let connection = connections[descriptor], connection.number == number, connection.peer == nil else {
                continue
            }
            cut(descriptor, .silent, at: now)
        }
    }

    /// Whether the process has grown by much since this was true the last time.
    private func takeGrowth(to resident: UInt64) -> Bool {
        leastResident = min(leastResident, resident)
        guard resident - leastResident > Self.growth else { return false }
        leastResident = resident
        return true
    }

    private func boundTheSum(at now: Int64) {
        boundTheSum(of: \.unfinished, limits.unfinishedBytesOfAllMax, at: now)
        boundTheSum(of: \.held, limits.heldBytesOfAllMax, at: now)
    }

    private func boundTheSum(of bytes: KeyPath<ConnectionAccount, UInt64>, _ most: UInt64, at now: Int64) {
        var sum = connections.values.reduce(0) { $0 + ($1.isCut ? 0 : $1[keyPath: bytes]) }
        guard sum > most else { return }
        for (descriptor, connection) in connections.sorted(by: { $0.value[keyPath: bytes] > $1.value[keyPath: bytes] })
        where !connection.isCut {
            guard sum > most else { return }
            cut(descriptor, .tooMuchHeld, at: now)
            sum -= connection[keyPath: bytes]
        }
    }

    /// - Parameter sticks: No honest peer does this: its peer is not told for a while, and waits.
    private func cut(_ descriptor: Int32, _ reason: ConnectionCut, sticks: Bool = false, at now: Int64) {
        guard let connection = connections[descriptor], !connection.isCut else { return }
        connections[descriptor]?.isCut = true
        ended += 1
        cuts.append(reason)
        if sticks, tarpit.add(descriptor, at: now) { return }
        disconnect(descriptor)
    }

    func close() { monitor.stop() }
}
