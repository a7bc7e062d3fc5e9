import StintTestKit
import Testing

@testable import StintTransport

extension TransportSuite {
    // Goal: who costs too much is found soon, and no look takes so long that others wait. Method: TCP by hand, and looks
    // whose time is moved by hand and that are counted.
    @Suite("Looks at connections") struct ConnectionLooksTests {
        @Test("who fills memory is found in the next look, however many others are connected")
        func growth() throws {
            let (router, port) = try boundedRouter { $0.silenceMax = .max }
            let others = try (0..<1_000).map { _ in try RawConnection(port: port) }
            let hostile = try RawConnection(port: port)
            try hostile.shakeHands()
            let poller = Poller()
            _ = poller.add(router)
            var now = MonotonicClock.nanoseconds()
            var cuts: [ConnectionCut] = []
            func look(resident: UInt64) {
                while router.receive() != nil {}
                now += ConnectionGuard.interval
                cuts += router.look(at: now, resident: resident)
            }
            let end = ContinuousClock.now + patience
            while router.connectionCount < 1_001, ContinuousClock.now < end {
                look(resident: 0)
                poller.wait(upTo: .milliseconds(5))
            }
            // More than any buffer of the kernel holds: when the last piece is sent, libzmq has most of them.
            let piece = RawConnection.frame([UInt8](repeating: 7, count: 65_000), hasMore: true)
            for _ in 0..<1_600 { try hostile.send(piece) }
            // One look measures, the next one knows that it is not only unread.
            for _ in 0..<2 { look(resident: 100 * 1_048_576) }
            #expect(cuts == [.tooMuchHeld] && others.count == 1_000)
        }

        @Test("of many that say nothing some are ended in each look, so that none takes long, and all in the end")
        func manySilent() throws {
            let hour: Int64 = 3_600_000_000_000
            let (router, port) = try boundedRouter { $0.silenceMax = hour }
            let peers = try (0..<300).map { _ in try RawConnection(port: port) }
            let poller = Poller()
            _ = poller.add(router)
            var now = MonotonicClock.nanoseconds()
            func look() -> [ConnectionCut] {
                while router.receive() != nil {}
                now += ConnectionGuard.interval
                poller.wait(upTo: .milliseconds(1))
                return router.look(at: now)
            }
            let end = ContinuousClock.now + patience
            while router.connectionCount < peers.count, ContinuousClock.now < end { #expect(look().isEmpty) }
            now += hour
            var ended: [Int] = []
            while ended.reduce(0, +) < peers.count, ContinuousClock.now < end {
                let cuts = look()
                #expect(cuts.allSatisfy { $0 == .silent } && cuts.count <= 16)
                if !cuts.isEmpty { ended.append(cuts.count) }
            }
            #expect(ended.reduce(0, +) == peers.count && peers.allSatisfy { $0.awaitClose() })
            // Nearly each look that could end some ended as many as it may.
            #expect(ended.count <= 2 * peers.count / 16)
        }

        @Test("connections are looked at more often while much comes in, and only then", arguments: [true, false])
        func looksMoreOften(isFlood: Bool) throws {
            let (router, port) = try boundedRouter { $0.unfinishedBytesMax = 4 * 1_048_576 }
            let hostile = try RawConnection(port: port)
            try hostile.shakeHands()
            let piece = RawConnection.frame([UInt8](repeating: 7, count: 65_000), hasMore: true)
            // A flood: more than any buffer of the kernel holds beside what makes looks more frequent.
            for _ in 0..<(isFlood ? 640 : 100) { try hostile.send(piece) }
            let now = MonotonicClock.nanoseconds()
            #expect(router.look(at: now).isEmpty)
            while router.receive() != nil {}
            #expect(router.look(at: now + 15_000_000) == (isFlood ? [.tooMuchHeld] : []))
        }
    }
}
