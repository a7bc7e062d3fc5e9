import CZeroMQ
import Glibc

/// A worker's or client's end: one connection to a broker, kept up by libzmq, watched through a monitor.
///
///              link gone, or handshake failed
///     trying ──────────────────────────────────► in doubt ──── no room to send ────► lost
///      ▲ ▲                                          │                                 │
///      │ └──── libzmq tries again, or is through ───┘                                 │
///      └───────────────────────────────── rebuild() ──────────────────────────────────┘
///
/// *Trying* includes being connected. libzmq reconnects by itself after the loss of a link, but gives the endpoint up
/// for ever after what it takes for a mistake of the protocol, such as a frame over the limit, and does not say so.
/// What shows it: without bounds and with IMMEDIATE off there is room to send at all times, connected or not, until the
/// endpoint is given up. Then ``Event/endpointLost`` is reported (by a poller within 10 ms), a send answers
/// `unreachable`, and the owner calls ``rebuild()``, with a pause of its own between two of them.
///
/// What was queued for the old connection arrives on the new one before anything else, so every message must name its
/// session. One thread owns the socket; it is not Sendable, and ``SocketThread`` takes it over once.
package final class DealerSocket {
    /// Bounds of one socket.
    package struct Limits: Sendable {
        /// 1 000 or more. A larger frame ends the connection and loses the endpoint; the broker must know this number.
        package var frameBytesMax: Int
        /// The first pause before a reconnect, 1…15 000 ms; it doubles up to 15 s. Random, 200…500, so that a fleet
        /// does not come back in step.
        package var reconnectMilliseconds: Int

        package init(frameBytesMax: Int, reconnectMilliseconds: Int) {
            self.frameBytesMax = frameBytesMax
            self.reconnectMilliseconds = reconnectMilliseconds
        }
    }

    package enum Event: Hashable, Sendable {
        /// The handshake is done; messages flow. A new connection: the broker does not know it yet.
        case connected
        case disconnected
        /// libzmq tries again after this pause (and up to as much again at random).
        case retrying(afterMilliseconds: Int)
        case handshakeFailed(HandshakeFailure)
        /// libzmq has given up: only ``DealerSocket/rebuild()`` helps.
        case endpointLost
    }

    package enum HandshakeFailure: Hashable, Sendable {
        /// The broker refused this peer: the status of its answer.
        case refused(status: Int)
        /// The other end does not speak as it must: a number of libzmq's `ZMQ_PROTOCOL_ERROR_…`.
        case notUnderstood(code: UInt32)
        /// The connection ended first, or took too long.
        case cutShort(errno: Int32)
    }

    package let endpoint: Endpoint
    package let limits: Limits
    /// Nil: plain text.
    package let security: ClientSecurity?
    /// Messages dropped because they were not one frame that is not empty.
    package private(set) var malformedCount = 0

    private enum Link {
        case trying, inDoubt, lost
    }
    private let context: ZMQContext
    private(set) var socket: SocketHandle
    private(set) var monitor: ConnectionMonitor
    private var link = Link.trying
    private var lossIsReported = false
    private let incoming = Frame()
    private let outgoing = Frame()
    private var isDropping = false
    private static let framesPerCallMax = 64

    /// Begins to connect and returns at once; no broker needs to be there. ``nextEvent()`` tells the rest.
    package init(
        in context: ZMQContext, connectingTo endpoint: Endpoint, limits: Limits, security: ClientSecurity? = nil
    ) throws(TransportError) {
        precondition(SocketOption.frameBytes.contains(limits.frameBytesMax), "frameBytesMax \(limits.frameBytesMax)")
        precondition((1...15_000).contains(limits.reconnectMilliseconds), "pause \(limits.reconnectMilliseconds) ms")
        try endpoint.checkConnectable(isEncrypted: security != nil)
        self.context = context
        self.endpoint = endpoint
        self.limits = limits
        self.security = security
        (socket, monitor) = try Self.connect(in: context, to: endpoint, limits, security)
    }

    private static func connect(
        in context: ZMQContext, to endpoint: Endpoint, _ limits: Limits, _ security: ClientSecurity?
    ) throws(TransportError) -> (SocketHandle, ConnectionMonitor) {
        let socket = try SocketHandle(.dealer, in: context)
        socket.set(SocketOption.dealer(limits, ipv6: endpoint.needsIPv6))
        if let security { socket.secure(security) }
        let monitor = try ConnectionMonitor(
            of: socket,
            events: ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED
                | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
                | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
        guard zmq_connect(socket.raw, endpoint.libzmqText) == 0 else {
            throw .system("connect to \"\(endpoint)\"", zmq_errno())
        }
        return (socket, monitor)
    }

    /// Sends one message, without waiting. Never `wouldBlock`: while a broker is away, messages queue here without a
    /// bound, so send no more than the session's credit. `unreachable` means that the endpoint is lost and nothing is
    /// sent until ``rebuild()``.
    package func send(_ body: UnsafeRawBufferPointer) -> SendOutcome {
        precondition(
            (1...limits.frameBytesMax).contains(body.count),
            "a body of \(body.count) bytes; split messages to 1...\(limits.frameBytesMax)")
        guard link != .lost else { return .unreachable }
        outgoing.reserve(body.count)
        outgoing.fill(with: body)
        if outgoing.send(to: socket) { return .sent }
        outgoing.release()
        link = .lost
        return .unreachable
    }

    package func send(_ body: [UInt8]) -> SendOutcome { body.withUnsafeBytes { send($0) } }

    /// The next message, without waiting; nil when there is none, or when this call has thrown away its share of bad
    /// ones (then the poller says at once that there is more).
    package func receive() -> [UInt8]? {
        for _ in 0..<Self.framesPerCallMax {
            guard incoming.receive(from: socket) else { return nil }
            if !isDropping, !incoming.hasMore, !incoming.bytes.isEmpty { return incoming.take() }
            if !isDropping { malformedCount += 1 }
            isDropping = incoming.hasMore
            incoming.release()
        }
        return nil
    }

    /// The next thing that happened to the connection, without waiting.
    package func nextEvent() -> Event? {
        while let report = monitor.next() {
            guard let event = Event(report) else { continue }
            switch event {
            case .connected, .retrying: if link == .inDoubt { link = .trying }
            case .disconnected, .handshakeFailed: if link == .trying { link = .inDoubt }
            case .endpointLost: preconditionFailure("libzmq has no such report")
            }
            return event
        }
        guard isLost, !lossIsReported else { return nil }
        lossIsReported = true
        return .endpointLost
    }

    /// Between the loss of a link and the news whether libzmq tries again: nothing wakes a poll then.
    var isInDoubt: Bool { link == .inDoubt }

    /// Is ``Event/endpointLost`` still to be told?
    var hasLossToReport: Bool { !lossIsReported && isLost }

    private var isLost: Bool {
        if link == .inDoubt, !socket.isWritable { link = .lost }
        return link == .lost
    }

    /// Puts a new socket in the place of the old one and begins to connect. What was queued, in both directions, and
    /// unread events are gone. On an error the old socket stays, and the call can be repeated.
    package func rebuild() throws(TransportError) {
        let (newSocket, newMonitor) = try Self.connect(in: context, to: endpoint, limits, security)
        close()
        (socket, monitor) = (newSocket, newMonitor)
        link = .trying
        lossIsReported = false
        isDropping = false
    }

    /// Ends the connection; what was not sent is thrown away. The last reference does the same.
    package func close() {
        monitor.stop()
        socket.close()
    }

    deinit { close() }
}

extension DealerSocket.Event {
    fileprivate init?(_ report: ConnectionMonitor.Report) {
        switch report.event {
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: self = .connected
        case ZMQ_EVENT_DISCONNECTED: self = .disconnected
        case ZMQ_EVENT_CONNECT_RETRIED: self = .retrying(afterMilliseconds: Int(report.value))
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: self = .handshakeFailed(.refused(status: Int(report.value)))
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: self = .handshakeFailed(.notUnderstood(code: report.value))
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            self = .handshakeFailed(.cutShort(errno: Int32(truncatingIfNeeded: report.value)))
        default: return nil
        }
    }
}
