import Glibc
import StintTransport
import Synchronization
import Testing

/// A value that one thread sets and another reads.
final class Observed<Value: Sendable>: Sendable {
    private let box = Mutex<Value?>(nil)
    var value: Value? { box.withLock { $0 } }
    func set(_ value: Value) { box.withLock { $0 = value } }
}

extension TransportSuite {
    @Suite("Wakers") struct WakerTests {
        // Goal: a waker that was woken after something was queued always makes the owner see it. Method: producers
        // queue and wake as fast as they can; the owner waits without a timeout, so one lost wake-up hangs the test
        // until its patience is over.
        @Test("no wake-up is lost", arguments: [1, 3])
        func noneLost(producers: Int) throws {
            let each = 100_000
            let queued = Counter()
            let waker = try Waker()
            let seen = Observed<Int>()
            let waits = Observed<Int>()
            let owner = try SocketThread(name: "owner") {
                let poller = Poller()
                _ = poller.add(waker)
                var taken = 0, rounds = 0
                while taken < producers * each, poller.wait(upTo: patience) {
                    waker.clear()
                    taken = queued.value
                    rounds += 1
                }
                seen.set(taken)
                waits.set(rounds)
            }
            let threads = try (0..<producers).map { number in
                try SocketThread(name: "producer-\(number)") {
                    for turn in 0..<each {
                        queued.add()
                        waker.wake()
                        if turn % 64 == 0 { sched_yield() }
                    }
                }
            }
            for thread in threads { thread.join() }
            owner.join()
            #expect(seen.value == producers * each)
            #expect(try #require(waits.value) <= producers * each)
        }

        @Test("each single wake is answered, one after the other")
        func pingPong() throws {
            let there = try Waker(), back = try Waker()
            let rounds = 5_000
            let other = try SocketThread(name: "other") {
                let poller = Poller()
                _ = poller.add(there)
                for _ in 0..<rounds {
                    guard poller.wait(upTo: patience) else { return }
                    there.clear()
                    back.wake()
                }
            }
            let poller = Poller()
            _ = poller.add(back)
            for _ in 0..<rounds {
                there.wake()
                try #require(poller.wait(upTo: patience))
                back.clear()
            }
            other.join()
        }

        @Test("wakes coalesce, and clear without a wake does no harm")
        func coalescing() throws {
            let waker = try Waker()
            let poller = Poller()
            _ = poller.add(waker)
            waker.clear()
            for _ in 0..<1_000_000 { waker.wake() }
            #expect(poller.wait(upTo: .zero))
            waker.clear()
            #expect(!poller.wait(upTo: .zero))
            waker.wake()
            #expect(poller.wait(upTo: .zero))
        }
    }

    @Suite("Threads") struct SocketThreadTests {
        @Test("a thread has its name, its stack and the signals of the main thread blocked")
        func properties() throws {
            let name = Observed<String>()
            let isBlocked = Observed<[Bool]>()
            let thread = try SocketThread(name: "stint-test-name", stackBytes: 4 * 1_048_576) {
                let file = open("/proc/thread-self/comm", O_RDONLY)
                var text = [UInt8](repeating: 0, count: 32)
                let count = read(file, &text, text.count)
                _ = close(file)
                name.set(String(decoding: text.prefix(max(0, count - 1)), as: UTF8.self))
                var mask = sigset_t()
                pthread_sigmask(SIG_BLOCK, nil, &mask)
                isBlocked.set([SIGTERM, SIGINT, SIGHUP, SIGPIPE].map { sigismember(&mask, $0) == 1 })
                // Three of the four megabytes in use.
                withUnsafeTemporaryAllocation(byteCount: 3 * 1_048_576, alignment: 16) { room in
                    for index in stride(from: 0, to: room.count, by: 4_096) { room[index] = 1 }
                }
            }
            thread.join()
            thread.join()
            #expect(name.value == "stint-test-name")
            #expect(isBlocked.value == [true, true, true, true])
        }

        @Test("the maker's own signals are as before")
        func makersMask() throws {
            var before = sigset_t(), after = sigset_t()
            pthread_sigmask(SIG_BLOCK, nil, &before)
            try SocketThread(name: "short") {}.join()
            pthread_sigmask(SIG_BLOCK, nil, &after)
            for signal in [SIGTERM, SIGINT, SIGHUP, SIGPIPE] {
                #expect(sigismember(&before, signal) == sigismember(&after, signal))
            }
        }

        @Test("a socket made here can be handed to a thread, which serves it")
        func handingOver() throws {
            let context = try ZMQContext()
            let router = try RouterSocket(
                in: context, binding: Endpoint("tcp://127.0.0.1:*"), limits: .init(frameBytesMax: 1_000))
            let endpoint = router.boundEndpoint
            let stop = try Waker()
            let thread = try SocketThread(name: "echo") {
                let poller = Poller()
                let stopping = poller.add(stop)
                _ = poller.add(router)
                while poller.wait(upTo: patience), !poller.isReadable(stopping) {
                    while let message = router.receive() { _ = router.send(message.body, to: message.peer) }
                }
                router.close()
            }
            let dealer = try DealerSocket(
                in: context, connectingTo: endpoint, limits: .init(frameBytesMax: 1_000, reconnectMilliseconds: 10))
            let poller = Poller()
            _ = poller.add(dealer)
            for number in 0..<100 as Range<UInt8> {
                #expect(dealer.send([number]) == .sent)
                #expect(poller.message { dealer.receive() } == [number])
            }
            stop.wake()
            thread.join()
        }
    }

    @Suite("Clocks") struct ClockTests {
        @Test("the monotonic clock does not go back, and is the one that counts through suspend")
        func monotonic() {
            var last = MonotonicClock.nanoseconds()
            for _ in 0..<10_000 {
                let now = MonotonicClock.nanoseconds()
                #expect(now >= last)
                last = now
            }
            var boot = timespec()
            clock_gettime(CLOCK_BOOTTIME, &boot)
            let difference = Int64(boot.tv_sec) * 1_000_000_000 + Int64(boot.tv_nsec) - last
            #expect((0..<5_000_000_000).contains(difference))
        }

        @Test("the wall clock agrees with the system's")
        func wall() {
            #expect(abs(WallClock.milliseconds() / 1_000 - Int64(time(nil))) <= 1)
        }
    }
}

/// A number that many threads raise.
final class Counter: Sendable {
    private let number = Atomic(0)
    var value: Int { number.load(ordering: .acquiring) }
    func add() { number.add(1, ordering: .releasing) }
}
