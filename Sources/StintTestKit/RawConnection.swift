import Glibc

/// A TCP connection that speaks ZMTP 3.0 by hand, so that a test can say what no library would: half a handshake, a
/// message that never ends, a length that is a lie. Blocking, with a patience of its own.
///
///     let peer = try RawConnection(port: 7411)
///     try peer.shakeHands()
///     try peer.send(RawConnection.frame(body))
package final class RawConnection {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    package let descriptor: Int32

    /// Connects to a port of this host.
    package init(port: UInt16, patienceSeconds: Int = 20) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(description: "no socket: error \(errno)") }
        var patience = timeval(tv_sec: patienceSeconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let number = errno
            close(descriptor)
            throw Failure(description: "no connection to port \(port): error \(number)")
        }
    }

    deinit { close(descriptor) }

    // MARK: Bytes

    /// Sends all of them.
    ///
    /// - Throws: When the other end has closed, or takes nothing for as long as the patience.
    package func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure(description: "the other end took no more: error \(errno)") }
            sent += count
        }
    }

    /// Up to so many bytes; empty when the other end has closed.
    package func receive(upTo most: Int = 65_536) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: most)
        let count = recv(descriptor, &buffer, most, 0)
        guard count >= 0 || errno == ECONNRESET else { throw Failure(description: "nothing came: error \(errno)") }
        return Array(buffer.prefix(max(0, count)))
    }

    /// Whether the other end has closed, without waiting; what came is thrown away.
    package var isClosed: Bool {
        while true {
            // tcp(7): with MSG_TRUNC nothing is copied.
            let count = recv(descriptor, nil, 65_536, Int32(MSG_DONTWAIT) | Int32(MSG_TRUNC))
            if count == 0 { return true }
            if count < 0 { return errno != EAGAIN && errno != EINTR }
        }
    }

    /// Waits until the other end has closed. False when it did not within the patience.
    package func awaitClose() -> Bool {
        while let bytes = try? receive() { if bytes.isEmpty { return true } }
        return false
    }

    // MARK: ZMTP

    /// Sends greeting and READY and takes those of the other end.
    package func shakeHands(ready: [UInt8] = RawConnection.ready()) throws {
        try send(Self.greeting + ready)
        var received: [UInt8] = []
        // A greeting, and a command whose length is one byte.
        while received.count < 66 || received.count < 66 + Int(received[65]) {
            let bytes = try receive()
            guard !bytes.isEmpty else { throw Failure(description: "the handshake was refused") }
            received += bytes
        }
    }

    package static let greeting: [UInt8] =
        [0xFF] + Array(repeating: 0, count: 8) + [0x7F, 3, 0] + Array("NULL".utf8) + Array(repeating: 0, count: 48)

    package static func ready(_ properties: [(String, [UInt8])] = [("Socket-Type", Array("DEALER".utf8))]) -> [UInt8] {
        var body: [UInt8] = [5] + Array("READY".utf8)
        for (name, value) in properties {
            body += [UInt8(truncatingIfNeeded: name.utf8.count)] + Array(name.utf8)
            withUnsafeBytes(of: UInt32(value.count).bigEndian) { body += $0 }
            body += value
        }
        return frame(body, isCommand: true)
    }

    /// - Parameter count: What the frame says its length is.
    package static func frame(
        _ body: [UInt8], hasMore: Bool = false, isCommand: Bool = false, saying count: UInt64? = nil
    ) -> [UInt8] {
        let count = count ?? UInt64(body.count)
        let flags: UInt8 = (hasMore ? 1 : 0) | (isCommand ? 4 : 0)
        if count <= 255 { return [flags, UInt8(count)] + body }
        return withUnsafeBytes(of: count.bigEndian) { [flags | 2] + Array($0) } + body
    }
}
