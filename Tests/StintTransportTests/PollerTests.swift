import Glibc
import StintTransport
import Testing

extension TransportSuite {
    @Suite("Polling") struct PollerTests {
        private func elapsed(_ work: () -> Void) -> Duration { ContinuousClock().measure(work) }

        @Test("a wait ends after its time, never before", arguments: [0, 200, 1_000, 1_500, 10_000, 40_000])
        func timeout(microseconds: Int) throws {
            let poller = Poller()
            _ = poller.add(try Waker())
            let time = Duration.microseconds(microseconds)
            for _ in 0..<5 {
                var isReady = true
                let passed = elapsed { isReady = poller.wait(upTo: time) }
                #expect(!isReady && passed >= time && passed < time + .seconds(5))
            }
        }

        @Test("a time in the past looks once; one of a century does not overflow")
        func extremes() throws {
            let poller = Poller()
            let waker = try Waker()
            let slot = poller.add(waker)
            #expect(!poller.wait(upTo: .seconds(-1)))
            waker.wake()
            #expect(poller.wait(upTo: .seconds(Int64.max)) && poller.isReadable(slot))
            #expect(poller.wait(upTo: nil) && poller.isReadable(slot))
        }

        @Test("each slot tells its own readiness, until it was read")
        func slots() throws {
            let exchange = try Exchange()
            let poller = Poller()
            let waker = try Waker()
            let wakes = poller.add(waker), messages = poller.add(exchange.router)
            #expect(!poller.wait(upTo: .zero))
            waker.wake()
            #expect(poller.wait(upTo: .zero) && poller.isReadable(wakes) && !poller.isReadable(messages))
            #expect(exchange.dealer.send([1]) == .sent)
            waker.clear()
            #expect(poller.wait(upTo: patience))
            #expect(!poller.isReadable(wakes) && poller.isReadable(messages))
            #expect(poller.wait(upTo: .zero) && poller.isReadable(messages), "it is told again until it is read")
            #expect(exchange.router.receive() != nil)
            #expect(!poller.wait(upTo: .zero) && !poller.isReadable(messages))
        }

        @Test("a slot that is not watched does not end a wait, and is not forgotten")
        func watching() throws {
            let exchange = try Exchange()
            let poller = Poller()
            let slot = poller.add(exchange.router)
            #expect(exchange.dealer.send([1]) == .sent)
            #expect(poller.wait(upTo: patience))
            poller.watch(slot, false)
            #expect(!poller.isReadable(slot) && !poller.wait(upTo: .milliseconds(5)))
            poller.watch(slot, true)
            #expect(poller.wait(upTo: .zero) && poller.isReadable(slot))
        }

        @Test("a rebuilt dealer is waited for at its new sockets")
        func rebuiltDealer() throws {
            let exchange = try Exchange()
            try exchange.awaitEvent(.connected)
            try exchange.dealer.rebuild()
            try exchange.awaitEvent(.connected)
            let address = try exchange.introduce()
            #expect(exchange.router.send([4], to: address) == .sent)
            #expect(exchange.dealerReceives() == [4])
        }

        @Test("a descriptor of the system can be waited for")
        func descriptor() throws {
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            defer { for end in ends { _ = close(end) } }
            let poller = Poller()
            let slot = poller.add(descriptor: ends[0])
            #expect(!poller.wait(upTo: .zero))
            _ = write(ends[1], "x", 1)
            #expect(poller.wait(upTo: patience) && poller.isReadable(slot))
        }

        @Test("a signal does not end a wait")
        func signals() throws {
            // SIGWINCH with a handler that does nothing and without SA_RESTART: poll answers EINTR.
            var action = sigaction(), before = sigaction()
            action.__sigaction_handler.sa_handler = { _ in }
            sigaction(SIGWINCH, &action, &before)
            defer { sigaction(SIGWINCH, &before, nil) }
            let waiting = try Waker(), finish = try Waker()
            let result = Observed<Bool>()
            let handle = Observed<pthread_t>()
            let thread = try SocketThread(name: "poller") {
                let poller = Poller()
                let slot = poller.add(finish)
                handle.set(pthread_self())
                waiting.wake()
                let isReady = poller.wait(upTo: patience)
                result.set(isReady && poller.isReadable(slot))
            }
            let poller = Poller()
            _ = poller.add(waiting)
            #expect(poller.wait(upTo: patience))
            let target = try #require(handle.value)
            for _ in 0..<50 {
                pthread_kill(target, SIGWINCH)
                Poller().wait(upTo: .milliseconds(1))
            }
            #expect(result.value == nil, "a signal ended the wait")
            finish.wake()
            thread.join()
            #expect(result.value == true)
        }
    }
}
