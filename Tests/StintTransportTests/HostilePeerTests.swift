import CZeroMQ
import StintTestKit
import StintTransport
import Testing

extension TransportSuite {
    // Goal: whatever a peer sends, the socket counts it, drops it and serves the next one. Method: libzmq without our
    // rules, and bare TCP.
    @Suite("Peers that do not keep the rules") struct HostilePeerTests {
        @Test("messages that are not two frames, or empty, are counted and dropped")
        func malformed() throws {
            let exchange = try Exchange()
            let peer = try RawPeer(connectingTo: exchange.router.boundEndpoint)
            defer { peer.close() }
            let bad: [[[UInt8]]] = [[[]], [[], [1]], [[1], [2]], [[1], [2], [3]], [[], [], []]]
            for (index, frames) in bad.enumerated() {
                try peer.send(frames)
                try peer.send([[UInt8(index)]])
            }
            for index in bad.indices { #expect(exchange.routerReceives()?.body == [UInt8(index)]) }
            #expect(exchange.router.malformedCount == bad.count)
            #expect(exchange.router.selfNamedCount == 0)
        }

        @Test("an endless message is thrown away in portions")
        func endlessMessage() throws {
            let exchange = try Exchange(framesPerCallMax: 64)
            let peer = try RawPeer(connectingTo: exchange.router.boundEndpoint)
            defer { peer.close() }
            try peer.send(Array(repeating: [1], count: 1_000))
            try peer.send([[9]])
            var calls = 0
            let message = exchange.routerPoller.message {
                calls += 1
                return exchange.router.receive()
            }
            #expect(message?.body == [9])
            #expect(exchange.router.malformedCount == 1)
            // 1,000 frames and an address, 64 looked at by each call; no call goes on until the end.
            #expect(calls >= 16)
        }

        @Test("a dealer drops what has more than one frame, too")
        func malformedForDealer() throws {
            let context = try ZMQContext()
            let router = try RawPeer(kind: ZMQ_ROUTER)
            defer { router.close() }
            try #require(zmq_bind(router.socket, "tcp://127.0.0.1:*") == 0)
            var name = [CChar](repeating: 0, count: 256)
            var size = name.count
            try #require(zmq_getsockopt(router.socket, ZMQ_LAST_ENDPOINT, &name, &size) == 0)
            let endpoint = try Endpoint(name.withUnsafeBufferPointer { String(cString: $0.baseAddress!) })
            let dealer = try DealerSocket(
                in: context, connectingTo: endpoint, limits: .init(frameBytesMax: 1_000, reconnectMilliseconds: 10))
            let poller = Poller()
            _ = poller.add(dealer)
            #expect(dealer.send([1]) == .sent)
            let address = try #require(router.receive())
            #expect(router.receive() == [1])
            for frames in [[[]], [[1], [2]], Array(repeating: [3], count: 500)] as [[[UInt8]]] {
                try router.send([address] + frames)
            }
            try router.send([address, [9]])
            #expect(poller.message { dealer.receive() } == [9])
            #expect(dealer.malformedCount == 3)
        }

        @Test("a peer that names itself is not heard")
        func selfNamed() throws {
            let exchange = try Exchange()
            for (index, name) in ["worker-1", "12345", "x"].enumerated() {
                let peer = try RawPeer(connectingTo: exchange.router.boundEndpoint, routingID: name)
                defer { peer.close() }
                try peer.send([[1]])
                let counted = exchange.routerPoller.message { () -> Bool? in
                    #expect(exchange.router.receive() == nil)
                    return exchange.router.selfNamedCount > index ? true : nil
                }
                #expect(counted == true)
            }
            _ = try exchange.introduce()
            #expect(exchange.router.selfNamedCount == 3 && exchange.router.malformedCount == 0)
        }

        @Test("a frame at the limit passes; one byte more ends the connection, and the peer comes back")
        func oversizeAtRouter() throws {
            let exchange = try Exchange(routerFrameBytesMax: 1_000, dealerFrameBytesMax: 2_000)
            try exchange.awaitEvent(.connected)
            #expect(exchange.dealer.send([UInt8](repeating: 1, count: 1_000)) == .sent)
            let first = try #require(exchange.routerReceives())
            #expect(first.body.count == 1_000)
            #expect(exchange.dealer.send([UInt8](repeating: 2, count: 1_001)) == .sent)
            // The broker's side ended it, so this side tries again by itself.
            let events = try exchange.events { $0 == .connected }
            #expect(events.first == .disconnected && !events.contains(.endpointLost), "\(events)")
            let again = try exchange.introduce()
            #expect(again != first.peer)
        }

        @Test("a frame over a dealer's limit loses the endpoint for ever, and rebuild revives it")
        func oversizeAtDealer() throws {
            let exchange = try Exchange(routerFrameBytesMax: 2_000, dealerFrameBytesMax: 1_000)
            for _ in 0..<3 {
                try exchange.awaitEvent(.connected)
                let address = try exchange.introduce()
                #expect(exchange.router.send([UInt8](repeating: 1, count: 1_000), to: address) == .sent)
                #expect(exchange.dealerReceives()?.count == 1_000)
                #expect(exchange.router.send([UInt8](repeating: 2, count: 1_001), to: address) == .sent)
                let events = try exchange.events { $0 == .endpointLost }
                #expect(events == [.disconnected, .endpointLost])
                #expect(exchange.dealer.nextEvent() == nil, "the loss is told once")
                #expect(exchange.dealer.send([1]) == .unreachable)
                try exchange.dealer.rebuild()
            }
            try exchange.awaitEvent(.connected)
            _ = try exchange.introduce()
        }

        @Test("a send finds out about a lost endpoint before any event is read")
        func lossFoundBySending() throws {
            let exchange = try Exchange(routerFrameBytesMax: 2_000, dealerFrameBytesMax: 1_000)
            let address = try exchange.introduce()
            #expect(exchange.router.send([UInt8](repeating: 2, count: 1_001), to: address) == .sent)
            let end = ContinuousClock.now + patience
            let quiet = Poller()
            while exchange.dealer.send([1]) == .sent, ContinuousClock.now < end { quiet.wait(upTo: .milliseconds(1)) }
            #expect(exchange.dealer.send([1]) == .unreachable)
            try exchange.awaitEvent(.endpointLost)
        }

        @Test("bytes that are not ZMTP disturb nobody")
        func garbage() throws {
            let exchange = try Exchange()
            guard case .tcp(_, let port) = exchange.router.boundEndpoint.address else { return }
            for garbage in [
                "GET / HTTP/1.1\r\n\r\n", "\u{FF}\0\0\0\0\0\0\0\0\u{7F}", String(repeating: "\0", count: 4_096),
            ] {
                try RawConnection(port: port).send(Array(garbage.utf8))
            }
            let address = try exchange.introduce()
            #expect(exchange.router.send([1], to: address) == .sent)
            #expect(exchange.dealerReceives() == [1])
        }
    }
}
