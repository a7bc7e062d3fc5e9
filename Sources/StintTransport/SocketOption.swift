import CZeroMQ

/// One option of a socket, and the two sets that Stint uses. Times are milliseconds, those of TCP keepalive seconds.
struct SocketOption: Hashable, CustomStringConvertible {
    let name: String
    let number: Int32
    let value: Int64
    /// `ZMQ_MAXMSGSIZE` alone takes 64 bits.
    var isWide = false
    /// `ZMQ_ROUTER_MANDATORY` can only be set; ``RouterSocket`` proves it by sending to nobody.
    var isReadable = true

    var description: String { "\(name)=\(value)" }

    func write(to socket: UnsafeMutableRawPointer) -> Int32 {
        if isWide {
            var wide = value
            return zmq_setsockopt(socket, number, &wide, MemoryLayout<Int64>.size)
        }
        var narrow = Int32(value)
        return zmq_setsockopt(socket, number, &narrow, MemoryLayout<Int32>.size)
    }

    func read(from socket: UnsafeMutableRawPointer) -> Int64 {
        var wide: Int64 = 0
        var narrow: Int32 = 0
        var size = isWide ? MemoryLayout<Int64>.size : MemoryLayout<Int32>.size
        let result =
            isWide ? zmq_getsockopt(socket, number, &wide, &size) : zmq_getsockopt(socket, number, &narrow, &size)
        precondition(result == 0, "libzmq cannot tell \(name): error \(zmq_errno())")
        return isWide ? wide : Int64(narrow)
    }
}

extension SocketOption {
    /// What a socket's `frameBytesMax` may be. A handshake consists of frames, too, and they must fit.
    static let frameBytes = 1_000...Int(Int32.max)

    /// Both ends.
    private static func common(frameBytesMax: Int, ipv6: Bool) -> [SocketOption] {
        [
            // Nothing unsent is waited for: what matters was acknowledged by a message.
            SocketOption(name: "LINGER", number: ZMQ_LINGER, value: 0),
            // A larger frame ends its connection before it is read; the default has no bound.
            SocketOption(name: "MAXMSGSIZE", number: ZMQ_MAXMSGSIZE, value: Int64(frameBytesMax), isWide: true),
            SocketOption(name: "IPV6", number: ZMQ_IPV6, value: ipv6 ? 1 : 0),
            // These heartbeats come from libzmq's I/O thread and prove nothing about the peer's own; they only reap
            // dead connections. TTL stays below 65.5 s, where the receiver's 16 bits wrap.
            SocketOption(name: "HEARTBEAT_IVL", number: ZMQ_HEARTBEAT_IVL, value: 10_000),
            SocketOption(name: "HEARTBEAT_TIMEOUT", number: ZMQ_HEARTBEAT_TIMEOUT, value: 30_000),
            SocketOption(name: "HEARTBEAT_TTL", number: ZMQ_HEARTBEAT_TTL, value: 30_000),
            SocketOption(name: "TCP_KEEPALIVE", number: ZMQ_TCP_KEEPALIVE, value: 1),
            SocketOption(name: "TCP_KEEPALIVE_IDLE", number: ZMQ_TCP_KEEPALIVE_IDLE, value: 10),
            SocketOption(name: "TCP_KEEPALIVE_INTVL", number: ZMQ_TCP_KEEPALIVE_INTVL, value: 3),
            SocketOption(name: "TCP_KEEPALIVE_CNT", number: ZMQ_TCP_KEEPALIVE_CNT, value: 3),
            // TCP_USER_TIMEOUT: keepalive alone does not notice a peer that is gone while data is unacknowledged.
            SocketOption(name: "TCP_MAXRT", number: ZMQ_TCP_MAXRT, value: 20_000),
        ]
    }

    static func router(_ limits: RouterSocket.Limits, ipv6: Bool) -> [SocketOption] {
        common(frameBytesMax: limits.frameBytesMax, ipv6: ipv6) + [
            // Without it a frame to a peer that is gone or full vanishes without a word.
            SocketOption(name: "ROUTER_MANDATORY", number: ZMQ_ROUTER_MANDATORY, value: 1, isReadable: false),
            // Per peer. It bounds memory when credit fails; it is not the flow control.
            SocketOption(name: "SNDHWM", number: ZMQ_SNDHWM, value: Int64(limits.framesToSendMax)),
            // No bound here: 4.3.4 aborts the process when the connection of a peer that filled it ends and a PING is
            // among what libzmq had read of it (`Assertion failed: !_io_error`). ``ConnectionGuard`` bounds bytes.
            SocketOption(name: "RCVHWM", number: ZMQ_RCVHWM, value: 0),
            SocketOption(name: "BACKLOG", number: ZMQ_BACKLOG, value: 1_024),
            // No timer for each handshake: 4.3.4 walks through all timers to cancel one, so ten thousand half handshakes
            // held everybody up. ``ConnectionGuard`` ends connections that say nothing.
            SocketOption(name: "HANDSHAKE_IVL", number: ZMQ_HANDSHAKE_IVL, value: 0),
        ]
        // Never HANDOVER: with it a second peer could take the first one's messages.
    }

    static func dealer(_ limits: DealerSocket.Limits, ipv6: Bool) -> [SocketOption] {
        common(frameBytesMax: limits.frameBytesMax, ipv6: ipv6) + [
            // No bounds here: a full receiving side with heartbeats on aborts the process in 4.3.4, and the sending
            // side is bounded by the session's credit.
            SocketOption(name: "SNDHWM", number: ZMQ_SNDHWM, value: 0),
            SocketOption(name: "RCVHWM", number: ZMQ_RCVHWM, value: 0),
            // The pipe outlives a connection, so "not writable" means that libzmq gave the endpoint up.
            SocketOption(name: "IMMEDIATE", number: ZMQ_IMMEDIATE, value: 0),
            // libzmq doubles from the first to the last; the random start keeps a fleet out of step.
            SocketOption(
                name: "RECONNECT_IVL", number: ZMQ_RECONNECT_IVL, value: Int64(limits.reconnectMilliseconds)),
            SocketOption(name: "RECONNECT_IVL_MAX", number: ZMQ_RECONNECT_IVL_MAX, value: 15_000),
        ]
        // Never ROUTING_ID: two peers with the same one are a black hole for the second.
    }

    /// The end of a monitor that reads. Unbounded, because a full monitor blocks the I/O thread of every connection.
    static let monitor = [
        SocketOption(name: "LINGER", number: ZMQ_LINGER, value: 0),
        SocketOption(name: "RCVHWM", number: ZMQ_RCVHWM, value: 0),
    ]
}
