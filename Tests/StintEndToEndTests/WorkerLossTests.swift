import Foundation
import Testing

extension EndToEnd {
    /// Workers that are killed, and workers that are asked to go.
    @Suite("A worker that goes") struct WorkerLossTests {
        private static let settings = """
            "jobs": { "*": { "backoff": { "first": "1ms", "most": "1ms" } } },
            "pools": { "tools": { "slots": 1, "handlers": { "held": { "exec": ["./held"] } } } }
            """

        private func cluster() throws -> (Cluster, events: Mailbox, go: Gate) {
            let cluster = try Cluster(Self.settings, broker: #""lease": "2s", "heartbeat": "500ms""#)
            try cluster.script("held", #"echo "$STINT_JOB $STINT_ATTEMPT $$" > events; read _ < go"#)
            return (cluster, try cluster.mailbox("events"), try cluster.gate("go"))
        }

        @Test("the jobs of a killed worker run elsewhere within its lease and one second")
        func killed() async throws {
            let (cluster, events, go) = try cluster()
            let broker = try await cluster.broker()
            let first = try await cluster.worker(name: "first")
            let id = try await cluster.enqueue("held")
            #expect(try await events.line(0).hasPrefix("\(id) 1 "))
            let second = try await cluster.worker(name: "second")
            let start = ContinuousClock.now
            try await first.kill9()
            #expect(try await events.line(1, within: .seconds(5)).hasPrefix("\(id) 2 "))
            let waited = ContinuousClock.now - start
            #expect(waited < .seconds(3), "the lease is 2 s")
            #expect(waited > .seconds(1), "a worker has its whole lease to come back in")
            go.open()
            let job = try await cluster.job(id, when: "completed")
            #expect(job["attempts"].elements.map { $0["outcome"] } == ["expired", "completed"])
            #expect(job["attempts"].elements.map { $0["worker"] } == ["first", "second"])
            try await second.terminate()
            try await broker.terminate()
        }

        @Test("the handlers of a killed worker are killed, with their children")
        func handlersOfKilledWorker() async throws {
            let cluster = try Cluster(
                #""pools": { "tools": { "handlers": { "parent": { "exec": ["./parent"] } } } }"#)
            try cluster.script("parent", #"sh -c 'echo $$ > events; read _ < go' & echo $$ > events; read _ < go"#)
            let (events, go) = (try cluster.mailbox("events"), try cluster.gate("go"))
            let broker = try await cluster.broker()
            let worker = try await cluster.worker()
            _ = try await cluster.enqueue("parent")
            let processes = [try await events.line(0), try await events.line(1)].compactMap { pid_t($0) }
            #expect(processes.count == 2 && processes.allSatisfy(ProcessTable.isAlive))
            let guards = ProcessTable.children(of: worker.id).filter { ProcessTable.arguments(of: $0).last == "guard" }
            #expect(guards.count == 1)
            try await worker.kill9()
            try await ProcessTable.ended(processes + guards, within: .seconds(3))
            withExtendedLifetime(go) {}
            try await broker.terminate()
        }

        @Test("SIGTERM lets the running job finish, takes nothing new, and ends with exit code 0")
        func drains() async throws {
            let (cluster, events, go) = try cluster()
            let broker = try await cluster.broker()
            let worker = try await cluster.worker()
            let running = try await cluster.enqueue("held")
            try await events.line(0)
            let next = try await cluster.enqueue("held")
            worker.signal(SIGTERM)
            try await eventually("draining") {
                try await cluster.status()["workers"][0]["draining"] == true ? () : nil
            }
            #expect(worker.isRunning)
            go.open()
            #expect(try await worker.end() == .exited(0))
            #expect(try await cluster.job(running)["state"] == "completed")
            let left = try await cluster.job(next)
            #expect(left["state"] == "ready")
            #expect(left["attempt"] == 0)
            #expect(events.all.count == 1)
            #expect(try await cluster.status()["workers"].elements.isEmpty)
            try await broker.terminate()
        }

        @Test("at the drain limit running jobs are given back without using an attempt")
        func drainLimit() async throws {
            let (cluster, events, go) = try cluster()
            let broker = try await cluster.broker()
            let worker = try await cluster.worker(environment: ["STINT_DRAIN_LIMIT_MS": "300"])
            let id = try await cluster.enqueue("held")
            try await events.line(0)
            let start = ContinuousClock.now
            worker.signal(SIGTERM)
            #expect(try await worker.end() == .exited(0))
            let waited = ContinuousClock.now - start
            #expect(waited > .milliseconds(300) && waited < .seconds(5), "\(waited)")
            let job = try await cluster.job(id)
            #expect(job["state"] == "ready", "\(job)")
            #expect(job["attempt"] == 0, "\(job)")

            let next = try await cluster.worker()
            #expect(try await events.line(1).hasPrefix("\(id) 1 "))
            go.open()
            _ = try await cluster.job(id, when: "completed")
            try await next.terminate()
            try await broker.terminate()
        }

        @Test("a worker whose broker is gone drains all the same")
        func drainsWithoutBroker() async throws {
            let (cluster, events, go) = try cluster()
            let broker = try await cluster.broker()
            let worker = try await cluster.worker(environment: ["STINT_DRAIN_LIMIT_MS": "500"])
            let id = try await cluster.enqueue("held")
            try await events.line(0)
            try await broker.kill9()
            worker.signal(SIGTERM)
            go.open()
            #expect(try await worker.end(within: .seconds(10)) == .exited(0))
            let next = try await cluster.broker()
            // It could tell nobody that it is done, so somebody does it again.
            let second = try await cluster.worker()
            try await events.line(1)
            go.open()
            _ = try await cluster.job(id, when: "completed")
            try await second.terminate()
            try await next.terminate()
        }
    }
}
