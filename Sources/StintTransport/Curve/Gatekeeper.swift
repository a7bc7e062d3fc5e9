import CZeroMQ
import Glibc
import Synchronization

/// Decides who may connect to the encrypted sockets of one ``ZMQContext``: libzmq's ZAP (RFC 27) on a plain thread.
///
/// libzmq holds a handshake until this answers, so nothing here waits for anything: `judge` looks a key up and returns.
/// There is one for each context, and it must be there before the first bind; a socket whose domain is enforced refuses
/// everybody while it is not.
///
/// | verdict | on the wire | what the peer does |
/// |---|---|---|
/// | admitted | 200, with `User-Id` | begins to talk |
/// | refused | 400 | is told, and never tries again by itself |
/// | busy | 300 | hears nothing until its handshake times out, then tries again |
package final class Gatekeeper: Sendable {
    /// Someone has proved to hold a key, and asks to be let in.
    package struct Knock: Sendable {
        /// Of the socket it came to: ``ServerSecurity/domain``.
        package let domain: String
        package let key: PublicKey
        /// IP address, without a port; for `ipc` what libzmq says instead.
        package let address: String
    }

    package enum Verdict: Hashable, Sendable {
        case admitted, refused, busy
    }

    private let waker: Waker
    private let isEnding = Atomic(false)
    private let thread: Mutex<SocketThread?> = Mutex(nil)

    /// - Parameters:
    ///   - counts: Connections of the sockets, kept up to date on this thread.
    ///   - judge: Called on this thread. It must not block.
    package init(
        in context: ZMQContext, counting counts: [ConnectionCount] = [], judge: @escaping @Sendable (Knock) -> Verdict
    ) throws(TransportError) {
        waker = try Waker()
        let socket = try SocketHandle(.reply, in: context)
        socket.set([SocketOption(name: "LINGER", number: ZMQ_LINGER, value: 0)])
        guard zmq_bind(socket.raw, Self.endpoint) == 0 else {
            throw .system("bind the gatekeeper's \(Self.endpoint)", zmq_errno())
        }
        let monitors = try Self.monitors(counts, in: context)
        let desk = Desk(socket: socket, monitors: monitors, judge: judge)
        let started = try SocketThread(name: "stint-gate") { [self] in
            desk.run(waker: waker) { isEnding.load(ordering: .acquiring) }
        }
        thread.withLock { $0 = started }
    }

    private static let endpoint = "inproc://zeromq.zap.01"

    private static func monitors(
        _ counts: [ConnectionCount], in context: ZMQContext
    ) throws(TransportError) -> [(ConnectionCount, SocketHandle)] {
        var monitors: [(ConnectionCount, SocketHandle)] = []
        for count in counts {
            let socket = try SocketHandle(.pair, in: context)
            socket.set(SocketOption.monitor)
            guard zmq_connect(socket.raw, count.monitorName) == 0 else {
                throw .system("watch the connections of a socket", zmq_errno())
            }
            monitors.append((count, socket))
        }
        return monitors
    }

    /// Ends the thread; returns when it has ended. Close the sockets that it decides for first: their reports must not
    /// go to nobody.
    package func stop() {
        isEnding.store(true, ordering: .releasing)
        waker.wake()
        thread.withLock { $0 }?.join()
    }
}

/// How many connections a ``RouterSocket`` has, handshakes that are under way among them. libzmq tells a monitor; the
/// ``Gatekeeper`` reads it.
package final class ConnectionCount: Sendable {
    let monitorName: String
    private let open = Atomic(0)

    package init(in context: ZMQContext) { monitorName = context.nextMonitorName() }

    package var value: Int { open.load(ordering: .relaxed) }

    func accepted() { open.add(1, ordering: .relaxed) }
    func ended() { open.subtract(1, ordering: .relaxed) }

    static let events = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED
}

/// What the gatekeeper's thread owns.
private final class Desk {
    private let socket: SocketHandle
    private let monitors: [(count: ConnectionCount, socket: SocketHandle)]
    private let judge: (Gatekeeper.Knock) -> Gatekeeper.Verdict
    private let frame = Frame()
    /// A request is this many frames: version, request id, domain, address, routing id, mechanism, and one credential.
    private static let frames = 7

    init(
        socket: SocketHandle, monitors: [(ConnectionCount, SocketHandle)],
        judge: @escaping (Gatekeeper.Knock) -> Gatekeeper.Verdict
    ) {
        self.socket = socket
        self.monitors = monitors.map { (count: $0.0, socket: $0.1) }
        self.judge = judge
    }

    func run(waker: Waker, isEnding: () -> Bool) {
        var items = [zmq_pollitem_t(socket: socket.raw, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0)]
        items.append(zmq_pollitem_t(socket: nil, fd: waker.descriptor, events: Int16(ZMQ_POLLIN), revents: 0))
        items += monitors.map { zmq_pollitem_t(socket: $0.socket.raw, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0) }
        while !isEnding() {
            while zmq_poll(&items, Int32(items.count), -1) < 0 {
                precondition(zmq_errno() == EINTR, "zmq_poll failed: error \(zmq_errno())")
            }
            waker.clear()
            for monitor in monitors { count(monitor.count, monitor.socket) }
            while let request = receive() { answer(request) }
        }
        for monitor in monitors { monitor.socket.close() }
        // At once free for the next gatekeeper; closing alone gives the name up some time later.
        zmq_unbind(socket.raw, "inproc://zeromq.zap.01")
        socket.close()
    }

    private func count(_ count: ConnectionCount, _ monitor: SocketHandle) {
        while frame.receive(from: monitor) {
            let event = frame.bytes.count == 6 ? Int32(frame.bytes.loadUnaligned(as: UInt16.self)) : 0
            if event == ZMQ_EVENT_ACCEPTED { count.accepted() }
            if event == ZMQ_EVENT_DISCONNECTED { count.ended() }
            while frame.hasMore, frame.receive(from: monitor) {}
        }
    }

    /// All frames of one request. libzmq itself asks, so there are few and they are small.
    private func receive() -> [[UInt8]]? {
        guard frame.receive(from: socket) else { return nil }
        var parts = [frame.copied]
        while frame.hasMore, frame.receive(from: socket) { parts.append(frame.copied) }
        return parts
    }

    private func answer(_ request: [[UInt8]]) {
        let identity = request.count > 1 ? request[1] : []
        guard request.count == Self.frames, request[0] == Array("1.0".utf8), request[5] == Array("CURVE".utf8),
            let key = PublicKey(bytes: request[6])
        else {
            return reply(identity, status: "500", text: "not a request of version 1.0 for CURVE", user: "")
        }
        let knock = Gatekeeper.Knock(
            domain: String(decoding: request[2], as: UTF8.self), key: key,
            address: String(decoding: request[3], as: UTF8.self))
        switch judge(knock) {
        case .admitted: reply(identity, status: "200", text: "OK", user: UserID(key).description)
        case .refused: reply(identity, status: "400", text: "this key may not connect", user: "")
        case .busy: reply(identity, status: "300", text: "too many connections", user: "")
        }
    }

    private func reply(_ identity: [UInt8], status: String, text: String, user: String) {
        let parts = [Array("1.0".utf8), identity, Array(status.utf8), Array(text.utf8), Array(user.utf8), []]
        for (index, part) in parts.enumerated() {
            let isLast = index == parts.count - 1
            let result = zmq_send(socket.raw, part, part.count, ZMQ_DONTWAIT | (isLast ? 0 : ZMQ_SNDMORE))
            // Whoever asked may have gone meanwhile; then libzmq drops the rest of the answer.
            guard result >= 0 else { return }
        }
    }
}
