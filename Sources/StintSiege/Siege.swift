import Foundation
import Glibc
import StintTestKit
import StintWire
import Synchronization

/// The attackers' side while one attack lasts, in the process of ``AttackCommand``: their threads, their connections, and
/// how much they sent.
final class Siege: Sendable {
    enum Socket: Sendable { case clients, workers }

    private struct State {
        var isOver = false
        var running = 0
        /// Of those, they that come to an end by themselves.
        var ending = 0
        var frames = 0
        var bytes = 0
        var connections = 0
    }
    private let state = Mutex(State())
    private let clientsPort: UInt16
    private let workersPort: UInt16

    init(clientsPort: UInt16, workersPort: UInt16) {
        self.clientsPort = clientsPort
        self.workersPort = workersPort
    }

    var isOver: Bool { state.withLock { $0.isOver } }
    /// Every attacker that comes to an end by itself has done all that it wanted to.
    var isExhausted: Bool { state.withLock { $0.ending == 0 } }
    private var isQuiet: Bool { state.withLock { $0.running == 0 } }
    var note: String {
        state.withLock { "\($0.frames) frames, \($0.bytes / 1_048_576) MiB, \($0.connections) connections" }
    }

    func stop() {
        state.withLock { $0.isOver = true }
        // They look at it between two sends, which have patience of their own.
        let end = ContinuousClock.now + .seconds(10)
        while !isQuiet, ContinuousClock.now < end { usleep(1_000) }
    }

    /// Runs an attacker on a thread of its own.
    ///
    /// - Parameter ends: It comes to an end by itself, and the attack lasts until then.
    func attack(_ count: Int = 1, ends: Bool = false, _ body: @escaping @Sendable (Siege, Int) -> Void) {
        for index in 0..<count {
            state.withLock {
                $0.running += 1
                $0.ending += ends ? 1 : 0
            }
            Thread.detachNewThread { [self] in
                body(self, index)
                state.withLock {
                    $0.running -= 1
                    $0.ending -= ends ? 1 : 0
                }
            }
        }
    }

    func connect(_ socket: Socket, patience: Int = 1) -> RawConnection? {
        let connection = try? RawConnection(
            port: socket == .clients ? clientsPort : workersPort, patienceSeconds: patience)
        if connection != nil { state.withLock { $0.connections += 1 } }
        return connection
    }

    /// With its handshake done.
    func greet(_ socket: Socket) -> RawConnection? {
        guard let connection = connect(socket), (try? connection.shakeHands()) != nil else { return nil }
        return connection
    }

    /// False when the other end has closed or takes no more.
    func send(_ bytes: [UInt8], frames: Int = 0, to connection: RawConnection) -> Bool {
        guard (try? connection.send(bytes)) != nil else { return false }
        state.withLock {
            $0.frames += frames
            $0.bytes += bytes.count
        }
        return true
    }

    /// Sends so many frames in all, over connections that are made again when the broker ends them.
    func flood(_ count: Int, _ socket: Socket, first: [UInt8]? = nil, _ frame: (Int) -> [UInt8]) {
        var sent = 0
        while sent < count, !isOver {
            guard let connection = greet(socket) else { continue }
            if let first, !send(first, frames: 1, to: connection) { continue }
            while sent < count, !isOver {
                var burst: [UInt8] = []
                for _ in 0..<256 {
                    burst += frame(sent)
                    sent += 1
                }
                guard send(burst, frames: 256, to: connection) else { break }
                // What comes back is read, so that it is the flood that is measured and not a peer that does not read.
                if connection.isClosed { break }
            }
        }
    }
}
