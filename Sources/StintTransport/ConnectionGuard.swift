import CZeroMQ
import Glibc

/// Why a connection was ended.
package enum ConnectionCut: Hashable, Sendable {
    /// There are as many as the socket takes, and this one had said nothing useful yet.
    case tooMany
    /// It holds more bytes of a message that does not end, or of messages that nobody had time to read, than a peer may.
    case tooMuchHeld
    /// Too many of its messages were of no use: no envelope, no session.
    case useless
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
/// To be sure that a message is unfinished, and not only unread, the two numbers are taken at different times: the first
/// at one look, the second at the next, and only when the socket was read to its end in between. While it never is, only
/// the larger bounds count.
///
/// Bytes on the wire are not bytes of memory: of a message in pieces of one byte libzmq keeps 64 for each, twenty times
/// what came in. Only peers of this host can send such without the frames of CURVE around each piece, and the broker's
/// bound on its memory stands behind this.
///
/// A descriptor may be used anew between the end of a connection and the news of it. Then an innocent connection is cut
/// and made again, which costs a moment; what is no socket cannot be shut down. Only TCP counts its bytes: peers on this
/// host, over `ipc://`, are let in by the rights of a file. Owned by the thread that owns the router.
final class ConnectionGuard {
    private struct Connection {
        /// Order of arrival.
        var number: UInt64
        var judgedAt: Int64
        var peer: PeerAddress?
        /// A session stands behind it.
        var isVouchedFor = false
        /// Bytes that were handed out, or that heartbeats of libzmq may have taken. Never more than came in.
        var explained: UInt64 = 0
        /// Bytes of large frames that were sent, and at least as many as the other end has taken of all.
        var sent: UInt64 = 0
        var measured: UInt64?
        var measuredAtDrain: UInt64 = 0
        /// What it held when it was last judged, and how much of that was a message that had not ended.
        var held: UInt64 = 0
        var unfinished: UInt64 = 0
        var useless = 0.0
        var uselessAt: Int64 = 0
        var isCut = false
    }

    private let limits: ConnectionLimits
    private let counter: ConnectionCount?
    private let monitor: ConnectionMonitor
    private var connections: [Int32: Connection] = [:]
    private var descriptors: [PeerAddress: Int32] = [:]  // for lookup only
    /// Peers whose connection has ended, while messages of theirs may still be read: those must not be charged to who has
    /// their descriptor now, nor cost a look for news each. No address is used twice.
    private var gone: Set<PeerAddress> = []  // for lookup only
    private var arrivals: UInt64 = 0
    /// Those with a session behind them.
    private var guests = 0
    /// How often the socket was found empty.
    private var drains: UInt64 = 0
    private var nextLook: Int64 = 0
    /// Those still to be judged in this round.
    private var round: [Int32] = []
    private var heavy: [Int32] = []
    private var cuts: [ConnectionCut] = []
    private var tarpit = Tarpit()

    static let interval: Int64 = 250_000_000
    /// While so many bytes come in between two looks, they are so much closer together: what a peer can fill until it is
    /// judged is what the link carries in two of them.
    private static let busyInterval: Int64 = 30_000_000
    private static let busyBytes: UInt64 = 16 * 1_048_576
    /// A connection on which more came in since its last look is looked at in the next one, however many others there are.
    private static let heavyBytes: UInt64 = 1_048_576
    /// Each takes two calls of the system, so many are spread over several looks; everybody is judged once a second.
    private static let judgedPerLook = 512
    private static let looksPerRound = 4
    private static let goneMax = 65_536
    /// The handshake, which no frame accounts for.
    private static let handshakeBytes: UInt64 = 65_536
    /// What heartbeats of libzmq itself add: a PING and a PONG of up to 42 bytes every ten seconds.
    private static let heartbeatBytesPerSecond: UInt64 = 16
    /// What a frame takes on the wire beside its bytes, at most: a length, and with CURVE a command around it, a nonce and
    /// a seal. What is too much of it is taken back at the next look.
    private static let framingBytes: UInt64 = 64

    /// To be called before the router is bound, so that nobody is missed.
    init(
        of router: SocketHandle, limits: ConnectionLimits, counting counter: ConnectionCount?
    ) throws(TransportError) {
        self.limits = limits
        self.counter = counter
        monitor = try ConnectionMonitor(of: router, events: ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED)
    }

    var count: Int { connections.count }

    // MARK: What the router tells

    /// The socket had nothing more to hand out.
    func foundEmpty() {
        drains += 1
        if !gone.isEmpty { gone.removeAll(keepingCapacity: true) }
    }

    /// A frame was handed out.
    func delivered(_ frame: borrowing Frame, from peer: PeerAddress?) {
        guard let descriptor = descriptor(of: peer, frame) else { return }
        connections[descriptor]?.explained += UInt64(frame.bytes.count) + Self.framingBytes
    }

    /// A large frame was given to libzmq.
    func sent(_ bytes: Int, to peer: PeerAddress) {
        guard let descriptor = descriptors[peer] else { return }
        connections[descriptor]?.sent += UInt64(bytes)
    }

    /// How much of that the other end's kernel has not acknowledged. Frames that were not counted and what ZeroMQ adds make
    /// it smaller than it is, until the next look.
    func unread(by peer: PeerAddress) -> Int {
        guard let descriptor = descriptors[peer], let sent = connections[descriptor]?.sent,
            let taken = TCPBytes(of: descriptor)?.acknowledged
        else { return 0 }
        if taken > sent { connections[descriptor]?.sent = taken }
        return Int(clamping: sent - min(sent, taken))
    }

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
    func dropped(frames: Int, bytes: Int, _ last: borrowing Frame, from peer: PeerAddress?, at now: Int64) {
        guard let descriptor = descriptor(of: peer, last) else { return }
        connections[descriptor]?.explained += UInt64(bytes) + UInt64(frames) * Self.framingBytes
        useless(descriptor, weighing: Double(frames), at: now)
    }

    private func useless(_ descriptor: Int32, weighing weight: Double = 1, at now: Int64) {
        guard var connection = connections[descriptor] else { return }
        let forgiven = Double(max(0, now - connection.uselessAt)) / 1e9 * limits.uselessPerSecond
        connection.useless = max(0, connection.useless - forgiven) + weight
        connection.uselessAt = now
        connections[descriptor] = connection
        if connection.useless > limits.uselessMax { cut(descriptor, .useless, at: now) }
    }

    /// Whoever asks knows why, so it is not told by ``look(at:)``.
    func end(_ peer: PeerAddress) {
        guard let descriptor = descriptors[peer] else { return }
        connections[descriptor]?.isCut = true
        Self.end(descriptor)
    }

    // MARK: Looks

    /// Does what is due. Returns why connections were ended since the last call.
    func look(at now: Int64) -> [ConnectionCut] {
        guard now >= nextLook else { return taken() }
        nextLook = now + Self.interval
        // A socket that is never found empty must not make it grow without end; who is forgotten here costs a little more.
        if gone.count > Self.goneMax { gone.removeAll() }
        takeNews(at: now)
        endStuck(at: now)
        if connections.count > limits.connectionsMax { makeRoom(at: now) }
        if judge(at: now) > Self.busyBytes { nextLook = now + Self.busyInterval }
        if let counter { cuts += repeatElement(.tooMany, count: counter.takeTurnedAway()) }
        return taken()
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
            connections[descriptor] = Connection(number: arrivals, judgedAt: now)
        }
    }

    private func forget(_ connection: Connection) {
        if let peer = connection.peer {
            descriptors[peer] = nil
            gone.insert(peer)
        }
        guard connection.isVouchedFor else { return }
        guests -= 1
        precondition(guests >= 0, "fewer than no connections have a session")
        counter?.set(vouchedFor: guests)
    }

    /// The oldest that nobody vouched for go, such as handshakes that were never finished; without any, the newest.
    private func makeRoom(at now: Int64) {
        let standing = connections.filter { !$0.value.isCut }
        var excess = standing.count - limits.connectionsMax
        guard excess > 0 else { return }
        let strangers = standing.filter { !$0.value.isVouchedFor }.sorted { $0.value.number < $1.value.number }
        for (descriptor, _) in strangers.prefix(excess) { cut(descriptor, .tooMany, at: now) }
        excess -= strangers.count
        guard excess > 0 else { return }
        let guests = standing.filter(\.value.isVouchedFor).sorted { $0.value.number > $1.value.number }
        for (descriptor, _) in guests.prefix(excess) { cut(descriptor, .tooMany, at: now) }
    }

    /// Returns how many bytes came in since each was looked at last.
    private func judge(at now: Int64) -> UInt64 {
        var cameIn: UInt64 = 0
        if round.isEmpty {
            boundTheSum(at: now)
            round = Array(connections.keys)
        }
        round += heavy
        heavy.removeAll(keepingCapacity: true)
        let most = max(Self.judgedPerLook, connections.count / Self.looksPerRound + 1)
        for _ in 0..<min(most, round.count) {
            guard let descriptor = round.popLast(), var connection = connections[descriptor], !connection.isCut,
                let received = TCPBytes(of: descriptor)?.received
            else { continue }
            let more = received - min(received, connection.measured ?? 0)
            cameIn += more
            if more > Self.heavyBytes { heavy.append(descriptor) }
            let quiet = UInt64(max(0, now - connection.judgedAt)) * Self.heartbeatBytesPerSecond / 1_000_000_000
            connection.explained += quiet
            connection.judgedAt = now
            if let measured = connection.measured {
                let explained = connection.explained + Self.handshakeBytes
                connection.held = measured > explained ? measured - explained : 0
                let isDrained = drains > connection.measuredAtDrain
                connection.unfinished = isDrained ? connection.held : 0
                if connection.held > (isDrained ? limits.unfinishedBytesMax : limits.heldBytesMax) {
                    cut(descriptor, .tooMuchHeld, at: now)
                    continue
                }
            }
            // More than came in cannot have been handed out; else a peer could save up for a message without an end.
            connection.explained = min(connection.explained, received)
            connection.measured = received
            connection.measuredAtDrain = drains
            connections[descriptor] = connection
        }
        return cameIn
    }

    private func boundTheSum(at now: Int64) {
        boundTheSum(of: \.unfinished, limits.unfinishedBytesOfAllMax, at: now)
        boundTheSum(of: \.held, limits.heldBytesOfAllMax, at: now)
    }

    private func boundTheSum(of bytes: KeyPath<Connection, UInt64>, _ most: UInt64, at now: Int64) {
        var sum = connections.values.reduce(0) { $0 + ($1.isCut ? 0 : $1[keyPath: bytes]) }
        guard sum > most else { return }
        for (descriptor, connection) in connections.sorted(by: { $0.value[keyPath: bytes] > $1.value[keyPath: bytes] })
        where !connection.isCut {
            guard sum > most else { return }
            cut(descriptor, .tooMuchHeld, at: now)
            sum -= connection[keyPath: bytes]
        }
    }

    private func cut(_ descriptor: Int32, _ reason: ConnectionCut, at now: Int64) {
        guard let connection = connections[descriptor], !connection.isCut else { return }
        connections[descriptor]?.isCut = true
        cuts.append(reason)
        if reason == .useless, let arrived = TCPBytes(of: descriptor)?.arrived {
            let held = arrived - min(arrived, connection.explained)
            if tarpit.add(descriptor, number: connection.number, holding: held, at: now) { return endStuck(at: now) }
        }
        Self.end(descriptor)
    }

    /// Ends those that were stuck for long enough, or have to make room.
    private func endStuck(at now: Int64) {
        while let stuck = tarpit.next(at: now) {
            if connections[stuck.descriptor]?.number == stuck.number { Self.end(stuck.descriptor) }
        }
    }

    /// Ends a connection, and throws away what the kernel still holds of it. After a mere shutdown libzmq would read that to
    /// its end: megabytes, of which small pieces make a hundred.
    private static func end(_ descriptor: Int32) {
        // connect(2): a TCP socket is disconnected, with a RST, by connecting it to an address of no family.
        var nobody = sockaddr()
        nobody.sa_family = sa_family_t(AF_UNSPEC)
        guard connect(descriptor, &nobody, socklen_t(MemoryLayout<sockaddr>.size)) != 0 else { return }
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    func close() { monitor.stop() }
}
