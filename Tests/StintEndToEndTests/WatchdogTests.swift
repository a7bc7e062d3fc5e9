import Foundation
import Testing

extension EndToEnd {
    /// Threads of real processes that hang, and processes that are stopped as a whole.
    @Suite("The watchdog of a process") struct WatchdogTests {
        private static let broker = #""lease": "10s", "heartbeat": "1s", "watchdog": "1s""#

        /// One thread of a process stands still from its next such system call on: a tracer takes hold of it there. A
        /// process that ends is not gone before its tracer lets go.
        private func hang(
            _ thread: String, of process: pid_t, at calls: String = "all", in cluster: Cluster
        ) async throws -> RunningProcess {
            let id = try #require(ProcessTable.thread(named: thread, of: process))
            let tracer = try RunningProcess(
                Strace.tool,
                [
                    "-e", "trace=\(calls)", "-e", "inject=\(calls):delay_enter=600s", "-o", "/dev/null", "-p", "\(id)",
                ],
                environment: cluster.environment, folder: cluster.folder)
            try await tracer.errorLine("attachment") { $0.contains("attached") }
            return tracer
        }

        @Test(
            "a disk that no longer answers ends the broker, which says that it was committing",
            .enabled(if: Strace.isUsable, "strace cannot be used"))
        func diskHangs() async throws {
            let cluster = try Cluster(broker: Self.broker)
            let broker = try await cluster.broker()
            _ = try await cluster.enqueue("nobody")
            let tracer = try await hang("stint-broker", of: broker.id, at: "fdatasync", in: cluster)
            // An idle loop commits on its own thread.
            let enqueue = try cluster.start("enqueue", "nobody")
            try await broker.errorLine("last words", within: .seconds(30)) {
                $0.contains("the thread stint-broker has not turned") && $0.contains(#"it stands in "committing""#)
            }
            tracer.signal(SIGKILL)
            #expect(try await broker.end() == .exited(70))
            // Nothing was answered, so nothing was promised. A client that is still there sends again to the next broker.
            let next = try await cluster.broker()
            let code = try await enqueue.result(within: .seconds(40)).code
            #expect([0, 6, 7].contains(code))
            #expect(try await cluster.jobs().count >= (code == 0 ? 2 : 1))
            try await next.terminate()
        }

        @Test(
            "a broker whose loop hangs ends with code 70, names the place, is started again, and adopts what runs",
            .enabled(if: Strace.isUsable, "strace cannot be used"), arguments: ["stint-broker", "stint-commit"])
        func loopHangs(thread: String) async throws {
            let cluster = try Cluster(
                #""pools": { "tools": { "handlers": { "slow": { "exec": ["./slow"] } } } }"#, broker: Self.broker)
            try cluster.script("slow", "echo started > events; read _ < go")
            let (events, go) = (try cluster.mailbox("events"), try cluster.gate("go"))
            let up = try await cluster.up()
            let id = try await cluster.enqueue("slow")
            try await events.line(0)
            let broker = try #require(
                ProcessTable.children(of: up.id).first { ProcessTable.arguments(of: $0).contains("broker") })
            let tracer = try await hang(thread, of: broker, in: cluster)

            try await up.errorLine("last words", within: .seconds(30)) {
                $0.hasPrefix("broker | stint: the thread \(thread) has not turned for 1") && $0.contains("exit code 70")
            }
            tracer.signal(SIGKILL)
            try await up.errorLine("restart") { $0.contains("broker exited with code 70") }
            // The next life has the job as it was: the same attempt, still running.
            let job = try await eventually("an answer of the next broker", within: .seconds(30)) {
                let output = try await cluster.stint("job", id, "--json")
                return output.code == 0 ? try output.json : nil
            }
            #expect(job["state"] == "leased" && job["attempt"] == 1)
            go.open()
            #expect(try await cluster.job(id, when: "completed")["attempt"] == 1)
            #expect(events.all.count == 1, "the handler ran once")
            try await up.terminate()
        }

        @Test(
            "a worker whose thread hangs ends with code 70, and its handler with it",
            .enabled(if: Strace.isUsable, "strace cannot be used"))
        func workerHangs() async throws {
            let cluster = try Cluster(
                #""pools": { "tools": { "handlers": { "slow": { "exec": ["./slow"] } } } }"#, broker: Self.broker)
            try cluster.script("slow", "echo $$ > events; read _ < go")
            let (events, go) = (try cluster.mailbox("events"), try cluster.gate("go"))
            let broker = try await cluster.broker()
            let worker = try await cluster.worker()
            _ = try await cluster.enqueue("slow")
            let handler = try #require(pid_t(try await events.line(0)))
            let tracer = try await hang("stint-worker", of: worker.id, in: cluster)
            try await worker.errorLine("last words", within: .seconds(30)) {
                $0.hasPrefix("stint: the thread stint-worker has not turned for 1")
            }
            tracer.signal(SIGKILL)
            #expect(try await worker.end() == .exited(70))
            try await ProcessTable.ended([handler], within: .seconds(10))
            try await broker.terminate()
            withExtendedLifetime(go) {}
        }

        // Goal: a stop of the whole process, however long, is no hang. Method: SIGSTOP for four times the bound.
        @Test("a broker and a worker that were stopped for longer than the bound go on")
        func stopped() async throws {
            let cluster = try Cluster(
                #""pools": { "tools": { "handlers": { "quick": { "exec": ["true"] } } } }"#, broker: Self.broker)
            let broker = try await cluster.broker()
            let worker = try await cluster.worker()
            for process in [broker, worker] { process.signal(SIGSTOP) }
            let end = ContinuousClock.now + .seconds(4)
            try await eventually("four seconds") { ContinuousClock.now >= end ? () : nil }
            for process in [broker, worker] { process.signal(SIGCONT) }
            #expect(try await cluster.stint("enqueue", "quick", "--wait").code == 0)
            try await worker.terminate()
            try await broker.terminate()
        }

        // Goal: a disk that is slow within the bound ends nobody. Method: every flush of the broker takes 400 ms, of which
        // a checkpoint has two.
        @Test(
            "a disk whose flushes take a fifth of the bound ends nobody",
            .enabled(if: Strace.isUsable, "strace cannot be used"))
        func slowDisk() async throws {
            let cluster = try Cluster(broker: #""watchdog": "2s""#)
            let broker = try RunningProcess(
                Strace.tool,
                [
                    "-f", "-qq", "--seccomp-bpf", "-e", "trace=fdatasync,fsync", "-e", "signal=none", "-e",
                    "inject=fdatasync,fsync:delay_enter=400ms", "-o", "/dev/null", StintProgram.path, "broker",
                ],
                environment: cluster.environmentUnderStrace, folder: cluster.folder)
            try await broker.line("ready", within: .seconds(30)) { $0.hasPrefix("ready") }
            for _ in 0..<5 { _ = try await cluster.enqueue("nobody") }
            #expect(broker.isRunning)
            for child in ProcessTable.children(of: broker.id) { kill(child, SIGTERM) }
            #expect(try await broker.end(within: .seconds(40)) == .exited(0))
        }
    }
}
