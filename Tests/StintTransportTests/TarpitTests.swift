import Glibc
import StintTestKit
import Testing

@testable import StintTransport

extension TransportSuite {
    // Goal: connections that are stuck cost a bounded number of descriptors for a bounded time, whoever owned them is rid of
    // them at once, and their peers learn nothing until then. Method: connected sockets of this host, and time moved by hand.
    @Suite("Tarpit") struct TarpitTests {
        /// One end of a connection, and the descriptor of the other.
        private struct Pair {
            let peer: RawConnection
            let descriptor: Int32
        }

        private func pair() throws -> Pair {
            let listener = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(listener) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let bound = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                    bind(listener, generic, size) == 0 && listen(listener, 1) == 0
                        && getsockname(listener, generic, &size) == 0
                }
            }
            try #require(bound)
            let peer = try RawConnection(port: UInt16(bigEndian: address.sin_port))
            let descriptor = accept(listener, nil, nil)
            try #require(descriptor >= 0)
            return Pair(peer: peer, descriptor: descriptor)
        }

        @Test(
            "its owner is told that the connection has ended, and nothing of what had come is left; its peer is not told"
        )
        func owner() throws {
            let pair = try pair()
            try pair.peer.send([UInt8](repeating: 7, count: 100_000))
            var tarpit = Tarpit()
            let isStuck = tarpit.add(pair.descriptor, at: 0)
            #expect(isStuck)
            var byte: UInt8 = 0
            #expect(recv(pair.descriptor, &byte, 1, Int32(MSG_DONTWAIT)) == 0)
            close(pair.descriptor)
            // What follows goes nowhere.
            try pair.peer.send([1, 2, 3])
            #expect(!pair.peer.isClosed)
            tarpit.look(at: Tarpit.patience)
            #expect(pair.peer.awaitClose())
        }

        @Test("the one that is stuck the longest goes when its time is over, and not before")
        func time() throws {
            var tarpit = Tarpit()
            let pairs = try (0..<2).map { _ in try pair() }
            for (index, pair) in pairs.enumerated() {
                let isStuck = tarpit.add(pair.descriptor, at: Int64(index) * 1_000)
                #expect(isStuck)
                close(pair.descriptor)
            }
            tarpit.look(at: Tarpit.patience - 1)
            #expect(tarpit.count == 2 && !pairs[0].peer.isClosed)
            tarpit.look(at: Tarpit.patience + 999)
            #expect(tarpit.count == 1 && pairs[0].peer.awaitClose() && !pairs[1].peer.isClosed)
            tarpit.look(at: Tarpit.patience + 1_000)
            #expect(tarpit.count == 0 && pairs[1].peer.awaitClose())
        }

        @Test("as many are stuck as may be; one more, and the first goes")
        func connections() throws {
            var tarpit = Tarpit(connectionsMax: 3)
            let pairs = try (0..<4).map { _ in try pair() }
            for pair in pairs {
                let isStuck = tarpit.add(pair.descriptor, at: 0)
                #expect(isStuck)
                close(pair.descriptor)
            }
            #expect(tarpit.count == 3 && pairs[0].peer.awaitClose())
            #expect(pairs[1...].allSatisfy { !$0.peer.isClosed })
        }

        @Test("what is no socket does not get stuck, and stays as it was")
        func noSocket() {
            var tarpit = Tarpit()
            var ends: [Int32] = [0, 0]
            #expect(pipe(&ends) == 0)
            defer { for end in ends { close(end) } }
            let isStuck = tarpit.add(ends[0], at: 0)
            #expect(!isStuck && tarpit.count == 0)
            var byte: UInt8 = 5
            #expect(write(ends[1], &byte, 1) == 1 && read(ends[0], &byte, 1) == 1)
        }

        @Test("a tarpit that is no more leaves no connection behind")
        func end() throws {
            let pair = try pair()
            do {
                var tarpit = Tarpit()
                let isStuck = tarpit.add(pair.descriptor, at: 0)
                #expect(isStuck)
                close(pair.descriptor)
            }
            #expect(pair.peer.awaitClose())
        }
    }
}
