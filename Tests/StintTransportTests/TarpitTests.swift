import Glibc
import Testing

@testable import StintTransport

extension TransportSuite {
    // Goal: connections that are stuck cost a bounded number of descriptors and bytes, for a bounded time. Method: sockets
    // that are connected to nobody, and time moved by hand.
    @Suite("Tarpit") struct TarpitTests {
        // An expectation cannot change what it looks at.
        private func next(_ tarpit: inout Tarpit, at now: Int64) -> UInt64? { tarpit.next(at: now)?.number }

        private func socket() -> Int32 { Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }

        @Test("the one that is stuck the longest goes when its time is over, and not before")
        func time() throws {
            var tarpit = Tarpit()
            let sockets = [socket(), socket()]
            defer { for socket in sockets { close(socket) } }
            for (index, socket) in sockets.enumerated() {
                let isStuck = tarpit.add(socket, number: UInt64(index), holding: 0, at: Int64(index) * 1_000)
                #expect(isStuck)
            }
            #expect(next(&tarpit, at: Tarpit.patience - 1) == nil)
            #expect(next(&tarpit, at: Tarpit.patience) == 0)
            #expect(next(&tarpit, at: Tarpit.patience + 999) == nil)
            let last = tarpit.next(at: Tarpit.patience + 1_000)
            #expect(last?.descriptor == sockets[1] && last?.number == 1 && tarpit.count == 0)
        }

        @Test("as many are stuck as may be; one more, and the first goes")
        func connections() {
            var tarpit = Tarpit(connectionsMax: 3, bytesMax: 100)
            let sockets = (0..<4).map { _ in socket() }
            defer { for socket in sockets { close(socket) } }
            for index in 0..<4 {
                #expect(next(&tarpit, at: 0) == nil)
                let isStuck = tarpit.add(sockets[index], number: UInt64(index), holding: 0, at: 0)
                #expect(isStuck)
            }
            #expect(next(&tarpit, at: 0) == 0 && next(&tarpit, at: 0) == nil)
        }

        @Test(
            "they hold as much as they may; a byte more, and the first goes; one that holds much by itself is not taken"
        )
        func bytes() {
            var tarpit = Tarpit(connectionsMax: 10, bytesMax: 100)
            let sockets = (0..<6).map { _ in socket() }
            defer { for socket in sockets { close(socket) } }
            func add(_ index: Int, _ bytes: UInt64) -> Bool {
                tarpit.add(sockets[index], number: UInt64(index), holding: bytes, at: 0)
            }
            #expect(!add(0, 26), "a quarter of all at the most")
            for index in 0..<4 { #expect(add(index, 25)) }
            #expect(next(&tarpit, at: 0) == nil)
            #expect(add(4, 1))
            #expect(next(&tarpit, at: 0) == 0 && next(&tarpit, at: 0) == nil)
            #expect(add(5, 24) && next(&tarpit, at: 0) == nil)
        }

        @Test("what is no socket does not get stuck")
        func noSocket() {
            var tarpit = Tarpit()
            var ends: [Int32] = [0, 0]
            #expect(pipe(&ends) == 0)
            defer { for end in ends { close(end) } }
            let isStuck = tarpit.add(ends[0], number: 1, holding: 0, at: 0)
            #expect(!isStuck && tarpit.count == 0)
        }
    }
}
