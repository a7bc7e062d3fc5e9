import Logging
import StintCore
import Testing

@testable import StintBroker

// Goal: a broker has no more connections than the system allows it files, keeps some for itself, and says so. Method: both
// sides of what it wants.
@Suite("Limits of sockets") struct SocketLimitsTests {
    private static let wanted =
        Limits.workerConnectionsMax + Limits.clientConnectionsMax + SocketLimits.ownFiles

    @Test("with files enough there are as many connections as sessions, and some to spare")
    func enough() {
        for files in [nil, Self.wanted, 1_048_576] {
            let limits = SocketLimits(files: files, memoryMax: 1 << 30)
            #expect(limits.workers.connections.connectionsMax > Limits.workerSessionsMax)
            #expect(limits.clients.connections.connectionsMax > Limits.clientSessionsMax)
            #expect(limits.filesMissing == nil)
        }
    }

    @Test(
        "with fewer there are fewer connections, and files of its own are left",
        arguments: [256, 1_024, 4_096, wanted - 1])
    func fewer(files: Int) {
        let limits = SocketLimits(files: files, memoryMax: 1 << 30)
        let (workers, clients) = (limits.workers.connections.connectionsMax, limits.clients.connections.connectionsMax)
        #expect(workers >= 13 && clients >= 48 && workers + clients <= files - 100)
        #expect(limits.filesMissing?.allowed == files && limits.filesMissing?.wanted == Self.wanted)
    }

    @Test("bytes are bounded for each and for all, below what the process may take")
    func bytes() {
        let limits = SocketLimits(files: nil, memoryMax: 1 << 30)
        for socket in [limits.workers.connections, limits.clients.connections] {
            #expect(socket.heldBytesOfAllMax == 1 << 28)
            #expect(socket.unfinishedBytesMax >= UInt64(2 * Limits.messageBytesMax), "a message may be under way")
            #expect(socket.unfinishedBytesOfAllMax >= 8 * socket.unfinishedBytesMax)
        }
    }
}
