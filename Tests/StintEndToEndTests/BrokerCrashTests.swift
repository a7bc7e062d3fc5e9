import Foundation
import Testing

extension EndToEnd {
    /// What a broker that is killed in the middle of its work leaves behind.
    @Suite("A broker that is killed and started again") struct BrokerCrashTests {
        // Goal: every acknowledged job survives, and is completed with one accepted answer: that of its last attempt.
        // Method: six kills while a bulk load runs and workers work. The ledger of acknowledged ids is what
        // `stint enqueue - --json` printed; it is held against the whole store at the end. Which answers were accepted
        // shows in the children: each run enqueues one with an id of its own, which it notes, and which is stored with
        // its answer or not at all. One worker is stopped meanwhile, loses its leases, and answers all the same, once
        // while others hold them.
        @Test("six kills under load lose no acknowledged job and accept no answer twice")
        func killsUnderLoad() async throws {
            let cluster = try Cluster(
                #"""
                "pools": { "tools": { "slots": 2, "handlers": { "parent": { "exec": ["./parent"] } } },
                           "held": { "slots": 2, "handlers": { "held": { "exec": ["./held"] } } } }
                """#, broker: #""lease": "2s", "heartbeat": "500ms""#)
            let body = #"""
                read -r child < /proc/sys/kernel/random/uuid
                echo "$STINT_JOB $STINT_ATTEMPT $child" >> runs
                echo '{"stint":"enqueue","jobs":[{"type":"bench","payload":"of a parent","id":"'$child'"}]}'
                echo '{"stint":"result","value":1}'
                """#
            try cluster.script("parent", body)
            try cluster.script("held", #"echo started > events; read _ < "go$STINT_ATTEMPT""# + "\n" + body)
            let (events, first, second) = (
                try cluster.mailbox("events"), try cluster.gate("go1"), try cluster.gate("go2")
            )
            var broker = try await cluster.broker()
            let worker = try await cluster.worker(pool: "tools")
            let bench = try await cluster.benchWorker()
            let silent = try await cluster.worker(pool: "held", name: "silent")
            let held = [try await cluster.enqueue("held"), try await cluster.enqueue("held")]
            for index in 0...1 { try await events.line(index) }
            let successor = try await cluster.worker(pool: "held", name: "successor")
            silent.signal(SIGSTOP)

            let (lines, parents) = (24_000, 200)
            let load = try cluster.start(
                "enqueue", "bench", "-", "--json",
                input: (1...lines).map(String.init).joined(separator: "\n"))
            let parentLoad = try cluster.start(
                "enqueue", "parent", "-", "--json", "--run", "parents",
                input: (1...parents).map(String.init).joined(separator: "\n"))
            for kill in 0..<6 {
                try await load.outputCount(atLeast: kill * 3_500 + 1)
                try await broker.kill9()
                broker = try await cluster.broker()
            }
            // The leases of the silent worker end, and its successor runs the jobs. Then its handlers, which were never
            // stopped, end before it hears anything: its answers are complete, and late.
            for index in 2...3 { try await events.line(index) }
            first.open(for: 2)
            try await eventually("the end of both late runs") {
                cluster.contents("runs").split(separator: "\n").count { line in
                    held.contains { line.hasPrefix($0) }
                } == 2 ? () : nil
            }
            silent.signal(SIGCONT)
            try await silent.terminate()
            for id in held {
                let job = try await cluster.job(id)
                #expect(job["state"] == "leased" && job["attempt"] == 2 && job["worker"] == "successor", "\(job)")
            }
            second.open(for: 2)

            let (loaded, parentsLoaded) = (try await load.result(), try await parentLoad.result())
            #expect(loaded.code == 0, "\(loaded.errorText)")
            #expect(parentsLoaded.code == 0, "\(parentsLoaded.errorText)")
            let acknowledged = try (loaded.lines + parentsLoaded.lines).compactMap { try JSON($0)["id"].string }
            let ledger = Set(acknowledged + held)
            #expect(ledger.count == lines + parents + held.count)

            let total = lines + 2 * (parents + held.count)
            try await eventually("completion of all jobs", within: .seconds(40)) {
                try await cluster.status()["counts"]["completed"] == .number(Double(total)) ? () : nil
            }
            let counts = try await cluster.status()["counts"]
            for state in ["waiting", "scheduled", "ready", "leased", "dead", "cancelled"] {
                #expect(counts[state] == 0, "\(state)")
            }
            let jobs = try await cluster.jobs()
            #expect(jobs.count == total)
            let stored = Set(jobs.compactMap { $0["id"].string })
            #expect(ledger.subtracting(stored).isEmpty)
            #expect(jobs.allSatisfy { $0["state"] == "completed" })
            // The other workers lived through it all, so nothing of theirs was given to anybody a second time.
            let repeated = jobs.filter { $0["attempt"] != 1 }
            #expect(Set(repeated.compactMap { $0["id"].string }) == Set(held), "\(repeated.prefix(3))")
            let runs = cluster.contents("runs").split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            #expect(runs.count == parents + 2 * held.count)
            for run in runs {
                let isLast = run[1] == (held.contains(run[0]) ? "2" : "1")
                #expect(stored.contains(run[2]) == isLast, "\(run)")
            }
            for process in [worker, bench, successor] { try await process.terminate() }
            try await broker.terminate()
        }

        @Test("a running job is adopted: its handler runs once, through five kills")
        func runningJobIsAdopted() async throws {
            let cluster = try Cluster(
                #""pools": { "tools": { "handlers": { "slow": { "exec": ["./slow"] } } } }"#,
                broker: #""lease": "2s", "heartbeat": "500ms""#)
            try cluster.script(
                "slow",
                #"""
                echo ran >> runs
                echo started > events
                read _ < go
                echo '{"stint":"result","value":"once"}'
                """#)
            let (events, go) = (try cluster.mailbox("events"), try cluster.gate("go"))
            var broker = try await cluster.broker()
            let worker = try await cluster.worker()
            let id = try await cluster.enqueue("slow")
            try await events.line(0)
            let before = try await cluster.job(id, when: "leased")
            for _ in 0..<5 {
                try await broker.kill9()
                broker = try await cluster.broker()
                try await eventually("the worker's return") {
                    try await cluster.status()["workers"][0]["connected"] == true ? () : nil
                }
                #expect(try await cluster.job(id)["state"] == "leased")
            }
            // One whole lease later it still is its worker's: the heartbeats count with the new broker.
            let back = Date.now
            try await eventually("a lease that passes") { Date.now.timeIntervalSince(back) > 2.5 ? () : nil }
            #expect(try await cluster.job(id)["state"] == "leased")
            go.open()
            let job = try await cluster.job(id, when: "completed")
            #expect(job["result"] == "once")
            #expect(job["attempt"] == 1)
            #expect(job["attempts"].elements.count == 1)
            // Refined by what the worker measured, but not begun anew.
            let (started, first) = (try #require(job["started"].time), try #require(before["started"].time))
            #expect(abs(started.timeIntervalSince(first)) < 1)
            #expect(cluster.contents("runs") == "ran\n")
            try await worker.terminate()
            try await broker.terminate()
        }

        @Test("an answer that was given while no broker was there is delivered to the next one")
        func answerDuringOutage() async throws {
            let cluster = try Cluster(
                #""pools": { "tools": { "handlers": { "slow": { "exec": ["./slow"] } } } }"#)
            try cluster.script("slow", "echo ran >> runs; echo started > events; read _ < go; echo ended > events")
            let (events, go) = (try cluster.mailbox("events"), try cluster.gate("go"))
            let broker = try await cluster.broker()
            let worker = try await cluster.worker()
            let id = try await cluster.enqueue("slow")
            try await events.line(0)
            try await broker.kill9()
            go.open()
            try await events.line(1)
            let next = try await cluster.broker()
            #expect(try await cluster.job(id, when: "completed")["attempt"] == 1)
            #expect(cluster.contents("runs") == "ran\n")
            try await worker.terminate()
            try await next.terminate()
        }

        // Longer away than any client waits for a broker to answer: another one gives up meanwhile.
        @Test("a waiting client is told the result by the next broker, however long there was none")
        func waitingClient() async throws {
            let cluster = try Cluster(
                #""pools": { "tools": { "handlers": { "slow": { "exec": ["./slow"] } } } }"#)
            try cluster.script(
                "slow", #"echo started > events; read _ < go; echo '{"stint":"result","value":42}'"#)
            let (events, go) = (try cluster.mailbox("events"), try cluster.gate("go"))
            let broker = try await cluster.broker()
            let worker = try await cluster.worker()
            let waiting = try cluster.start("enqueue", "slow", "--wait")
            try await events.line(0)
            try await broker.kill9()
            #expect(try await cluster.stint("status").code == 6)
            let next = try await cluster.broker()
            go.open()
            let told = try await waiting.result()
            #expect(told.code == 0, "\(told.errorText)")
            #expect(told.lines == ["42"])
            try await worker.terminate()
            try await next.terminate()
        }
    }
}
