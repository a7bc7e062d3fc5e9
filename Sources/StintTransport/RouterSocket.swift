import CZeroMQ
import Glibc

/// What became of a message that was given to a socket.
package enum SendOutcome: Hashable, Sendable {
    /// libzmq has it. That is all: the connection may end before it arrives.
    case sent
    /// The peer's queue is full: keep the message and offer it again later.
    case wouldBlock
    /// Nobody is there any more. At a router that connection is gone for good; for a dealer see its `send`.
    case unreachable
}

/// The broker's end: one socket, many peers, whole messages of one body each.
///
/// What a peer sends never traps and never holds the loop. A message is two frames, the address and a body of
/// 1…`frameBytesMax` bytes; everything else is dropped and counted. With keys, each message comes with its sender. One thread owns the socket; it is not Sendable, and
/// ``SocketThread`` takes it over once.
package final class RouterSocket {
    /// Bounds of one socket.
    package struct Limits: Sendable {
        /// 1 000 or more. A larger frame ends the connection that it comes from; the sender must know this number.
        package var frameBytesMax: Int
        /// Frames that wait for one peer before a send answers ``SendOutcome/wouldBlock``. Approximate: libzmq counts
        /// in steps, and the network holds some more.
        package var framesToSendMax = 4_096
        /// Frames of bad messages that one call throws away: so many that a loop spends its time on them and not on the
        /// turns between, and so few that one peer cannot hold it; they take about a millisecond.
        package var framesPerCallMax = 16_384
        package var connections = ConnectionLimits()

        package init(frameBytesMax: Int) { self.frameBytesMax = frameBytesMax }
    }

    /// Where it listens, with the port that the system chose for port 0.
    package let boundEndpoint: Endpoint
    package let limits: Limits
    /// Messages dropped because they were not one address and one body that is not empty.
    package private(set) var malformedCount = 0
    /// Messages dropped because the peer chose its own routing id.
    package private(set) var selfNamedCount = 0
    /// Messages dropped because an encrypted connection did not say whose it is. Never, unless libzmq is wrong.
    package private(set) var anonymousCount = 0
    /// All that nobody saw.
    package var droppedCount: Int { malformedCount + selfNamedCount + anonymousCount }

    let socket: SocketHandle
    private let isEncrypted: Bool
    private let connections: ConnectionGuard
    /// What libzmq listens on.
    private var listening: [String] = []
    private let incoming = Frame()
    private let outgoing = Frame()
    /// The rest of a message of too many frames is still to be thrown away.
    private var isDropping = false
    private var droppedFrom: PeerAddress?

    /// - Parameters:
    ///   - security: Nil: plain text, and then only peers of this host.
    ///   - count: Is kept up to date by ``look(at:)``.
    package init(
        in context: ZMQContext, binding endpoint: Endpoint, limits: Limits, security: ServerSecurity? = nil,
        counting count: ConnectionCount? = nil
    ) throws(TransportError) {
        precondition(SocketOption.frameBytes.contains(limits.frameBytesMax), "frameBytesMax \(limits.frameBytesMax)")
        precondition(limits.framesToSendMax > 0, "0 would mean no bound to libzmq")
        isEncrypted = security != nil
        try endpoint.checkBindable(isEncrypted: isEncrypted)
        socket = try SocketHandle(.router, in: context)
        socket.set(SocketOption.router(limits, ipv6: endpoint.needsIPv6))
        if let security { socket.secure(security) }
        // libzmq cannot read MANDATORY back, so it is tried: nobody is connected yet who could have this address.
        precondition(
            Self.announce(PeerAddress(simulated: 0), at: socket) == .unreachable, "ROUTER_MANDATORY does not work")
        self.limits = limits
        connections = try ConnectionGuard(
            of: socket, limits: limits.connections, isEncrypted: isEncrypted, counting: count)
        boundEndpoint = try Self.bind(socket, to: endpoint)
        listening = [socket.lastEndpoint]
    }

    private static func bind(_ socket: SocketHandle, to endpoint: Endpoint) throws(TransportError) -> Endpoint {
        if case .ipc(let path) = endpoint.address { try SocketFile(path: path).prepareForBinding(endpoint) }
        guard zmq_bind(socket.raw, endpoint.libzmqText) == 0 else {
            let number = zmq_errno()
            throw number == EADDRINUSE ? .addressInUse(endpoint) : .system("bind \"\(endpoint)\"", number)
        }
        return try Endpoint(socket.lastEndpoint)
    }

    /// Listens at one more place, where another key of the server counts: while keys are exchanged, peers that know the
    /// former one and peers that know the new one are served by one socket.
    ///
    /// libzmq gives each listener the options that are set when it is bound, so the one that is there keeps its key.
    @discardableResult
    package func alsoBind(_ endpoint: Endpoint, secret: SecretKey) throws(TransportError) -> Endpoint {
        precondition(isEncrypted, "a socket without keys has no second one")
        try endpoint.checkBindable(isEncrypted: true)
        socket.change(secret: secret)
        let bound = try Self.bind(socket, to: endpoint)
        listening.append(socket.lastEndpoint)
        return bound
    }

    /// The next message, without waiting; nil when there is none, or when this call has thrown away its share of bad
    /// ones (then the poller says at once that there is more).
    ///
    /// `user` is who the gatekeeper let in; nil on a socket without keys, and there only.
    package func receive() -> (peer: PeerAddress, body: [UInt8], user: UserID?)? {
        var framesLeft = limits.framesPerCallMax
        while framesLeft > 0 {
            if isDropping {
                framesLeft -= dropRest(most: framesLeft)
                continue
            }
            guard incoming.receive(from: socket) else {
                connections.foundEmpty()
                return nil
            }
            framesLeft -= 1
            // libzmq hands out whole messages only, and puts an address before each.
            let peer = PeerAddress(routingID: incoming.bytes)
            guard incoming.hasMore, incoming.receive(from: socket) else {
                malformedCount += 1
                continue
            }
            framesLeft -= 1
            guard connections.delivered(incoming, from: peer) else {
                isDropping = incoming.hasMore
                droppedFrom = peer
                incoming.release()
                continue
            }
            guard !incoming.hasMore, !incoming.bytes.isEmpty else {
                malformedCount += 1
                isDropping = incoming.hasMore
                droppedFrom = peer
                // One of many pieces is weighed by those that follow.
                if !isDropping { connections.useless(incoming, from: peer, at: MonotonicClock.nanoseconds()) }
                incoming.release()
                continue
            }
            guard let peer else {
                selfNamedCount += 1
                connections.useless(incoming, from: nil, at: MonotonicClock.nanoseconds())
                incoming.release()
                continue
            }
            guard isEncrypted else { return (peer, incoming.take(), nil) }
            guard let user = incoming.user else {
                anonymousCount += 1
                incoming.release()
                continue
            }
            return (peer, incoming.take(), user)
        }
        return nil
    }

    /// Throws away what follows of a message of too many frames, up to so many, as fast as libzmq hands it out: its I/O
    /// thread reads small frames in no time and keeps 64 bytes for each, so the loop must not be the slower one.
    private func dropRest(most: Int) -> Int {
        precondition(isDropping && most > 0)
        var (frames, bytes): (Int, UInt64) = (0, 0)
        repeat {
            let isThere = incoming.receive(from: socket)
            precondition(isThere, "libzmq handed out a part of a message")
            frames += 1
            bytes += connections.bytesOnWire(incoming)
            isDropping = incoming.hasMore
        } while isDropping && frames < most
        connections.dropped(frames: frames, bytes: bytes, incoming, from: droppedFrom, at: MonotonicClock.nanoseconds())
        incoming.release()
        return frames
    }

    /// Sends one message, without waiting, wholly or not at all.
    ///
    /// libzmq decides at the first frame: with MANDATORY it refuses the address when the peer is gone or full. Once it
    /// took the address it always takes the body, or drops both when the peer goes in between; so the only other thing
    /// that could fail, memory for the body, is had first.
    ///
    /// After ``SendOutcome/wouldBlock`` no event says when there is room, because a router is writable when any peer
    /// is: offer the message again in a later turn.
    package func send(_ body: UnsafeRawBufferPointer, to peer: PeerAddress) -> SendOutcome {
        precondition(
            (1...limits.frameBytesMax).contains(body.count),
            "a body of \(body.count) bytes; split messages to 1...\(limits.frameBytesMax)")
        outgoing.reserve(body.count)
        let outcome = Self.announce(peer, at: socket)
        guard outcome == .sent else {
            outgoing.release()
            return outcome
        }
        outgoing.fill(with: body)
        let isSent = outgoing.send(to: socket)
        precondition(isSent, "libzmq took an address and then refused its body")
        if body.count >= Self.largeFrameBytes { connections.sent(body.count, to: peer) }
        return .sent
    }

    /// From here on a frame counts for ``unreadBytes(of:)``. Small ones are bounded by their number.
    package static let largeFrameBytes = 16_384

    /// About how many bytes of large frames were sent to this peer and are not with it yet: libzmq and the kernel hold
    /// them, because it does not read. 0 where the kernel does not tell.
    package func unreadBytes(of peer: PeerAddress) -> Int { connections.unread(by: peer) }

    /// What libzmq held of this peer's messages when its connection was judged last.
    func heldBytes(of peer: PeerAddress) -> UInt64 { connections.held(by: peer) }

    package func send(_ body: [UInt8], to peer: PeerAddress) -> SendOutcome {
        body.withUnsafeBytes { send($0, to: peer) }
    }

    /// Sends the address; ``SendOutcome/sent`` means that the body must follow.
    private static func announce(_ peer: PeerAddress, at socket: SocketHandle) -> SendOutcome {
        peer.withRoutingID { id in
            while zmq_send(socket.raw, id.baseAddress, id.count, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0 {
                switch zmq_errno() {
                case EINTR: continue
                case EAGAIN: return .wouldBlock
                case EHOSTUNREACH: return .unreachable
                case let number: preconditionFailure("zmq_send failed: error \(number)")
                }
            }
            return .sent
        }
    }

    // MARK: Connections

    /// How many there are, as of the last look.
    package var connectionCount: Int { connections.count }

    /// When the next look is due, in nanoseconds: a loop that sleeps longer notices too late that a connection fills memory.
    package var nextLook: Int64 { connections.nextLook }

    /// Ends connections that cost too much; cheap when nothing is due. Returns why, one word for each.
    ///
    /// - Parameter resident: Bytes that this process takes.
    package func look(
        at nanoseconds: Int64, resident: @autoclosure () -> UInt64 = ResidentMemory.bytes
    ) -> [ConnectionCut] {
        connections.look(at: nanoseconds, resident: resident)
    }

    /// A session stands at this address, or none does any more.
    package func vouch(for peer: PeerAddress, _ stands: Bool = true) { connections.vouch(for: peer, stands) }

    /// A message from this address was of no use: a flood of them ends its connection.
    package func useless(from peer: PeerAddress) {
        connections.useless(from: peer, at: MonotonicClock.nanoseconds())
    }

    /// Ends the connection of this address, with all that waits in it. Its peer notices, and may connect again.
    package func end(_ peer: PeerAddress) { connections.end(peer) }

    /// Stops listening and ends all connections; what was not sent is thrown away. When it returns, the address is free
    /// to be bound again. The last reference does the same, without waiting for that.
    package func close() {
        guard socket.isOpen else { return }
        connections.close()
        for endpoint in listening { socket.unbindAndWait(endpoint) }
        socket.close()
    }
}
