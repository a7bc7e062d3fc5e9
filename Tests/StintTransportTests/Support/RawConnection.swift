import Glibc
import StintTransport

/// A bare TCP connection that says nothing: half of a handshake that never comes.
final class RawConnection {
    private let descriptor: Int32

    init(to endpoint: Endpoint) throws {
        guard case .tcp(_, let port) = endpoint.address else { throw TestError("not an address of TCP: \(endpoint)") }
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw TestError("cannot connect: \(errno)") }
    }

    deinit { close() }

    private var isOpen = true

    func close() {
        if isOpen { _ = Glibc.close(descriptor) }
        isOpen = false
    }

    /// Reads until the other end closes; false when it did not within the patience of a test.
    func isEndedByPeer() -> Bool {
        let end = ContinuousClock.now + patience
        var bytes = [UInt8](repeating: 0, count: 512)
        while ContinuousClock.now < end {
            var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&item, 1, 1_000) > 0 else { continue }
            if read(descriptor, &bytes, bytes.count) <= 0 { return true }
        }
        return false
    }
}

struct TestError: Error {
    let sentence: String
    init(_ sentence: String) { self.sentence = sentence }
}
