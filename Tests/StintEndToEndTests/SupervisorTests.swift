import Foundation
import Testing

extension EndToEnd {
    /// `stint up`: what it starts, what it starts again, and what it leaves behind.
    @Suite("stint up") struct SupervisorTests {
        private static let settings = """
            "pools": {
                "left": { "handlers": { "held": { "exec": ["./held"] }, "quick": { "exec": ["true"] } } },
                "right": { "processes": 2, "handlers": { "other": { "exec": ["true"] } } } }
            """

        private func cluster() throws -> (Cluster, events: Mailbox, go: Gate) {
            let cluster = try Cluster(Self.settings, broker: #""lease": "2s", "heartbeat": "500ms""#)
            try cluster.script("held", "echo $$ > events; read _ < go")
            return (cluster, try cluster.mailbox("events"), try cluster.gate("go"))
        }

        private func workers(_ cluster: Cluster, _ count: Int) async throws -> [JSON] {
            try await eventually("\(count) workers") {
                let workers = try await cluster.status()["workers"].elements
                return workers.count == count && workers.allSatisfy { $0["connected"] == true } ? workers : nil
            }
        }

        @Test("it runs one broker and the processes of every pool")
        func starts() async throws {
            let (cluster, _, _) = try cluster()
            let up = try await cluster.up()
            let workers = try await workers(cluster, 3)
            #expect(Set(workers.compactMap { $0["pool"].string }) == ["left", "right"])
            #expect(Set(workers.compactMap { $0["name"].string }).count == 3)
            let words = ProcessTable.children(of: up.id).map { ProcessTable.arguments(of: $0).dropFirst().first ?? "" }
            #expect(words.sorted() == ["broker", "worker", "worker", "worker"])
            try await up.terminate()
        }

        @Test("killed with kill -9 it leaves no process, no held socket and no lock")
        func killed() async throws {
            let (cluster, events, go) = try cluster()
            let up = try await cluster.up()
            _ = try await workers(cluster, 3)
            #expect(try await cluster.stint("enqueue", "quick", "--wait").code == 0)
            let family = ProcessTable.descendants(of: up.id)
            #expect(family.count >= 5, "a broker, three workers, and the guard of the handler's worker")
            try await up.kill9()
            try await ProcessTable.ended(family, within: .seconds(5))
            let left = ProcessTable.inside(cluster.folder)
            #expect(left.isEmpty, "\(left.map(ProcessTable.arguments))")

            let again = try await cluster.up()
            #expect(try await cluster.stint("enqueue", "quick", "--wait").code == 0)
            try await again.terminate()
            withExtendedLifetime((events, go)) {}
        }

        @Test("killed with kill -9 under a running job it leaves that no longer than the drain limit")
        func killedUnderJob() async throws {
            let (cluster, events, go) = try cluster()
            let up = try await cluster.up(environment: ["STINT_DRAIN_LIMIT_MS": "300"])
            let id = try await cluster.enqueue("held")
            let handler = try #require(pid_t(try await events.line(0)))
            let family = ProcessTable.descendants(of: up.id)
            #expect(family.contains(handler))
            try await up.kill9()
            try await ProcessTable.ended(family, within: .seconds(5))

            let again = try await cluster.up()
            try await events.line(1)
            go.open()
            _ = try await cluster.job(id, when: "completed")
            try await again.terminate()
        }

        @Test("SIGTERM drains the pools first and the broker last, and exits 0")
        func drainsInOrder() async throws {
            let (cluster, events, go) = try cluster()
            let up = try await cluster.up()
            let id = try await cluster.enqueue("held")
            try await events.line(0)
            let broker = try #require(
                ProcessTable.children(of: up.id).first { ProcessTable.arguments(of: $0).contains("broker") })
            up.signal(SIGTERM)
            try await up.errorLine("draining of the pool") { $0.hasPrefix("left.1 |") && $0.contains("draining") }
            // The job still runs, so the broker must still take its answer.
            #expect(ProcessTable.isAlive(broker))
            #expect(try await cluster.stint("status").code == 0)
            go.open()
            #expect(try await up.end() == .exited(0))
            #expect(!ProcessTable.isAlive(broker))
            #expect(ProcessTable.inside(cluster.folder).isEmpty)

            let alone = try await cluster.broker()
            #expect(try await cluster.job(id)["state"] == "completed")
            try await alone.terminate()
        }

