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
    ///   - judge: Called on this thread. It must not block.
    package init(
        in context: ZMQContext, judge: @escaping @Sendable (Knock) -> Verdict
    ) throws(TransportError) {
        waker = try Waker()
        let socket = try SocketHandle(.reply, in: context)
        socket.set([SocketOption(name: "LINGER", number: ZMQ_LINGER, value: 0)])
        guard zmq_bind(socket.raw, Self.endpoint) == 0 else {
            throw .system("bind the gatekeeper's \(Self.endpoint)", zmq_errno())
        }
        let desk = Desk(socket: socket, judge: judge)
        let started = try SocketThread(name: "stint-gate") { [self] in
            desk.run(waker: waker) { isEnding.load(ordering: .acquiring) }
        }
        thread.withLock { $0 = started }
    }

    private static let endpoint = "inproc://zeromq.zap.01"

    /// Ends the thread; returns when it has ended. Who knocks from then on is not let in.
    package func stop() {
        isEnding.store(true, ordering: .releasing)
        waker.wake()
        thread.withLock { $0 }?.join()
    }
}

/// What the gatekeeper's thread owns.
private final class Desk {
    private let socket: SocketHandle
    private let judge: (Gatekeeper.Knock) -> Gatekeeper.Verdict
    private let frame = Frame()
    /// A request is this many frames: version, request id, domain, address, routing id, mechanism, and one credential.
    private static let frames = 7

    init(socket: SocketHandle, judge: @escaping (Gatekeeper.Knock) -> Gatekeeper.Verdict) {
        self.socket = socket
        self.judge = judge
    }

    func run(waker: Waker, isEnding: () -> Bool) {
        var items = [zmq_pollitem_t(socket: socket.raw, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0)]
        items.append(zmq_pollitem_t(socket: nil, fd: waker.descriptor, events: Int16(ZMQ_POLLIN), revents: 0))
        while !isEnding() {
            while zmq_poll(&items, Int32(items.count), -1) < 0 {
                precondition(zmq_errno() == EINTR, "zmq_poll failed: error \(zmq_errno())")
            }
            waker.clear()
            while let request = receive() { answer(request) }
        }
        // At once free for the next gatekeeper; closing alone gives the name up some time later.
        zmq_unbind(socket.raw, "inproc://zeromq.zap.01")
        socket.close()
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
