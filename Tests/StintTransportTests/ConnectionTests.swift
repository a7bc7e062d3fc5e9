import CZeroMQ
import Glibc
import StintTransport
import Testing

extension TransportSuite {
    // Goal: a peer knows the state of its connection and comes back by itself. Method: the broker's socket is closed
    // and bound again at the same address; events are awaited.
    @Suite("Connections") struct ConnectionTests {
        private func bind(_ context: ZMQContext, _ text: String = "tcp://127.0.0.1:*") throws -> RouterSocket {
            try RouterSocket(in: context, binding: Endpoint(text), limits: .init(frameBytesMax: 1_000))
        }

        @Test("a broker that restarts is found again, and gets what was queued meanwhile")
        func brokerRestarts() throws {
            let exchange = try Exchange()
            try exchange.awaitEvent(.connected)
            let endpoint = exchange.router.boundEndpoint
            exchange.router.close()
            let events = try exchange.events { if case .retrying = $0 { true } else { false } }
            #expect(events.first == .disconnected)
            #expect(exchange.dealer.send([5]) == .sent)
            defer { exchange.dealer.close() }
            let second = try bind(exchange.context, "\(endpoint)")
            try exchange.awaitEvent(.connected)
            let poller = Poller()
            _ = poller.add(second)
            #expect(poller.message { second.receive() }?.body == [5])
        }

        @Test("a broker that starts late is found, and nothing counts as lost before")
        func brokerStartsLate() throws {
            let context = try ZMQContext()
            let first = try bind(context)
            let endpoint = first.boundEndpoint
            first.close()
            let dealer = try DealerSocket(
                in: context, connectingTo: endpoint, limits: .init(frameBytesMax: 1_000, reconnectMilliseconds: 5))
            let poller = Poller()
            _ = poller.add(dealer)
            #expect(dealer.send([1]) == .sent)
            var retries = 0
            while retries < 3 {
                let event = try #require(poller.message { dealer.nextEvent() })
                guard case .retrying(let milliseconds) = event else {
                    Issue.record("there was \(event)")
                    return
                }
                #expect((1...15_000).contains(milliseconds))
                retries += 1
            }
            defer { dealer.close() }
            let router = try bind(context, "\(endpoint)")
            #expect(poller.message { dealer.nextEvent().flatMap { $0 == .connected ? true : nil } } == true)
            let routerPoller = Poller()
            _ = routerPoller.add(router)
            #expect(routerPoller.message { router.receive() }?.body == [1])
        }

        @Test("a rebuilt socket is a new peer, and the old one is gone")
        func rebuilding() throws {
            let exchange = try Exchange()
            let first = try exchange.introduce()
            try exchange.dealer.rebuild()
            let second = try exchange.introduce()
            #expect(first != second)
            #expect(exchange.router.send([2], to: second) == .sent)
            #expect(exchange.dealerReceives() == [2])
            let end = ContinuousClock.now + patience
            while exchange.router.send([1], to: first) == .sent, ContinuousClock.now < end {
                exchange.routerPoller.wait(upTo: .milliseconds(1))
            }
            #expect(exchange.router.send([1], to: first) == .unreachable)
        }

        @Test("something else than a broker at the address is reported")
        func notABroker() throws {
            let folder = try TemporaryFolder()
            let path = "\(folder.path)/other.sock"
            let listener = try makeListener(at: path)
            defer { _ = close(listener) }
            let dealer = try DealerSocket(
                in: ZMQContext(), connectingTo: Endpoint("ipc://\(path)"),
                limits: .init(frameBytesMax: 1_000, reconnectMilliseconds: 5))
            let poller = Poller()
            _ = poller.add(dealer)
            let visitor = accept(listener, nil, nil)
            try #require(visitor >= 0)
            let greeting = "HTTP/1.1 400 Bad Request\r\n\r\n"
            _ = greeting.utf8.withContiguousStorageIfAvailable { write(visitor, $0.baseAddress, $0.count) }
            _ = close(visitor)
            let event = poller.message { () -> DealerSocket.Event? in
                while let event = dealer.nextEvent() { if case .handshakeFailed = event { return event } }
                return nil
            }
            #expect(event != nil)
        }

        @Test("an inproc broker that goes is found out by sending")
        func inprocLoss() throws {
            let exchange = try Exchange(at: "inproc://going")
            _ = try exchange.introduce()
            exchange.router.close()
            let end = ContinuousClock.now + patience
            let quiet = Poller()
            while exchange.dealer.send([1]) == .sent, ContinuousClock.now < end { quiet.wait(upTo: .milliseconds(1)) }
            #expect(exchange.dealer.send([1]) == .unreachable)
            #expect(exchange.dealer.nextEvent() == .endpointLost)
        }
    }
}
