import CZeroMQ
import StintTransport
import Testing

extension TransportSuite {
    // Goal: bodies arrive whole, once, in order, and the caller knows what became of each. Method: both ends in one
    // test, over each transport.
    @Suite("Sending and receiving") struct ExchangeTests {
        private static func endpoints(_ folder: TemporaryFolder) -> [String] {
            ["tcp://127.0.0.1:*", "tcp://localhost:*", "ipc://\(folder.path)/a.sock", "inproc://exchange"]
        }

        @Test("a body goes there and an answer comes back")
        func echo() throws {
            let folder = try TemporaryFolder()
            for endpoint in Self.endpoints(folder) {
                let exchange = try Exchange(at: endpoint)
                #expect(exchange.router.receive() == nil && exchange.dealer.receive() == nil)
                #expect(exchange.dealer.send(Array("question".utf8)) == .sent)
                let question = try #require(exchange.routerReceives())
                #expect(question.body == Array("question".utf8))
                #expect(exchange.router.send(Array("answer".utf8), to: question.peer) == .sent)
                #expect(exchange.dealerReceives() == Array("answer".utf8))
                #expect(exchange.router.malformedCount == 0 && exchange.dealer.malformedCount == 0)
            }
        }

        @Test(
            "bodies of every size up to the limit keep their bytes",
            arguments: [1, 29, 33, 34, 255, 256, 8_192, 65_536])
        func sizes(count: Int) throws {
            let exchange = try Exchange(routerFrameBytesMax: 65_536, dealerFrameBytesMax: 65_536)
            let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            #expect(exchange.dealer.send(body) == .sent)
            let message = try #require(exchange.routerReceives())
            #expect(message.body == body)
            #expect(exchange.router.send(message.body, to: message.peer) == .sent)
            #expect(exchange.dealerReceives() == body)
        }

        @Test("20,000 messages arrive in order, in both directions")
        func order() throws {
            let exchange = try Exchange()
            let count: UInt32 = 20_000
            for number in 0..<count { #expect(exchange.dealer.send(number.bytes) == .sent) }
            var waiting: [(PeerAddress, [UInt8])] = []
            for number in 0..<count {
                let message = try #require(exchange.routerReceives())
                try #require(message.body == number.bytes)
                waiting.append((message.peer, message.body))
            }
            // The peer's queue is bounded here, so what does not fit is offered again, as an outbox does.
            var sent = 0, received: UInt32 = 0
            while received < count {
                while sent < waiting.count, exchange.router.send(waiting[sent].1, to: waiting[sent].0) == .sent {
                    sent += 1
                }
                let body = try #require(exchange.dealerReceives())
                try #require(body == received.bytes)
                received += 1
            }
            #expect(exchange.dealer.receive() == nil)
        }

        @Test("each of many peers gets its own answer")
        func manyPeers() throws {
            let exchange = try Exchange()
            let peers = try (0..<50).map { _ in
                try DealerSocket(
                    in: exchange.context, connectingTo: exchange.router.boundEndpoint,
                    limits: .init(frameBytesMax: 1_000, reconnectMilliseconds: 10))
            }
            for (index, peer) in peers.enumerated() { #expect(peer.send([UInt8(index)]) == .sent) }
            var addresses: Set<PeerAddress> = []
            for _ in peers {
                let message = try #require(exchange.routerReceives())
                addresses.insert(message.peer)
                #expect(exchange.router.send(message.body, to: message.peer) == .sent)
            }
            #expect(addresses.count == peers.count)
            for (index, peer) in peers.enumerated() {
                let poller = Poller()
                _ = poller.add(peer)
                #expect(poller.message { peer.receive() } == [UInt8(index)])
            }
        }

        @Test("a peer nobody knows is unreachable")
        func unknownPeer() throws {
            let exchange = try Exchange()
            _ = try exchange.introduce()
            #expect(exchange.router.send([1], to: PeerAddress(simulated: 0x0102_0304)) == .unreachable)
        }

        @Test("a peer that went is unreachable, and the socket goes on")
        func gonePeer() throws {
            let exchange = try Exchange()
            let other = try RawPeer(connectingTo: exchange.router.boundEndpoint)
            try other.send([[2]])
            let otherAddress = try #require(exchange.routerReceives()).peer
            #expect(exchange.router.send([1], to: otherAddress) == .sent)
            other.close()
            // The router hears of it through its own socket; no event says so, hence the polling in short steps.
            let end = ContinuousClock.now + patience
            var outcome = SendOutcome.sent
            while outcome == .sent, ContinuousClock.now < end {
                exchange.routerPoller.wait(upTo: .milliseconds(1))
                outcome = exchange.router.send([1], to: otherAddress)
            }
            #expect(outcome == .unreachable)
            let address = try exchange.introduce()
            #expect(exchange.router.send([3], to: address) == .sent)
            #expect(exchange.dealerReceives() == [3])
        }

        @Test("a full peer blocks nobody, and loses nothing that was taken")
        func fullPeer() throws {
            let context = try ZMQContext()
            var limits = RouterSocket.Limits(frameBytesMax: 65_536)
            limits.framesToSendMax = 10
            let router = try RouterSocket(in: context, binding: Endpoint("tcp://127.0.0.1:*"), limits: limits)
            let slow = try RawPeer(
                connectingTo: router.boundEndpoint,
                options: [(ZMQ_RCVHWM, 1), (ZMQ_RCVBUF, 4_096), (ZMQ_HEARTBEAT_IVL, 0)])
            let quick = try RawPeer(connectingTo: router.boundEndpoint)
            defer {
                slow.close()
                quick.close()
            }
            try slow.send([[1]])
            let poller = Poller()
            _ = poller.add(router)
            let slowAddress = try #require(poller.message { router.receive() }).peer
            try quick.send([[2]])
            let quickAddress = try #require(poller.message { router.receive() }).peer

            let padding = [UInt8](repeating: 0, count: 60_000)
            var accepted: UInt32 = 0
            // Full once, it may get room again while the network's buffers fill; full for good after some tries.
            var refusals = 0
            while refusals < 200 {
                switch router.send(accepted.bytes + padding, to: slowAddress) {
                case .sent: (accepted, refusals) = (accepted + 1, 0)
                case .wouldBlock:
                    refusals += 1
                    poller.wait(upTo: .milliseconds(1))
                case .unreachable: try #require(Bool(false), "the peer went")
                }
                try #require(accepted < 10_000, "nothing bounds the queue")
            }
            #expect(router.send([9], to: quickAddress) == .sent)
            #expect(quick.receive() == [9])
            for number in 0..<accepted {
                let body = try #require(slow.receive())
                try #require(body.count == 4 + padding.count && Array(body[..<4]) == number.bytes && !slow.hasMore)
            }
            // Room again: the next one arrives, and no half message of a refused send is in its way.
            let outcome = poller.message { router.send([7], to: slowAddress) == .sent ? true : nil }
            #expect(outcome == true && slow.receive() == [7] && !slow.hasMore)
        }

        @Test("an address never shows its value")
        func addressIsOpaque() throws {
            let address = try Exchange().introduce()
            var dumped = ""
            dump(address, to: &dumped)
            for text in ["\(address)", String(reflecting: address), dumped] {
                #expect(!text.contains { $0.isNumber }, "it shows \(text)")
            }
        }
    }
}

extension UInt32 {
    /// Four bytes, of which none is special.
    fileprivate var bytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) } }
}
