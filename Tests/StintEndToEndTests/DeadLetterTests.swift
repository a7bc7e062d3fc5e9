import Foundation
import Testing

extension EndToEnd {
    /// Jobs that used their attempts, and what can be done about them.
    @Suite("Dead letters") struct DeadLetterTests {
        /// A handler that works once a file called `mended` is there.
        private func cluster() async throws -> (Cluster, up: RunningProcess) {
            let cluster = try Cluster(
                """
                "jobs": { "*": { "attempts": 3, "backoff": { "first": "200ms", "factor": 1, "most": "200ms" } } },
                "pools": { "tools": { "slots": 4, "handlers": {
                    "broken": { "exec": ["./broken"] }, "sick": { "exec": ["./broken"] } } } }
                """)
            try cluster.script("broken", "[ -e mended ] || { echo out of order >&2; exit 1; }")
            return (cluster, try await cluster.up())
        }

        @Test("a job that fails is tried again after a backoff, and is dead after its last attempt")
        func retriesToDeath() async throws {
            let (cluster, up) = try await cluster()
            let waiting = try cluster.start("enqueue", "broken", #"{"a":1}"#, "--wait")
            let told = try await waiting.result()
            #expect(told.code == 9)
            #expect(told.errorText.contains("exited with code 1: out of order"))
            let id = try #require(try await cluster.jobs("--state", "dead")[0]["id"].string)
            let job = try await cluster.job(id)
            #expect(job["attempt"] == 3)
            let attempts = job["attempts"].elements
            #expect(attempts.map { $0["number"] } == [1, 2, 3])
            #expect(attempts.allSatisfy { $0["outcome"] == "failed" })
            #expect(attempts.allSatisfy { $0["error"].string?.contains("out of order") == true })
            let fences = attempts.compactMap { $0["fence"].string }
            #expect(fences == fences.sorted() && Set(fences).count == 3)
            for (before, after) in zip(attempts, attempts.dropFirst()) {
                let pause = try #require(after["started"].time).timeIntervalSince(try #require(before["started"].time))
                #expect((0..<1).contains(pause), "a backoff is a random time of at most 200 ms")
            }
            try await up.terminate()
        }

        @Test("list, show, replay and discard do what they say, and --dry-run does nothing")
        func looksAfter() async throws {
            let (cluster, up) = try await cluster()
            for type in ["broken", "broken", "sick", "sick"] {
                #expect(try await cluster.stint("enqueue", type, "--attempts", "1", "--wait").code == 9)
            }
            #expect(try await cluster.stint("dead", "list", "--json").lines.count == 4)
            let sick = try await cluster.stint("dead", "list", "--type", "sick", "--json").lines.map { try JSON($0) }
            #expect(sick.count == 2 && sick.allSatisfy { $0["type"] == "sick" && $0["state"] == "dead" })
            let id = try #require(sick[0]["id"].string)
            #expect(try await cluster.stint("dead", "show", id, "--json").json["attempts"][0]["outcome"] == "failed")

            for verb in ["replay", "discard"] {
                let look = try await cluster.stint("dead", verb, "--all", "--dry-run", "--json")
                #expect(try look.json["jobs"] == 4 && look.json["dry_run"] == true)
                let refused = try await cluster.stint("dead", verb, "--all")
                #expect(refused.code == 2)
                #expect(refused.errorText.contains("4 dead jobs") && refused.errorText.contains("--yes"))
            }
            #expect(try await cluster.stint("dead", "discard", id).code == 2)
            #expect(try await cluster.stint("dead", "replay").code == 2)
            #expect(try await cluster.status()["counts"]["dead"] == 4)

            try cluster.write("mended", "")
            #expect(try await cluster.stint("dead", "replay", id).code == 0)
            let replayed = try await cluster.job(id, when: "completed")
            #expect(replayed["attempts"].elements.map { $0["outcome"] } == ["failed", "completed"], "\(replayed)")
            #expect(try await cluster.stint("dead", "show", id).code == 5)
            #expect(try await cluster.stint("dead", "replay", id).code == 5)

            #expect(try await cluster.stint("dead", "discard", "--type", "sick", "--yes", "--json").json["jobs"] == 1)
            #expect(try await cluster.stint("dead", "replay", "--all", "--yes", "--json").json["jobs"] == 2)
            try await eventually("three completed jobs") {
                let counts = try await cluster.status()["counts"]
                return counts["completed"] == 3 && counts["dead"] == 0 ? () : nil
            }
            let other = sick.compactMap { $0["id"].string }.first { $0 != id }
            #expect(try await cluster.stint("job", try #require(other)).code == 3)
            try await up.terminate()
        }
    }
}
