import Glibc
import Synchronization

/// What started this process and wants to hear how it is: systemd with `Type=notify`, or anything else that speaks its
/// protocol (datagrams of `KEY=value` lines to the socket that `NOTIFY_SOCKET` names; see sd_notify(3)).
///
/// Nothing is ever answered, and a manager that is gone or does not read costs a second at the most: a program runs as well
/// without.
package final class ServiceManager: Sendable {
    /// The variables that are meant for this process alone; a child that inherited them would speak in its name.
    package static let variables: Set<String> = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]

    /// It ends this process when ``isAlive()`` was not called for so long; nil: it does not watch.
    package let watchdogPeriod: Duration?
    private let path: String
    private let descriptor: Int32

    /// - Returns: Nil when nobody wants to hear, or at an address that is no Unix socket.
    package init?(environment: [String: String], process: pid_t = getpid()) {
        guard let path = environment["NOTIFY_SOCKET"], path.hasPrefix("/") || path.hasPrefix("@"), path.utf8.count > 1,
            path.utf8.count < 108
        else { return nil }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var patience = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        self.path = path
        self.descriptor = descriptor
        let isMeant = environment["WATCHDOG_PID"].map { pid_t($0) == process } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap { Int64($0) } ?? 0
        watchdogPeriod = isMeant && microseconds > 0 ? .microseconds(microseconds) : nil
    }

    deinit { close(descriptor) }

    /// The process serves.
    package func isReady(_ status: String) { send("READY=1\nSTATUS=\(Self.line(status))") }

    /// A line for people, in `systemctl status`.
    package func says(_ status: String) { send("STATUS=\(Self.line(status))") }

    /// The process has begun to end.
    package func isStopping(_ status: String = "draining") { send("STOPPING=1\nSTATUS=\(Self.line(status))") }

    /// The process turns. Said by a ``Watchdog``, and only while it does.
    package func isAlive() { if watchdogPeriod != nil { send("WATCHDOG=1") } }

    private static func line(_ text: String) -> String {
        String(text.map { $0.isNewline ? " " : $0 }.prefix(200))
    }

    private func send(_ message: String) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        // An abstract name begins with a zero byte, and is as long as it says; a path ends with one.
        if name[0] == UInt8(ascii: "@") { name[0] = 0 } else { name.append(0) }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let bytes = Array(message.utf8)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                while sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), address, length) < 0 {
                    guard errno == EINTR else { return }
                }
            }
        }
    }
}
