import Glibc
import StintTestKit
import Synchronization
import Testing

@testable import StintTransport

extension TransportSuite {
    @Suite("The watchdog") struct WatchdogTests {
        private let settings = Watchdog.Settings(stallMax: .milliseconds(300))

        @Test("there are 30 looks in the bound, and four in the period of a service manager")
        func settingsFollowBoth() throws {
            #expect(Watchdog.Settings().look == .seconds(1))
            #expect(Watchdog.Settings().looksMax == 30)
            let environment = ["NOTIFY_SOCKET": "@stint-test", "WATCHDOG_USEC": "2000000"]
            let manager = try #require(ServiceManager(environment: environment))
            let watched = Watchdog.Settings(toldTo: manager)
            #expect(watched.look == .milliseconds(500))
            #expect(watched.looksMax == 60)
        }

        @Test("it names the thread that hangs and where, after the bound and not before")
        func tells() throws {
            let gate = try Waker()
            let pulse = Pulse(name: "held"), turning = Pulse(name: "turning")
            let isOver = Atomic(false)
            let held = try SocketThread(name: "held") {
                pulse.beat(.committing)
                gate.wait(upTo: patience)
            }
            let turns = try SocketThread(name: "turning") {
                let pause = try? Waker()
                while !isOver.load(ordering: .acquiring) {
                    turning.beat(.waiting)
                    pause?.wait(upTo: .milliseconds(1))
                }
            }
            let told = Observed<[Watchdog.Stall]>()
            let end = try Waker()
            let start = ContinuousClock.now
            let watchdog = try Watchdog([pulse, turning], settings) { stalls in
                told.set(stalls)
                end.wake()
            }
            #expect(end.wait(upTo: patience))
            #expect(ContinuousClock.now - start >= .milliseconds(300))
            let stall = try #require(told.value?.first)
            #expect(told.value?.count == 1)
            #expect(stall.thread == "held")
            #expect(stall.place == .committing)
            #expect(stall.description.contains("the kernel says: S (sleeping)"), "\(stall)")
            isOver.store(true, ordering: .releasing)
            gate.wake()
            held.join()
            turns.join()
            watchdog.stop()
        }

        @Test("once stopped it lets threads stand")
        func stops() throws {
            let pulse = Pulse(name: "held")
            pulse.beat(.committing)
            let told = Observed<[Watchdog.Stall]>()
            let watchdog = try Watchdog([pulse], settings) { told.set($0) }
            watchdog.stop()
            #expect(told.value == nil)
        }

        @Test("the manager is told while every thread turns, and not while one hangs")
        func tellsManager() throws {
            let manager = try NotifySocket(name: "@stint-watchdog-\(getpid())")
            let service = try #require(
                ServiceManager(environment: manager.environment.merging(["WATCHDOG_USEC": "400000"]) { $1 }))
            let pulse = Pulse(name: "loop")
            let isHeld = Atomic(false)
            let isOver = Atomic(false)
            let thread = try SocketThread(name: "loop") {
                let pause = try? Waker()
                while !isOver.load(ordering: .acquiring) {
                    if !isHeld.load(ordering: .acquiring) { pulse.beat(.waiting) }
                    pause?.wait(upTo: .milliseconds(5))
                }
            }
            let watchdog = try Watchdog(
                [pulse], .init(stallMax: .seconds(60), toldTo: service), manager: service, onStall: { _ in })
            for _ in 0..<3 { #expect(manager.next() == ["WATCHDOG=1"]) }
            isHeld.store(true, ordering: .releasing)
            // Those that were under way when the loop stopped: two at the most, then silence for more than a period.
            var late = 0
            while manager.next(within: .milliseconds(500)) != nil { late += 1 }
            #expect(late <= 2)
            isHeld.store(false, ordering: .releasing)
            #expect(manager.next() == ["WATCHDOG=1"])
            isOver.store(true, ordering: .releasing)
            thread.join()
            watchdog.stop()
        }
    }

    @Suite("A wait on a waker alone") struct WakerWaitTests {
        @Test("it ends with a wake, or with the time and not before")
        func ends() throws {
            let waker = try Waker()
            let start = ContinuousClock.now
            #expect(!waker.wait(upTo: .milliseconds(20)))
            #expect(ContinuousClock.now - start >= .milliseconds(20))
            waker.wake()
            #expect(waker.wait(upTo: patience))
            #expect(!waker.wait(upTo: .zero), "the wake was answered")
            let thread = try SocketThread(name: "waking") { waker.wake() }
            #expect(waker.wait(upTo: nil))
            thread.join()
        }
    }
}
