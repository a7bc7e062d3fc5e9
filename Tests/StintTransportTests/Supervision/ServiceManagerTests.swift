import Glibc
import StintTestKit
import Testing

@testable import StintTransport

extension TransportSuite {
    @Suite("The service manager's socket") struct ServiceManagerTests {
        @Test(
            "what is said arrives as the protocol wants it, over a path and over an abstract name",
            arguments: [true, false])
        func says(isAbstract: Bool) throws {
            let folder = try TemporaryFolder()
            let name = isAbstract ? "@stint-manager-\(getpid())" : "\(folder.path)/notify"
            let manager = try NotifySocket(name: name)
            let service = try #require(ServiceManager(environment: manager.environment))
            service.isReady("serving tcp://127.0.0.1:7411")
            #expect(manager.next() == ["READY=1", "STATUS=serving tcp://127.0.0.1:7411"])
            service.says("two\nlines")
            #expect(manager.next() == ["STATUS=two lines"], "a line break would begin another assignment")
            service.isStopping()
            #expect(manager.next() == ["STOPPING=1", "STATUS=draining"])
            service.isAlive()
            #expect(manager.next(within: .zero) == nil, "nobody watches")
        }

        @Test("a watchdog is told only when its period is meant for this process")
        func watches() throws {
            func period(_ variables: [String: String]) -> Duration? {
                ServiceManager(environment: variables.merging(["NOTIFY_SOCKET": "@stint-none"]) { $1 }, process: 42)?
                    .watchdogPeriod
            }
            #expect(period([:]) == nil)
            #expect(period(["WATCHDOG_USEC": "30000000"]) == .seconds(30))
            #expect(period(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"]) == .seconds(30))
            #expect(period(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "43"]) == nil)
            for nonsense in ["", "0", "-1", "soon"] { #expect(period(["WATCHDOG_USEC": nonsense]) == nil) }
        }

        @Test("without an address, or with one that is none, there is no manager")
        func absent() {
            for name in ["", "@", "relative", "vsock:2:1", "/" + String(repeating: "x", count: 120)] {
                #expect(ServiceManager(environment: ["NOTIFY_SOCKET": name]) == nil, "\(name)")
            }
            #expect(ServiceManager(environment: [:]) == nil)
        }

        @Test("a manager that is gone, or reads nothing, holds nobody up for long")
        func deaf() throws {
            let name = "@stint-deaf-\(getpid())"
            let manager = try NotifySocket(name: name)
            let service = try #require(ServiceManager(environment: manager.environment))
            let gone = try #require(ServiceManager(environment: ["NOTIFY_SOCKET": name + "-gone"]))
            gone.isReady("nobody hears this")
            // Datagrams wait in the socket's queue (net.unix.max_dgram_qlen, some ten of them); the next one waits a second.
            let start = ContinuousClock.now
            let full = 600
            var sent = 0
            while sent < full, ContinuousClock.now - start < .milliseconds(500) {
                service.says("\(sent)")
                sent += 1
            }
            #expect(sent < full, "the queue never became full")
            #expect(ContinuousClock.now - start < .seconds(20))
        }
    }
}
