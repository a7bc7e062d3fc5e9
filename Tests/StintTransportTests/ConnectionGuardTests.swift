import Glibc
import StintTestKit
import Testing

@testable import StintTransport

extension TransportSuite {
    // Goal: no connection costs more than its share, and the others notice nothing. Method: TCP by hand against a router
    // whose bounds are small.
    @Suite("Bounds of connections") struct ConnectionGuardTests {
        /// Reads and looks until a condition holds, at most for as long as a test waits.
        private func serve(
            _ router: RouterSocket, _ cuts: inout [ConnectionCut], until isDone: ([ConnectionCut]) throws -> Bool
        ) rethrows -> Bool {
            let poller = Poller()
            _ = poller.add(router)
            let end = ContinuousClock.now + patience
            while ContinuousClock.now < end {
                while router.receive() != nil {}
                cuts += router.look(at: MonotonicClock.nanoseconds())
                if try isDone(cuts) { return true }
                poller.wait(upTo: .milliseconds(20))
            }
            return false
        }

        @Test("a message that never ends ends its connection; one just below the bound does not")
        func unfinished() throws {
            let (router, port) = try boundedRouter { $0.unfinishedBytesMax = 4 * 1_048_576 }
            let honest = try RawConnection(port: port), hostile = try RawConnection(port: port)
            try honest.shakeHands()
            try hostile.shakeHands()
            let piece = RawConnection.frame([UInt8](repeating: 7, count: 65_000), hasMore: true)
            // 3.7 MiB of one message each.
            for _ in 0..<60 {
                try honest.send(piece)
                try hostile.send(piece)
            }
            var cuts: [ConnectionCut] = []
            var looks = 0
            #expect(
                serve(router, &cuts) { _ in
                    looks += 1
                    return looks > 60
                })
            #expect(cuts.isEmpty && !honest.isClosed && !hostile.isClosed)
            for _ in 0..<10 { try hostile.send(piece) }
            #expect(serve(router, &cuts) { !$0.isEmpty })
            #expect(cuts == [.tooMuchHeld])
            // It is not told at once, so that it does not begin anew.
            #expect(!honest.isClosed && !hostile.isClosed)
            _ = router.look(at: MonotonicClock.nanoseconds() + Tarpit.patience)
            #expect(hostile.awaitClose())
        }

        @Test("the sum of unfinished messages is bounded; the largest goes first")
        func sum() throws {
            let (router, port) = try boundedRouter {
                $0.unfinishedBytesMax = 8 * 1_048_576
                $0.unfinishedBytesOfAllMax = 6 * 1_048_576
            }
            let small = try RawConnection(port: port), large = try RawConnection(port: port)
            let piece = RawConnection.frame([UInt8](repeating: 7, count: 65_000), hasMore: true)
            for peer in [small, large] { try peer.shakeHands() }
            for _ in 0..<40 { try small.send(piece) }
            for _ in 0..<70 { try large.send(piece) }
            var cuts: [ConnectionCut] = []
            #expect(serve(router, &cuts) { _ in large.isClosed })
            #expect(cuts == [.tooMuchHeld] && !small.isClosed)
        }

