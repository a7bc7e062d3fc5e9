import Foundation
import Testing

extension EndToEnd {
    /// A job's whole way through a cluster that was started with one command.
    @Suite("A cluster from one command") struct SliceTests {
        private static let settings = """
            "jobs": { "fails": { "attempts": 1 } },
            "pools": { "tools": { "slots": 2, "handlers": {
                "greet": { "exec": ["./greet"] }, "fails": { "exec": ["./fails"] },
                "checksum": { "exec": ["sha256sum", "{{payload.path}}"], "output": "raw" } } } }
            """

        private func cluster() throws -> Cluster {
            let cluster = try Cluster(Self.settings)
            try cluster.script("greet", #"echo '{"stint":"result","value":{"hello":"world"}}'"#)
            try cluster.script("fails", "echo nothing works today >&2; exit 3")
            return cluster
        }

        @Test("a job that is waited for prints its result and exits 0; one that dies exits 9")
        func enqueueAndWait() async throws {
            let cluster = try cluster()
            let up = try await cluster.up()
            #expect(up.outputLines == ["ready clients ipc://\(cluster.folder)/c workers ipc://\(cluster.folder)/w"])

            let good = try await cluster.stint("enqueue", "greet", "--wait")
            #expect(good.code == 0)
            #expect(good.lines == [#"{"hello":"world"}"#])

            let bad = try await cluster.stint("enqueue", "fails", "--wait")
            #expect(bad.code == 9)
            #expect(bad.lines.isEmpty)
            #expect(bad.errorText.contains("exited with code 3: nothing works today"))

            try cluster.write("file.txt", "abc")
            let raw = try await cluster.stint("enqueue", "checksum", #"{"path":"file.txt"}"#, "--wait")
            #expect(raw.text.contains("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  file.txt"))
            try await up.terminate()
        }

        @Test("status --json shows counts, types and workers")
        func statusShape() async throws {
            let cluster = try cluster()
            let up = try await cluster.up()
            #expect(try await cluster.stint("enqueue", "greet", "--wait").code == 0)
            let status = try await cluster.status()
            let counts: Set = ["waiting", "scheduled", "ready", "leased", "completed", "dead", "cancelled"]
            #expect(status["counts"].names == counts)
            #expect(status["counts"]["completed"] == 1)
            #expect(status["types"]["greet"]["counts"].names == counts)
            #expect(status["types"]["greet"]["counts"]["completed"] == 1)
            #expect(status["types"]["greet"]["workers"] == 1)
            let worker = status["workers"][0]
            #expect(worker["name"].string?.hasPrefix("tools.1") == true)
            #expect(worker["pool"] == "tools")
            #expect(worker["slots"] == 2)
            #expect(worker["busy"] == 0)
            let since = try #require(worker["since"].time)
            #expect(abs(since.timeIntervalSinceNow) < 60)
            try await up.terminate()
        }

        @Test("job --json has every field of the contract")
        func jobShape() async throws {
            let cluster = try cluster()
            let up = try await cluster.up()
            let begin = Date.now.addingTimeInterval(-1)
            let id = try await cluster.enqueue("greet", #"{"name":"Ada"}"#, "--priority", "7", "--attempts", "3")
            let job = try await cluster.job(id, when: "completed")
            let contract: Set = [
                "id", "type", "state", "priority", "attempt", "attempts_max", "payload", "progress", "result", "error",
                "created", "run_at", "started", "finished", "attempts",
            ]
            #expect(contract.subtracting(job.names).isEmpty)
            #expect(job["id"].string == id)
            #expect(job["type"] == "greet")
            #expect(job["priority"] == 7)
            #expect(job["attempt"] == 1)
            #expect(job["attempts_max"] == 3)
            #expect(job["payload"] == .object(["name": "Ada"]))
            #expect(job["result"] == .object(["hello": "world"]))
            #expect(job["error"] == .null)
            let times = ["created", "run_at", "started", "finished"].map { job[$0].time }
            #expect(times.allSatisfy { $0.map { $0 > begin && $0 < .now.addingTimeInterval(1) } == true }, "\(times)")
            #expect(job["attempts"].elements.count == 1)
            #expect(job["attempts"][0]["number"] == 1)
            #expect(job["attempts"][0]["outcome"] == "completed")
            #expect(job["attempts"][0]["fence"].string?.isEmpty == false)
            try await up.terminate()
        }
    }
}