        @Test("a second SIGINT ends everything at once, and the job is done again later")
        func secondInterrupt() async throws {
            let (cluster, events, go) = try cluster()
            let up = try await cluster.up()
            let id = try await cluster.enqueue("held")
            let handler = try #require(pid_t(try await events.line(0)))
            let family = ProcessTable.descendants(of: up.id)
            up.signal(SIGINT)
            try await up.errorLine("draining") { $0.contains("draining") }
            let start = ContinuousClock.now
            up.signal(SIGINT)
            _ = try await up.end()
            #expect(ContinuousClock.now - start < .seconds(2))
            try await ProcessTable.ended(family + [handler], within: .seconds(3))

            let again = try await cluster.up()
            go.open()
            #expect(try await cluster.job(id, when: "completed", within: .seconds(30))["state"] == "completed")
            try await again.terminate()
        }

        @Test("what dies is started again: the broker and a worker")
        func restarts() async throws {
            let (cluster, _, _) = try cluster()
            let up = try await cluster.up()
            _ = try await workers(cluster, 3)
            for role in ["broker", "worker"] {
                let victim = try #require(
                    ProcessTable.children(of: up.id).first { ProcessTable.arguments(of: $0).dropFirst().first == role })
                kill(victim, SIGKILL)
                try await up.errorLine("restart of the \(role)") { $0.contains("it is started again in") }
                try await ProcessTable.ended([victim], within: .seconds(2))
                try await eventually("four children") { ProcessTable.children(of: up.id).count == 4 ? () : nil }
                #expect(try await cluster.stint("enqueue", "quick", "--wait").code == 0)
            }
            try await up.terminate()
        }

        @Test("a second one in the same place ends with a sentence, and no worker of it joins the first")
        func second() async throws {
            let (cluster, _, _) = try cluster()
            let up = try await cluster.up()
            let first = try await workers(cluster, 3).compactMap { $0["since"].string }
            let second = try await cluster.stint("up", within: .seconds(30))
            #expect(second.code == 1)
            #expect(second.lines.isEmpty)
            #expect(second.errorText.contains("in use by process"), "\(second.errorText)")
            #expect(second.errorText.contains("the cluster did not start"), "\(second.errorText)")
            #expect(try await workers(cluster, 3).compactMap { $0["since"].string } == first)
            try await up.terminate()
        }

        @Test("it goes on when the reader of its output goes away")
        func brokenPipe() async throws {
            let (cluster, _, _) = try cluster()
            let piped = try RunningProcess(
                "/bin/bash",
                ["-c", "'\(StintProgram.path)' up 2>&1 | grep -m 1 '^ready'; echo \"ended ${PIPESTATUS[0]}\""],
                environment: cluster.environment, folder: cluster.folder)
            try await piped.line("ready") { $0.hasPrefix("ready") }
            let up = try #require(
                ProcessTable.descendants(of: piped.id).first { ProcessTable.arguments(of: $0).dropFirst() == ["up"] })
            let victim = try await eventually("a worker of its own") {
                ProcessTable.children(of: up).first { ProcessTable.arguments(of: $0).dropFirst().first == "worker" }
            }
            kill(victim, SIGKILL)  // which is told, to nobody
            try await ProcessTable.ended([victim], within: .seconds(2))
            _ = try await workers(cluster, 3)
            #expect(try await cluster.stint("enqueue", "quick", "--wait").code == 0)
            kill(up, SIGTERM)
            try await piped.line("end") { $0 == "ended 0" }
        }

        @Test("--pools runs only these pools, against a broker that runs elsewhere")
        func somePools() async throws {
            let (cluster, _, _) = try cluster()
            let broker = try await cluster.broker()
            let up = try await cluster.up("--pools", "right")
            let found = try await workers(cluster, 2)
            #expect(found.allSatisfy { $0["pool"] == "right" })
            #expect(ProcessTable.children(of: up.id).count == 2)
            try await up.terminate()
            #expect(broker.isRunning)

            let unknown = try await cluster.stint("up", "--pools", "right,wrong")
            #expect(unknown.code == 2)
            #expect(unknown.errorText.contains("\"wrong\""))
            #expect(unknown.errorText.contains("left, right"))
            try await broker.terminate()
        }

        @Test("every line of its children stands behind the name of its process")
        func namesLines() async throws {
            let (cluster, _, _) = try cluster()
            let up = try await cluster.up()
            // All of them: one that is told to end before it listens to that ends without a word of its own.
            for name in ["left.1", "right.1", "right.2"] {
                try await up.errorLine("joining of \(name)") { $0.hasPrefix("\(name) |") && $0.contains("joined") }
            }
            try await up.terminate()
            #expect(up.outputLines.count == 1)
            let stray = up.errorLines.filter { !$0.contains(" | ") }
            #expect(stray.isEmpty, "\(stray)")
        }
    }
}
