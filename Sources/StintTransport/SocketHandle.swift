import CZeroMQ
import Glibc

/// One libzmq socket: made, set up, closed. Not Sendable: it belongs to the thread that uses it.
final class SocketHandle {
    enum Kind: Int32 {
        case pair = 0, reply = 4, dealer = 5, router = 6
    }

    /// Keeps the context alive for as long as the socket is open, see there.
    let context: ZMQContext
    private var open: UnsafeMutableRawPointer?

    init(_ kind: Kind, in context: ZMQContext) throws(TransportError) {
        guard let socket = zmq_socket(context.raw, kind.rawValue) else { throw .system("make a socket", zmq_errno()) }
        self.context = context
        open = socket
    }

    deinit { close() }

    /// The pointer for libzmq's functions.
    var raw: UnsafeMutableRawPointer {
        guard let open else { preconditionFailure("a socket was used after it was closed") }
        return open
    }

    var isOpen: Bool { open != nil }

    func close() {
        guard let socket = open else { return }
        open = nil
        let result = zmq_close(socket)
        precondition(result == 0, "zmq_close failed: error \(zmq_errno())")
    }

    /// Sets options and reads each one back: a wrong number would otherwise show itself months later. To be called
    /// before bind or connect, since most act only on connections made afterwards.
    func set(_ options: [SocketOption]) {
        for option in options {
            let result = option.write(to: raw)
            precondition(result == 0, "libzmq refused \(option): error \(zmq_errno())")
            guard option.isReadable else { continue }
            let value = option.read(from: raw)
            precondition(value == option.value, "\(option) was set, but reads back as \(value)")
        }
    }

    /// Could a message be sent now? Also lets libzmq work through what its I/O thread told this socket.
    var isWritable: Bool {
        var events: Int32 = 0
        var size = MemoryLayout<Int32>.size
        while zmq_getsockopt(raw, ZMQ_EVENTS, &events, &size) != 0 {
            precondition(zmq_errno() == EINTR, "zmq_getsockopt failed: error \(zmq_errno())")
        }
        return events & ZMQ_POLLOUT != 0
    }

    /// The endpoint last bound, with the port that the system chose.
    var lastEndpoint: String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1_024) { text in
            var size = text.count
            let result = zmq_getsockopt(raw, ZMQ_LAST_ENDPOINT, text.baseAddress, &size)
            precondition(result == 0, "zmq_getsockopt failed: error \(zmq_errno())")
            return text.baseAddress.map { String(cString: $0) } ?? ""
        }
    }
}
