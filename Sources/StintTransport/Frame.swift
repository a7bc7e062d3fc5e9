import CZeroMQ
import Glibc

/// One libzmq message part at a fixed address, used again for every frame of a socket, so that moving a frame costs no
/// allocation beyond libzmq's own and the one array a received body ends in.
struct Frame: ~Copyable {
    private let part: UnsafeMutablePointer<zmq_msg_t>

    init() {
        part = .allocate(capacity: 1)
        part.initialize(to: zmq_msg_t())
        zmq_msg_init(part)
    }

    deinit {
        zmq_msg_close(part)
        part.deallocate()
    }

    /// Takes the next frame; false when there is none now.
    func receive(from socket: SocketHandle) -> Bool {
        while zmq_msg_recv(part, socket.raw, ZMQ_DONTWAIT) < 0 {
            switch zmq_errno() {
            case EINTR: continue
            case EAGAIN: return false
            case let number: preconditionFailure("zmq_msg_recv failed: error \(number)")
            }
        }
        return true
    }

    /// Does another frame of the same message follow?
    var hasMore: Bool { zmq_msg_more(part) != 0 }

    /// Valid until the frame is used again.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: zmq_msg_data(part), count: zmq_msg_size(part)) }

    /// The descriptor of the connection that it came from; nil for one that is not of this host's sockets. To be asked
    /// of a body, for the reason that ``user`` tells.
    var descriptor: Int32? {
        let descriptor = zmq_msg_get(part, ZMQ_SRCFD)
        return descriptor >= 0 ? descriptor : nil
    }

    /// The bytes as an array.
    var copied: [UInt8] {
        let bytes = bytes
        return [UInt8](unsafeUninitializedCapacity: bytes.count) { target, count in
            if let start = bytes.baseAddress, let room = target.baseAddress { memcpy(room, start, bytes.count) }
            count = bytes.count
        }
    }

    /// The bytes as an array, after which libzmq gets its memory back.
    func take() -> [UInt8] {
        let body = copied
        release()
        return body
    }

    /// Who the gatekeeper said this connection belongs to. To be asked of a body: in 4.3.4 the frame with the routing
    /// id loses what is known of its connection at any poll. And only of an encrypted one: without a gatekeeper's word
    /// libzmq passes on what the peer itself claims.
    var user: UserID? { zmq_msg_gets(part, ZMQ_MSG_PROPERTY_USER_ID).flatMap { UserID(text: $0) } }

    /// Makes the frame one of `count` bytes whose content is to be written by ``fill(with:)``.
    func reserve(_ count: Int) {
        zmq_msg_close(part)
        let result = zmq_msg_init_size(part, count)
        precondition(result == 0, "no memory for a frame of \(count) bytes")
    }

    func fill(with body: UnsafeRawBufferPointer) {
        guard let start = body.baseAddress, let room = zmq_msg_data(part) else { return }
        memcpy(room, start, body.count)
    }

    /// Hands the frame to libzmq; false when the socket takes none now, and then it is still here.
    func send(to socket: SocketHandle) -> Bool {
        while zmq_msg_send(part, socket.raw, ZMQ_DONTWAIT) < 0 {
            switch zmq_errno() {
            case EINTR: continue
            case EAGAIN: return false
            case let number: preconditionFailure("zmq_msg_send failed: error \(number)")
            }
        }
        return true
    }

    func release() {
        zmq_msg_close(part)
        zmq_msg_init(part)
    }
}
