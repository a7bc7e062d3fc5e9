import Foundation
import Testing

extension EndToEnd {
    /// What can be said about a job when it is enqueued, and what can be done to it before it is over.
    @Suite("Enqueuing and cancelling") struct EnqueueTests {
        private func cluster() throws -> (Cluster, events: Mailbox, go: Gate) {
            let cluster = try Cluster(
                #""pools": { "tools": { "handlers": { "held": { "exec": ["./held", "{{payload}}"] } } } }"#)
            try cluster.script("held", #"echo "$1" > events; read _ < go"#)
            return (cluster, try cluster.mailbox("events"), try cluster.gate("go"))
        }

        @Test("a bulk load that is repeated with the same --run makes no second job")
        func repeatedRun() async throws {
            let cluster = try Cluster()
            let broker = try await cluster.broker()
            let lines = (1...2_500).map { #"{"n":\#($0)}"# }.joined(separator: "\n")
            let first = try await cluster.stint("enqueue", "load", "-", "--run", "monday", input: lines)
            #expect(first.code == 0)
            #expect(Set(first.lines).count == 2_500)
            let again = try await cluster.stint("enqueue", "load", "-", "--run", "monday", input: lines)
            #expect(again.code == 0)
            #expect(again.lines == first.lines)
            #expect(again.errorText.contains("2500 existed already"))
            let other = try await cluster.stint("enqueue", "load", "-", "--run", "tuesday", input: "1\n\n  \n2\n")
            #expect(other.lines.count == 2)
            #expect(try await cluster.status()["counts"]["ready"] == 2_502)

            // The same line with another payload is another job: refused, not mixed up.
            let changed = try await cluster.stint("enqueue", "load", "-", "--run", "tuesday", input: "3\n")
            #expect(changed.code == 5)
            try await broker.terminate()
        }

        @Test("a broken line is named, and the lines of earlier batches stay enqueued")
        func brokenLine() async throws {
            let cluster = try Cluster()
            let broker = try await cluster.broker()
            let output = try await cluster.stint("enqueue", "load", "-", input: "1\n2\n{\"a\":\n")
            #expect(output.code == 2)
            #expect(output.errorText.contains("line 3 is not valid JSON"))
            try await broker.terminate()
        }

        @Test("the same --id makes one job; with another payload it is refused")
        func sameID() async throws {
            let cluster = try Cluster()
            let broker = try await cluster.broker()
            let id = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000"
            #expect(try await cluster.stint("enqueue", "a", "1", "--id", id).text == id)
            let again = try await cluster.stint("enqueue", "a", "1", "--id", id, "--json")
            #expect(again.code == 0)
            #expect(try again.json == .object(["id": .string(id), "duplicate": true]))
            #expect(try await cluster.stint("enqueue", "a", "2", "--id", id).code == 5)
            #expect(try await cluster.stint("enqueue", "b", "1", "--id", id).code == 5)
            #expect(try await cluster.status()["counts"]["ready"] == 1)
            try await broker.terminate()
        }

        @Test("a higher priority runs first; equal ones in the order in which they came")
        func priorities() async throws {
            let (cluster, events, go) = try cluster()
            let broker = try await cluster.broker()
            for (payload, priority) in [("1", "0"), ("2", "-5"), ("3", "9"), ("4", "0"), ("5", "9")] {
                _ = try await cluster.enqueue("held", payload, "--priority", priority)
            }
            #expect(try await cluster.jobs("--state", "ready").map { $0["priority"] } == [9, 9, 0, 0, -5])
            let worker = try await cluster.worker()
            go.open(for: 5)
            try await events.line(4)
            #expect(events.all == ["3", "5", "1", "4", "2"])
            try await worker.terminate()
            try await broker.terminate()
        }

        @Test("--delay and --at keep a job from running until then")
        func delays() async throws {
            let (cluster, events, go) = try cluster()
            let broker = try await cluster.broker()
            let worker = try await cluster.worker()
            go.open(for: 3)
            let start = Date.now
            let delayed = try await cluster.enqueue("held", "1", "--delay", "1s")
            let at = Date.ISO8601FormatStyle.stint.format(start.addingTimeInterval(2))
            let timed = try await cluster.enqueue("held", "2", "--at", at)
            #expect(try await cluster.job(delayed)["state"] == "scheduled")
            let runAt = try #require(try await cluster.job(timed)["run_at"].time)
            #expect(abs(runAt.timeIntervalSince(start.addingTimeInterval(2))) < 0.1)
            _ = try await cluster.enqueue("held", "3", "--at", "2020-01-01T00:00:00Z")
            try await events.line(0, within: .seconds(1))
            try await events.line(1)
            #expect((1..<1.8).contains(Date.now.timeIntervalSince(start)))
            try await events.line(2)
            #expect((2..<3).contains(Date.now.timeIntervalSince(start)))
            #expect(events.all == ["3", "1", "2"])
            try await worker.terminate()
            try await broker.terminate()
        }

        @Test("a job that waits is cancelled at once; one that runs is stopped; one that is over refuses")
        func cancelling() async throws {
            let (cluster, events, go) = try cluster()
            let broker = try await cluster.broker()
            let worker = try await cluster.worker()
            let running = try await cluster.enqueue("held", "1")
            try await events.line(0)
            let waiting = try await cluster.enqueue("held", "2")
            let later = try await cluster.enqueue("held", "3", "--delay", "1h")

            for id in [waiting, later] {
                #expect(try await cluster.stint("cancel", id).text == "cancelled")
                #expect(try await cluster.job(id)["state"] == "cancelled")
            }
            #expect(try await cluster.stint("cancel", running, "--json").json["was_running"] == true)
            let job = try await cluster.job(running, when: "cancelled")
            #expect(job["attempts"][0]["outcome"] == "cancelled")
            let again = try await cluster.stint("cancel", running)
            #expect(again.code == 5)
            #expect(again.errorText.contains("cancelled"))
            let waited = try await cluster.stint("enqueue", "held", "4", "--delay", "1h", "--id", Self.id)
            #expect(waited.code == 0)
            let waiter = try cluster.start("enqueue", "held", "4", "--delay", "1h", "--id", Self.id, "--wait")
            try await waiter.errorLine("word that it exists") { $0.contains("existed already") }
            #expect(try await cluster.stint("cancel", Self.id).code == 0)
            #expect(try await waiter.end() == .exited(9))
            #expect(events.all == ["1"])
            withExtendedLifetime(go) {}
            try await worker.terminate()
            try await broker.terminate()
        }

        private static let id = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0001"

        @Test("a type that no pool serves is accepted, waits, and status says that nobody takes it")
        func unservedType() async throws {
            let (cluster, _, _) = try cluster()
            let up = try await cluster.up()
            let id = try await cluster.enqueue("unheard_of")
            #expect(try await cluster.job(id)["state"] == "ready")
            let status = try await cluster.status()
            #expect(status["types"]["unheard_of"]["workers"] == 0)
            #expect(status["types"]["unheard_of"]["counts"]["ready"] == 1)
            let page = try await cluster.stint("status")
            #expect(page.text.contains("! 1 job of type unheard_of waits for a worker"), "\(page.text)")
            try await up.terminate()
        }
    }
}
