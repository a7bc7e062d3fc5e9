import CZeroMQ
import StintTransport
import Testing

/// A peer that does not keep our rules: libzmq itself, without the transport.
final class RawPeer {
    let context: UnsafeMutableRawPointer
    let socket: UnsafeMutableRawPointer
    private var isOpen = true

    init(
        kind: Int32 = ZMQ_DEALER, connectingTo endpoint: Endpoint? = nil, options: [(Int32, Int32)] = [],
        routingID: String? = nil
    ) throws {
        context = try #require(zmq_ctx_new())
        socket = try #require(zmq_socket(context, kind))
        for (option, value) in [(ZMQ_LINGER, 0), (ZMQ_SNDTIMEO, 20_000), (ZMQ_RCVTIMEO, 20_000)] + options {
            var value = value
            try #require(zmq_setsockopt(socket, option, &value, 4) == 0)
        }
        if let routingID { try #require(zmq_setsockopt(socket, ZMQ_ROUTING_ID, routingID, routingID.utf8.count) == 0) }
        if let endpoint { try #require(zmq_connect(socket, "\(endpoint)") == 0) }
    }

    deinit { close() }

    func close() {
        guard isOpen else { return }
        isOpen = false
        zmq_close(socket)
        zmq_ctx_term(context)
    }

    func send(_ frames: [[UInt8]]) throws {
        for (index, frame) in frames.enumerated() {
            let flags = index + 1 < frames.count ? ZMQ_SNDMORE : 0
            try #require(zmq_send(socket, frame, frame.count, flags) == frame.count)
        }
    }

    /// One frame, waiting for it; nil after the time a test waits.
    func receive() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 1_048_576)
        let count = zmq_recv(socket, &buffer, buffer.count, 0)
        return count < 0 ? nil : Array(buffer[..<Int(count)])
    }

    var hasMore: Bool {
        var value: Int32 = 0
        var size = 4
        return zmq_getsockopt(socket, ZMQ_RCVMORE, &value, &size) == 0 && value != 0
    }
}
