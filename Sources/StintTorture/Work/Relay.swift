import ArgumentParser
import Foundation
import Glibc
import Synchronization

/// Passes bytes on between sockets, as a tunnel between two hosts does: for each connection to a listening address one to
/// the other address, until either side ends it.
struct Relay: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A tunnel of the torture.", shouldDisplay: false)

    /// A file with the milliseconds for which each piece is held up.
    @Option var delay: String
    /// `127.0.0.1:7411=10.77.0.1:7511`: listens there, connects here; the second may be the path of a socket.
    @Argument var routes: [String]

    func run() throws {
        signal(SIGPIPE, SIG_IGN)
        for route in routes {
            let ends = route.split(separator: "=").map(String.init)
            guard ends.count == 2, let listening = RelaySocket.listening(at: ends[0]) else {
                throw ValidationError(
                    "\"\(route)\" is no route that can be opened: \(String(cString: strerror(errno)))")
            }
            Thread.detachNewThread { accept(at: listening, for: ends[1]) }
        }
        let file = delay
        Thread.detachNewThread {
            while true {
                let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
                RelayDelay.microseconds.store(1_000 * (UInt32(text.prefix { $0.isNumber }) ?? 0), ordering: .relaxed)
                usleep(100_000)
            }
        }
        // The end of standard input is the end of the driver.
        while getchar() != EOF {}
    }

    private func accept(at listening: Int32, for target: String) {
        while true {
            let near = Glibc.accept(listening, nil, nil)
            guard near >= 0 else { continue }
            Thread.detachNewThread {
                guard let far = RelaySocket.connected(to: target) else {
                    _ = close(near)
                    return
                }
                let back = Thread { pass(from: far, to: near) }
                back.start()
                pass(from: near, to: far)
                while !back.isFinished { usleep(10_000) }
                close(near)
                close(far)
            }
        }
    }

    /// Until an end; then both sides are told.
    private func pass(from source: Int32, to target: Int32) {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(source, &bytes, bytes.count)
            guard count > 0 else { break }
            let pause = RelayDelay.microseconds.load(ordering: .relaxed)
            if pause > 0 { usleep(pause) }
            guard bytes.withUnsafeBytes({ write(target, $0.baseAddress, count) }) == count else { break }
        }
        shutdown(source, Int32(SHUT_RDWR))
        shutdown(target, Int32(SHUT_RDWR))
    }
}

private enum RelayDelay {
    static let microseconds = Atomic<UInt32>(0)
}

private enum RelaySocket {
    static func listening(at address: String) -> Int32? {
        guard var internet = internetAddress(address) else { return nil }
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        let bound = withUnsafePointer(to: &internet) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return bound == 0 && listen(descriptor, 64) == 0 ? descriptor : nil
    }

    static func connected(to address: String) -> Int32? {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        if var internet = internetAddress(address) {
            let descriptor = socket(AF_INET, kind, 0)
            let connected = withUnsafePointer(to: &internet) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            if connected == 0 { return descriptor }
            close(descriptor)
            return nil
        }
        var local = sockaddr_un()
        local.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &local.sun_path) { $0.copyBytes(from: address.utf8.prefix($0.count - 1)) }
        let descriptor = socket(AF_UNIX, kind, 0)
        let connected = withUnsafePointer(to: &local) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if connected == 0 { return descriptor }
        close(descriptor)
        return nil
    }

    /// `10.77.0.1:7511`; nil when it is something else.
    private static func internetAddress(_ text: String) -> sockaddr_in? {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let port = UInt16(parts[1]) else { return nil }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        return inet_pton(AF_INET, String(parts[0]), &address.sin_addr) == 1 ? address : nil
    }
}
