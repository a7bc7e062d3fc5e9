import Foundation
import StintTestKit
import Testing

extension EndToEnd {
    /// What a service manager such as systemd hears of each process that it may start.
    @Suite("A service manager") struct ServiceManagerTests {
        private static let settings = #""pools": { "tools": { "handlers": { "quick": { "exec": ["./quick"] } } } }"#

        private func cluster(_ name: String) throws -> (Cluster, NotifySocket, [String: String]) {
            let cluster = try Cluster(Self.settings)
            try cluster.script("quick", #"env | grep -c -e NOTIFY_SOCKET -e WATCHDOG_ >> leaked; exit 0"#)
            let socket = try NotifySocket(name: name.isEmpty ? cluster.path("notify") : "@\(name)-\(getpid())")
            return (cluster, socket, socket.environment.merging(["WATCHDOG_USEC": "1000000"]) { $1 })
        }

        /// The next message that is not a sign of life; one sign of life at least came before it when that is asked for.
        private func next(_ socket: NotifySocket, after alive: Int = 0) throws -> [String] {
            var signs = 0
            while true {
                let message = try #require(socket.next(), "the process said nothing for 20 s")
                guard message == ["WATCHDOG=1"] else {
                    #expect(signs >= alive)
                    return message
                }
                signs += 1
            }
        }

        private func hearSigns(_ socket: NotifySocket) {
            for _ in 0..<3 { #expect(socket.next() == ["WATCHDOG=1"]) }
        }

        @Test("a broker says that it is ready once it can be reached, that it lives, and that it drains")
        func broker() async throws {
            let (cluster, socket, environment) = try cluster("")
            let broker = try cluster.start("broker", environment: environment)
            let ready = try next(socket)
            #expect(ready.first == "READY=1")
            #expect(ready.last?.hasPrefix("STATUS=serving clients at ipc://") == true)
            #expect(try await cluster.stint("status").code == 0)
            hearSigns(socket)
            broker.signal(SIGTERM)
            #expect(try next(socket) == ["STOPPING=1", "STATUS=draining"])
            #expect(try await broker.end() == .exited(0))
        }

        @Test("a worker says it too, without waiting for its broker, and hands the manager's variables to no handler")
        func worker() async throws {
            let (cluster, socket, environment) = try cluster("stint-worker")
            let worker = try cluster.start("worker", environment: environment)
            #expect(try next(socket).first == "READY=1")
            hearSigns(socket)
            let broker = try await cluster.broker()
            #expect(try await cluster.stint("enqueue", "quick", "--wait").code == 0)
            #expect(cluster.contents("leaked") == "0\n")
            worker.signal(SIGTERM)
            #expect(try next(socket) == ["STOPPING=1", "STATUS=draining"])
            #expect(try await worker.end() == .exited(0))
            try await broker.terminate()
        }

        @Test("`stint up` speaks for its whole cluster, and none of its processes speaks for itself")
        func up() async throws {
            let (cluster, socket, environment) = try cluster("stint-up")
            let up = try await cluster.up(environment: environment)
            let ready = try next(socket)
            #expect(ready.first == "READY=1")
            #expect(ready.last?.hasPrefix("STATUS=ready clients") == true)
            #expect(try await cluster.stint("enqueue", "quick", "--wait").code == 0)
            hearSigns(socket)
            up.signal(SIGTERM)
            #expect(try next(socket) == ["STOPPING=1", "STATUS=draining"])
            #expect(try await up.end() == .exited(0))
            while let left = socket.next(within: .zero) { #expect(left == ["WATCHDOG=1"]) }
        }

        // Goal: the manager hears nothing of a broker that hangs, so that it may end it. Method: its loop is held at its
        // next system call, with a bound of its own that is far away.
        @Test(
            "a broker whose loop hangs tells nobody that it lives",
            .enabled(if: Strace.isUsable, "strace cannot be used")
        )
        func hangs() async throws {
            let (cluster, socket, environment) = try cluster("stint-hang")
            let broker = try cluster.start("broker", environment: environment)
            _ = try next(socket)
            hearSigns(socket)
            let thread = try #require(ProcessTable.thread(named: "stint-broker", of: broker.id))
            let tracer = try RunningProcess(
                Strace.tool,
                ["-qq", "-e", "trace=all", "-e", "inject=all:delay_enter=600s", "-o", "/dev/null", "-p", "\(thread)"],
                environment: cluster.environment, folder: cluster.folder)
            try await eventually("silence for a whole period", within: .seconds(30)) {
                socket.next(within: .seconds(2)) == nil ? () : nil
            }
            broker.signal(SIGKILL)
            tracer.signal(SIGKILL)
            #expect(try await broker.end() == .signalled(SIGKILL))
        }
    }
}
