import Glibc

/// A service manager's socket: takes the datagrams of a process that was started with ``environment``.
package final class NotifySocket: Sendable {
    package let environment: [String: String]
    private let descriptor: Int32
    private let path: String?

    /// - Parameter name: A path, or an abstract name that begins with `@`.
    package init(name: String) throws {
        environment = ["NOTIFY_SOCKET": name]
        path = name.hasPrefix("/") ? name : nil
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(name.utf8)
        if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 } else { bytes.append(0) }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        struct Unbound: Error {
            let code: Int32
        }
        guard descriptor >= 0, bound == 0 else { throw Unbound(code: errno) }
    }

    deinit {
        close(descriptor)
        if let path { unlink(path) }
    }

    /// The lines of the next datagram; nil when none comes in time.
    package func next(within limit: Duration = .seconds(20)) -> [String]? {
        var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&watched, 1, Int32(limit / .milliseconds(1))) > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        guard count >= 0 else { return nil }
        return String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
