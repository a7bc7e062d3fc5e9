import Glibc

/// What the kernel has counted of one TCP connection.
struct TCPBytes {
    /// Bytes that were taken from the kernel; while they are few, all that came in.
    let received: UInt64
    /// Bytes that were sent and that the other end's kernel has.
    let acknowledged: UInt64

    private static let little: UInt64 = 4_096

    /// Nil for other sockets.
    init?(of descriptor: Int32) {
        // struct tcp_info of <linux/tcp.h>, whose glibc twin ends before these fields: tcpi_bytes_acked and
        // tcpi_bytes_received, since 4.1.
        let read = withUnsafeTemporaryAllocation(byteCount: 256, alignment: 8) { info -> (UInt64, UInt64)? in
            let (acknowledgedAt, receivedAt) = (120, 128)
            var size = socklen_t(info.count)
            guard getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, info.baseAddress, &size) == 0,
                Int(size) >= receivedAt + 8
            else { return nil }
            return (
                info.load(fromByteOffset: acknowledgedAt, as: UInt64.self),
                info.load(fromByteOffset: receivedAt, as: UInt64.self)
            )
        }
        guard let (acknowledged, arrived) = read else { return nil }
        var unread: Int32 = 0
        // Of so little it does not matter where it lies: thousands of handshakes need not be asked.
        if arrived > Self.little, ioctl(descriptor, UInt(FIONREAD), &unread) != 0 { return nil }
        self.acknowledged = acknowledged
        received = arrived - min(arrived, UInt64(max(0, unread)))
    }
}