        @Test("whole messages are never taken for an unfinished one, however many came")
        func finished() throws {
            let (router, port) = try boundedRouter { $0.unfinishedBytesMax = 1_048_576 }
            let peer = try RawConnection(port: port)
            try peer.shakeHands()
            var cuts: [ConnectionCut] = []
            // Short and long lengths, and messages of several frames, which are dropped: all are accounted for.
            for round in 0..<30 {
                for _ in 0..<10 {
                    try peer.send(RawConnection.frame([UInt8](repeating: 1, count: 200)))
                    try peer.send(RawConnection.frame([UInt8](repeating: 1, count: 30_000)))
                    try peer.send(RawConnection.frame([1], hasMore: true) + RawConnection.frame([2]))
                }
                #expect(serve(router, &cuts) { _ in router.malformedCount >= (round + 1) * 10 })
            }
            var looks = 0
            #expect(
                serve(router, &cuts) { _ in
                    looks += 1
                    return looks > 60
                })
            #expect(cuts.isEmpty && !peer.isClosed)
        }

        @Test("beyond the most connections the oldest stranger goes; who was vouched for stays")
        func tooMany() throws {
            let (router, port) = try boundedRouter { $0.connectionsMax = 4 }
            let guest = try RawConnection(port: port)
            try guest.shakeHands()
            try guest.send(RawConnection.frame([1]))
            let poller = Poller()
            _ = poller.add(router)
            let message = try #require(poller.message { router.receive() })
            router.vouch(for: message.peer)
            var cuts: [ConnectionCut] = []
            let strangers = try (0..<3).map { _ in try RawConnection(port: port) }
            #expect(serve(router, &cuts) { _ in router.connectionCount == 4 })
            var looks = 0
            #expect(
                serve(router, &cuts) { _ in
                    looks += 1
                    return looks > 40
                })
            #expect(cuts.isEmpty)
            let last = try RawConnection(port: port)
            #expect(serve(router, &cuts) { $0.count == 1 && router.connectionCount == 4 })
            #expect(cuts == [.tooMany] && strangers[0].isClosed && !guest.isClosed && !last.isClosed)
        }

        @Test("what is held without having been read is bounded of all together; the largest goes first")
        func heldOfAll() throws {
            let (router, port) = try boundedRouter { $0.heldBytesOfAllMax = 3 * 1_048_576 }
            let small = try RawConnection(port: port), large = try RawConnection(port: port)
            let message = RawConnection.frame([UInt8](repeating: 7, count: 65_000))
            for peer in [small, large] { try peer.shakeHands() }
            for _ in 0..<20 { try small.send(message) }
            for _ in 0..<40 { try large.send(message) }
            // Nobody reads them.
            let poller = Poller()
            let end = ContinuousClock.now + patience
            var cuts: [ConnectionCut] = []
            while cuts.isEmpty, ContinuousClock.now < end {
                poller.wait(upTo: .milliseconds(20))
                cuts += router.look(at: MonotonicClock.nanoseconds())
            }
            #expect(cuts == [.tooMuchHeld] && !small.isClosed && large.awaitClose())
        }

        // libzmq 4.3.4 with a bound on messages that wait aborts the process here.
        @Test("a peer that overruns the router, pings it and goes does not end it")
        func pingsAndGoes() throws {
            let (router, port) = try boundedRouter { _ in }
            let ping = RawConnection.frame([4, 0x50, 0x49, 0x4E, 0x47, 0, 0], isCommand: true)
            let message = RawConnection.frame([1])
            for _ in 0..<5 {
                let peer = try RawConnection(port: port)
                try peer.shakeHands()
                for _ in 0..<60 { try peer.send(Array(repeatElement(message + ping, count: 100).joined())) }
            }
            var (received, cuts) = (0, [ConnectionCut]())
            let poller = Poller()
            _ = poller.add(router)
            let end = ContinuousClock.now + patience
            while received < 5 * 6_000, ContinuousClock.now < end {
                while router.receive() != nil { received += 1 }
                cuts += router.look(at: MonotonicClock.nanoseconds())
                poller.wait(upTo: .milliseconds(20))
            }
            #expect(received > 0 && cuts.isEmpty)
            let honest = try RawConnection(port: port)
            try honest.shakeHands()
            try honest.send(RawConnection.frame([9]))
            #expect(poller.message { router.receive() }?.body == [9])
        }

        @Test("who lost its session is a stranger again, and goes before those who have one")
        func strangerAgain() throws {
            let (router, port) = try boundedRouter { $0.connectionsMax = 2 }
            let poller = Poller()
            _ = poller.add(router)
            var cuts: [ConnectionCut] = []
            let guests = try (0..<2).map { _ in
                let guest = try RawConnection(port: port)
                try guest.shakeHands()
                try guest.send(RawConnection.frame([1]))
                let message = try #require(poller.message { router.receive() })
                router.vouch(for: message.peer)
                return (guest, message.peer)
            }
            router.vouch(for: guests[1].1, false)
            let last = try RawConnection(port: port)
            #expect(serve(router, &cuts) { _ in guests[1].0.isClosed })
            #expect(cuts == [.tooMany] && !guests[0].0.isClosed && !last.isClosed)
        }

        @Test("a connection that is ended by its address ends alone, and nothing is told of it")
        func endedByAddress() throws {
            let (router, port) = try boundedRouter { _ in }
            let first = try RawConnection(port: port), second = try RawConnection(port: port)
            var peers: [PeerAddress] = []
            for (connection, number) in [(first, UInt8(1)), (second, UInt8(2))] {
                try connection.shakeHands()
                try connection.send(RawConnection.frame([number], hasMore: false))
                let poller = Poller()
                _ = poller.add(router)
                let end = ContinuousClock.now + patience
                while peers.count < Int(number), ContinuousClock.now < end {
                    while let message = router.receive() { peers.append(message.peer) }
                    poller.wait(upTo: .milliseconds(20))
                }
            }
            try #require(peers.count == 2)
            router.end(peers[0])
            var cuts: [ConnectionCut] = []
            #expect(serve(router, &cuts) { _ in first.isClosed && router.connectionCount == 1 })
            #expect(cuts.isEmpty && !second.isClosed)
            router.end(peers[0])  // it is gone already
        }

        @Test("when everybody was vouched for, the newest goes")
        func tooManyGuests() throws {
            let (router, port) = try boundedRouter { $0.connectionsMax = 2 }
            let poller = Poller()
            _ = poller.add(router)
            var cuts: [ConnectionCut] = []
            let guests = try (0..<3).map { _ in
                let guest = try RawConnection(port: port)
                try guest.shakeHands()
                try guest.send(RawConnection.frame([1]))
                let message = try #require(poller.message { router.receive() })
                router.vouch(for: message.peer)
                return guest
            }
            #expect(serve(router, &cuts) { _ in guests[2].isClosed })
            #expect(cuts == [.tooMany] && !guests[0].isClosed && !guests[1].isClosed)
        }

        @Test("useless messages are forgiven in time; a flood of them ends its connection")
        func useless() throws {
            let (router, port) = try boundedRouter {
                $0.uselessMax = 10
                $0.uselessPerSecond = 0
            }
            let peer = try RawConnection(port: port)
            try peer.shakeHands()
            var cuts: [ConnectionCut] = []
            for _ in 0..<10 { try peer.send(RawConnection.frame([1], hasMore: true) + RawConnection.frame([2])) }
            #expect(serve(router, &cuts) { _ in router.malformedCount == 10 })
            #expect(cuts.isEmpty && !peer.isClosed)
            try peer.send(RawConnection.frame([1], hasMore: true) + RawConnection.frame([2]))
            #expect(serve(router, &cuts) { !$0.isEmpty })
            #expect(cuts == [.useless])
        }

        @Test("a useless message weighs as much as its pieces beyond the first")
        func pieces() throws {
            let (router, port) = try boundedRouter {
                $0.uselessMax = 100
                $0.uselessPerSecond = 0
            }
            let (light, heavy) = (try RawConnection(port: port), try RawConnection(port: port))
            var cuts: [ConnectionCut] = []
            func message(_ pieces: Int) -> [UInt8] {
                Array(repeating: RawConnection.frame([1], hasMore: true), count: pieces - 1).flatMap { $0 }
                    + RawConnection.frame([2])
            }
            for peer in [light, heavy] { try peer.shakeHands() }
            for _ in 0..<2 { try light.send(message(51)) }
            #expect(serve(router, &cuts) { _ in router.malformedCount == 2 })
            #expect(cuts.isEmpty)
            // One message, and one piece more than the bound.
            try heavy.send(message(102))
            #expect(serve(router, &cuts) { !$0.isEmpty })
            #expect(cuts == [.useless] && !light.isClosed)
        }

        // libzmq reads what the kernel holds of a connection after a mere shutdown to its end; of a connection that was
        // disconnected there is nothing to read, and the peer gets a RST.
        @Test("what the kernel holds of a connection that is ended is thrown away")
        func purge() throws {
            let (router, port) = try boundedRouter { $0.unfinishedBytesMax = 1_048_576 }
            let peer = try RawConnection(port: port)
            try peer.shakeHands()
            let piece = RawConnection.frame([UInt8](repeating: 7, count: 65_000), hasMore: true)
            for _ in 0..<40 { try peer.send(piece) }
            var cuts: [ConnectionCut] = []
            #expect(serve(router, &cuts) { !$0.isEmpty })
            _ = router.look(at: MonotonicClock.nanoseconds() + Tarpit.patience)
            var byte: UInt8 = 0
            #expect(recv(peer.descriptor, &byte, 1, 0) == -1 && errno == ECONNRESET)
        }

        @Test("who floods is not told that he was cut off, waits for nothing, and is ended in time; others are served")
        func tarpit() throws {
            let (router, port) = try boundedRouter {
                $0.uselessMax = 10
                $0.uselessPerSecond = 0
            }
            let peer = try RawConnection(port: port)
            try peer.shakeHands()
            let bad = RawConnection.frame([1], hasMore: true) + RawConnection.frame([2])
            for _ in 0..<11 { try peer.send(bad) }
            var cuts: [ConnectionCut] = []
            #expect(serve(router, &cuts) { $0 == [.useless] })
            let thrownAway = router.malformedCount
            // The kernel takes it from him and gives it to nobody.
            for _ in 0..<100 { try peer.send(bad) }
            let honest = try RawConnection(port: port)
            try honest.shakeHands()
            try honest.send(RawConnection.frame([9]))
            let poller = Poller()
            _ = poller.add(router)
            #expect(poller.message { router.receive() }?.body == [9])
            #expect(router.malformedCount == thrownAway && !peer.isClosed)
            let now = MonotonicClock.nanoseconds()
            _ = router.look(at: now + Tarpit.patience - 1_000_000_000)
            #expect(!peer.isClosed)
            _ = router.look(at: now + Tarpit.patience)
            #expect(peer.awaitClose() && !honest.isClosed)
        }

        @Test("what is left of a connection that has ended is not charged to who has its descriptor now")
        func leftovers() throws {
            let (router, port) = try boundedRouter {
                $0.uselessMax = 5
                $0.uselessPerSecond = 0
            }
            let bad = RawConnection.frame([1], hasMore: true) + RawConnection.frame([2])
            var cuts: [ConnectionCut] = []
            var former: RawConnection? = try RawConnection(port: port)
            try former?.shakeHands()
            try former?.send(bad)
            #expect(serve(router, &cuts) { _ in router.malformedCount == 1 })
            // Read by libzmq, not by us, when its connection ends.
            for _ in 0..<4 { try former?.send(bad) }
            former = nil
            var now = MonotonicClock.nanoseconds()
            func look() -> Bool {
                now += ConnectionGuard.interval
                cuts += router.look(at: now)
                return router.connectionCount == 0
            }
            let end = ContinuousClock.now + patience
            while !look(), ContinuousClock.now < end { Poller().wait(upTo: .milliseconds(5)) }
            #expect(router.connectionCount == 0)
            let honest = try RawConnection(port: port)
            try honest.shakeHands()
            for _ in 0..<2 { try honest.send(bad) }
            #expect(serve(router, &cuts) { _ in router.malformedCount == 7 })
            #expect(cuts.isEmpty && !honest.isClosed)
        }

        @Test("what a peer leaves unread is known, and that it has caught up")
        func unread() throws {
            let (router, port) = try boundedRouter { _ in }
            let peer = try RawConnection(port: port)
            try peer.shakeHands()
            try peer.send(RawConnection.frame([1]))
            let poller = Poller()
            _ = poller.add(router)
            let address = try #require(poller.message { router.receive() }?.peer)
            #expect(router.unreadBytes(of: address) == 0)
            let body = [UInt8](repeating: 7, count: 1_000_000)
            // More than the kernels of both ends take.
            for _ in 0..<30 { #expect(router.send(body, to: address) == .sent) }
            #expect(router.unreadBytes(of: address) > 4_000_000)
            var received = 0
            let all = 30 * (body.count + 9)
            while received < all { received += try peer.receive().count }
            let end = ContinuousClock.now + patience
            while router.unreadBytes(of: address) > 0, ContinuousClock.now < end { poller.wait(upTo: .milliseconds(1)) }
            #expect(router.unreadBytes(of: address) == 0)
            #expect(router.unreadBytes(of: PeerAddress(simulated: 1)) == 0, "nobody is there")
        }

        @Test(
            "what is held of a peer is known, whatever the size of its messages",
            arguments: [20, 255, 256])
        func held(size: Int) throws {
            let (router, port) = try boundedRouter { _ in }
            let peer = try RawConnection(port: port)
            try peer.shakeHands()
            let message = RawConnection.frame([UInt8](repeating: 7, count: size))
            let count = 1_000_000 / message.count / 100 * 100
            let poller = Poller()
            _ = poller.add(router)
            var address: PeerAddress?
            let burst = Array(repeatElement(message, count: 100).joined())
            for _ in 0..<count / 100 {
                try peer.send(burst)
                // The other half waits.
                for _ in 0..<50 { address = try #require(poller.message { router.receive() }).peer }
            }
            // Less what is taken off for a handshake and for heartbeats, and more by what a real handshake is.
            let half = UInt64(count / 2 * message.count) - 65_536
            let likely = half - 512...half + 1_024
            func known() throws -> UInt64 { router.heldBytes(of: try #require(address)) }
            let end = ContinuousClock.now + patience
            while ContinuousClock.now < end, !likely.contains(try known()) {
                #expect(router.look(at: MonotonicClock.nanoseconds()).isEmpty)
                poller.wait(upTo: .milliseconds(20))
            }
            let last = try known()
            #expect(likely.contains(last), "\(last)")
            while router.receive() != nil {}
            let now = MonotonicClock.nanoseconds()
            for second in 1...2 { #expect(router.look(at: now + Int64(second) * 1_000_000_000).isEmpty) }
            #expect(router.heldBytes(of: try #require(address)) == 0)
        }

        @Test("a flood of frames that nobody has time to read ends its connection, however few bytes they are")
        func heldFrames() throws {
            let (router, port) = try boundedRouter { $0.heldFramesMax = 2_000 }
            let honest = try RawConnection(port: port), hostile = try RawConnection(port: port)
            for peer in [honest, hostile] { try peer.shakeHands() }
            let small = RawConnection.frame([UInt8](repeating: 7, count: 20))
            let large = RawConnection.frame([UInt8](repeating: 7, count: 2_000))
            let poller = Poller()
            _ = poller.add(router)
            for _ in 0..<100 { try honest.send(large) }
            try hostile.send(Array(repeatElement(small, count: 7_000).joined()))
            // Some of each are read, which tells their size.
            var sizes: Set<Int> = []
            while sizes.count < 2 { sizes.insert(try #require(poller.message { router.receive() }).body.count) }
            var cuts: [ConnectionCut] = []
            var now = MonotonicClock.nanoseconds()
            let end = ContinuousClock.now + patience
            while cuts.isEmpty, ContinuousClock.now < end {
                now += ConnectionGuard.interval
                cuts += router.look(at: now)
                poller.wait(upTo: .milliseconds(5))
            }
            #expect(cuts == [.tooMuchHeld])
            // It got stuck, and what is left of it is thrown away.
            try honest.send(large)
            #expect(poller.message { router.receive() }?.body.count == 2_000)
            _ = router.look(at: now + Tarpit.patience)
            #expect(hostile.awaitClose() && !honest.isClosed)
        }

        @Test("connections that never finish their handshake are counted and ended; who has spoken is not")
        func halfOpen() throws {
            let (router, port) = try boundedRouter {
                $0.connectionsMax = 1_000
                $0.silenceMax = 1_000_000_000
            }
            let quiet = try RawConnection(port: port)
            try quiet.shakeHands()
            try quiet.send(RawConnection.frame([1]))
            let peers = try (0..<50).map { _ in try RawConnection(port: port) }
            for peer in peers.prefix(25) { try peer.send(Array(RawConnection.greeting.prefix(20))) }
            var cuts: [ConnectionCut] = []
            #expect(serve(router, &cuts) { _ in router.connectionCount == 51 })
            #expect(serve(router, &cuts) { _ in router.connectionCount == 1 })
            #expect(cuts == Array(repeating: .silent, count: 50) && peers.allSatisfy(\.isClosed) && !quiet.isClosed)
        }
    }
}
