import CZeroMQ
import Glibc

/// Reads what libzmq reports about the connections of one socket. Owned by the socket's thread, like the socket.
///
/// Two rules keep libzmq's I/O thread, which serves every connection of the process, from blocking on a report: the
/// reading end has no bound, and the reports are switched off before the reading end is closed.
final class ConnectionMonitor {
    struct Report {
        let event: Int32
        let value: UInt32
    }

    let socket: SocketHandle
    private let monitored: SocketHandle
    private let frame = Frame()

    /// To be called before bind or connect, so that nothing is missed.
    init(of monitored: SocketHandle, events: Int32) throws(TransportError) {
        self.monitored = monitored
        socket = try SocketHandle(.pair, in: monitored.context)
        socket.set(SocketOption.monitor)
        let name = monitored.context.nextMonitorName()
        guard zmq_socket_monitor(monitored.raw, name, events) == 0 else {
            throw .system("watch a connection", zmq_errno())
        }
        let result = zmq_connect(socket.raw, name)
        precondition(result == 0, "a monitor's own endpoint was refused: error \(zmq_errno())")
    }

    deinit { stop() }

    /// The next report, without waiting.
    func next() -> Report? {
        guard frame.receive(from: socket) else { return nil }
        let bytes = frame.bytes
        precondition(bytes.count == 6 && frame.hasMore, "a monitor of libzmq sent something else than an event")
        let report = Report(
            event: Int32(bytes.loadUnaligned(as: UInt16.self)),
            value: bytes.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
        // The endpoint, which the owner knows.
        let isWhole = frame.receive(from: socket)
        precondition(isWhole && !frame.hasMore, "a monitor of libzmq sent half an event")
        return report
    }

    func stop() {
        guard socket.isOpen else { return }
        if monitored.isOpen { zmq_socket_monitor(monitored.raw, nil, 0) }
        socket.close()
    }
}

extension SocketHandle {
    /// Unbinds and returns when the I/O thread has really closed the listening descriptor. By itself it does so some
    /// time later, and a new bind could find the address in use.
    func unbindAndWait(_ endpoint: String) {
        // Without descriptors for a monitor the unbinding still happens, only unwatched. inproc reports nothing.
        let monitor =
            endpoint.hasPrefix("inproc://") ? nil : try? ConnectionMonitor(of: self, events: ZMQ_EVENT_CLOSED)
        guard zmq_unbind(raw, endpoint) == 0, let monitor else { return }
        var item = zmq_pollitem_t(socket: monitor.socket.raw, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0)
        let waitMillisecondsMax = 2_000
        while zmq_poll(&item, 1, waitMillisecondsMax) < 0, zmq_errno() == EINTR {}
        monitor.stop()
    }
}
