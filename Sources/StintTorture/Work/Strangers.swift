import ArgumentParser
import Foundation
import Glibc
import Stint
import StintTransport
import Synchronization

/// Peers without a key that counts: half handshakes that are held open, and whole ones with keys that nobody knows. In a
/// process of its own, whose load and whose libzmq are not those of the honest peers.
struct Strangers: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "The strangers of the torture.", shouldDisplay: false)

    @Option var endpoint: String
    /// Any peer's key file: it names the server's public key, which is no secret.
    @Option var keyFile: String
    /// Half handshakes at any time.
    @Option var half: Int
    /// Handshakes with wrong keys a second.
    @Option var wrong: Int

    func run() throws {
        OpenFiles.raiseLimit()
        let endpoint = try Endpoint(endpoint)
        guard case .tcp(_, let port) = endpoint.address else { throw ValidationError("--endpoint is not of TCP") }
        guard let server = try KeyFile(path: keyFile).server else { throw ValidationError("no key of a peer") }
        let tally = StrangersTally()
        let (half, wrong) = (half, wrong)
        if half > 0 { Thread.detachNewThread { HalfHandshakes(port: port, count: half, tally).run() } }
        if wrong > 0 { Thread.detachNewThread { WrongKeys(endpoint, server: server, aSecond: wrong, tally).run() } }
        Thread.detachNewThread {
            while true {
                // Not by `print`: to flush it would wait for the lock of standard input, which the main thread has below.
                let line = Array((tally.count.line + "\n").utf8)
                _ = write(STDOUT_FILENO, line, line.count)
                usleep(100_000)
            }
        }
        // The end of standard input is the end of the driver.
        while getchar() != EOF {}
    }
}

struct StrangersCount: Sendable {
    /// Half handshakes that are open now, and those that were ever begun.
    var held = 0
    var opened = 0
    /// Wrong keys that were answered with a refusal.
    var refused = 0

    var line: String { "held \(held) opened \(opened) refused \(refused)" }
}

extension StrangersCount {
    init?(line: String) {
        let numbers = line.split(separator: " ").compactMap { Int($0) }
        guard numbers.count == 3 else { return nil }
        self.init(held: numbers[0], opened: numbers[1], refused: numbers[2])
    }
}

final class StrangersTally: Sendable {
    private let state = Mutex(StrangersCount())

    var count: StrangersCount { state.withLock { $0 } }
    func change(_ body: (inout StrangersCount) -> Void) { state.withLock { body(&$0) } }
}

/// Connections that begin to say hello in the ways of ZMTP and never end; one that the broker ends is begun anew.
private struct HalfHandshakes {
    private let port: UInt16
    private let tally: StrangersTally
    private var connections: [pollfd]
    private var begun = 0
    /// So many a round, or the broker's queue of new connections only overflows.
    private static let begunARound = 256

    init(port: UInt16, count: Int, _ tally: StrangersTally) {
        (self.port, self.tally) = (port, tally)
        connections = Array(repeating: pollfd(fd: -1, events: Int16(POLLIN), revents: 0), count: count)
    }

    func run() {
        var own = self
        while true { own.round() }
    }

    private mutating func round() {
        var left = Self.begunARound
        for place in connections.indices where connections[place].fd < 0 && left > 0 {
            left -= 1
            connections[place].fd = begin()
        }
        _ = poll(&connections, nfds_t(connections.count), 10)
        var bytes = [UInt8](repeating: 0, count: 256)
        for place in connections.indices where connections[place].fd >= 0 && connections[place].revents != 0 {
            // The broker's own greeting is read and not answered.
            if read(connections[place].fd, &bytes, bytes.count) <= 0, errno != EAGAIN {
                close(connections[place].fd)
                connections[place].fd = -1
            }
            connections[place].revents = 0
        }
        let held = connections.count { $0.fd >= 0 }
        let begun = begun
        tally.change { ($0.held, $0.opened) = (held, begun) }
    }

    private mutating func begin() -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { return -1 }
        begun += 1
        // From several addresses: each has no more than 28,000 ports, and used ones rest for a minute.
        var near = Self.address(127 << 24 | UInt32(2 + begun % 200), 0)
        var far = Self.address(127 << 24 | 1, port)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isUnderWay = withUnsafePointer(to: &near) { near in
            withUnsafePointer(to: &far) { far in
                near.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) == 0 }
                    && far.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        connect(descriptor, $0, size) == 0 || errno == EINPROGRESS
                    }
            }
        }
        guard isUnderWay else {
            close(descriptor)
            return -1
        }
        let words = Self.words[begun % Self.words.count]
        _ = send(descriptor, words, words.count, Int32(MSG_NOSIGNAL))
        return descriptor
    }

    /// Nothing, the signature of ZMTP, a whole greeting for CURVE without the HELLO that must follow.
    private static let words: [[UInt8]] = {
        let signature: [UInt8] = [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F]
        let mechanism = Array("CURVE".utf8) + [UInt8](repeating: 0, count: 15)
        return [[], signature, signature + [3, 0] + mechanism + [UInt8](repeating: 0, count: 32)]
    }()

    private static func address(_ host: UInt32, _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = host.bigEndian
        return address
    }
}

/// Whole handshakes with keys that are on no list: each is answered with a refusal, and then the next one begins.
private struct WrongKeys {
    private let endpoint: Endpoint
    private let server: PublicKey
    private let aSecond: Int
    private let tally: StrangersTally
    private static let underWayMax = 128

    init(_ endpoint: Endpoint, server: PublicKey, aSecond: Int, _ tally: StrangersTally) {
        (self.endpoint, self.server, self.aSecond, self.tally) = (endpoint, server, aSecond, tally)
    }

    func run() {
        guard let context = try? ZMQContext.ofThisProcess() else { return }
        let pairs = (0..<16).map { _ in KeyPair() }
        let limits = DealerSocket.Limits(frameBytesMax: 65_536, reconnectMilliseconds: 15_000)
        var underWay: [DealerSocket] = []
        var begun = 0
        let start = ContinuousClock.now
        while true {
            // What could not be begun in time is left out, not made up for.
            let due = Int((ContinuousClock.now - start) / .seconds(1) * Double(aSecond))
            begun = max(begun, due - aSecond / 10)
            while begun < due, underWay.count < Self.underWayMax {
                begun += 1
                let security = ClientSecurity(pair: pairs[begun % pairs.count], server: server)
                let stranger = try? DealerSocket(
                    in: context, connectingTo: endpoint, limits: limits, security: security)
                if let stranger { underWay.append(stranger) }
            }
            var refused = 0
            underWay.removeAll { stranger in
                while let event = stranger.nextEvent() {
                    if event == .handshakeFailed(.refused(status: 400)) { refused += 1 }
                    // Whatever else became of it, it is over.
                    if event != .connected {
                        stranger.close()
                        return true
                    }
                }
                return false
            }
            if refused > 0 {
                let count = refused
                tally.change { $0.refused += count }
            }
            usleep(500)
        }
    }
}
