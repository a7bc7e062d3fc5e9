import Foundation
import Glibc
import Testing

extension EndToEnd {
    // Goal: a key that was taken away counts no more, whatever its holder is doing and whatever is in the way. Method: real
    // processes; `stint keys revoke` in the middle of what they do.
    @Suite("Taking a key away") struct RevocationTests {
        private static let pool = #""pools": { "p": { "slots": 2, "handlers": { "a": { "exec": ["true"] } } } }"#

        // Goal: who is revoked is out within a second, live sessions too. Method: a worker in the middle of a job and a
        // client that waits for it; the time from the end of `stint keys revoke` to their last words is measured.
        @Test("revocation reaches live sessions within a second, and the job goes to another worker")
        func revocation() async throws {
            let locked = try LockedCluster(
                #""pools": { "p": { "handlers": { "a": { "exec": ["./slow"] } } } }"#, broker: #""lease": "60s""#)
            let cluster = locked.cluster
            let gate = try cluster.gate("gate")
            try cluster.script("slow", "echo started >> ran; read _ < gate")
            let boss = try await locked.key("operator", "--role operator")
            let web = try await locked.key("web", "--role producer")
            let first = try await locked.key("first", "--role worker")
            let second = try await locked.key("second", "--role worker")
            try await locked.start()
            let worker = try cluster.start("worker", environment: locked.environment(first))
            try await worker.errorLine("joining") { $0.contains("joined the broker") }
            let waiting = try cluster.start("enqueue", "a", "--wait", environment: locked.environment(web))
            try await eventually("the handler", within: .seconds(15)) { cluster.contents("ran").isEmpty ? nil : true }

            #expect(try await cluster.stint("keys", "revoke", "first").code == 0)
            #expect(try await cluster.stint("keys", "revoke", "web").code == 0)
            let start = ContinuousClock.now
            let ended = try await waiting.result()
            #expect(ended.code == 4 && ended.errorText.contains("was revoked"), "\(ended.code) \(ended.errorText)")
            let end = try await worker.result()
            #expect(end.code == 4 && end.errorText.contains("was revoked"), "\(end.code) \(end.errorText)")
            // A loaded machine may be slow to end processes; the broker itself looks four times a second.
            #expect(ContinuousClock.now - start < .seconds(5))

            gate.open(for: 2)
            let next = try cluster.start("worker", environment: locked.environment(second))
            try await next.errorLine("joining") { $0.contains("joined the broker") }
            try await eventually("the job", within: .seconds(15)) {
                let output = try await cluster.stint("jobs", "--json", environment: locked.environment(boss))
                return try output.lines.contains { try JSON($0)["state"].string == "completed" } ? true : nil
            }
            let audit = try await cluster.stint("audit", environment: locked.environment(boss))
            #expect(audit.text.contains("key_revoked") && audit.text.contains("key first"), "\(audit.text)")
            try await next.terminate()
            try await locked.broker?.terminate()
        }

        // Goal: strangers cannot keep a revoked key alive by taking every file that the broker may open. Method: a broker
        // that may open few, more half handshakes than that, and a client in the middle of a question whose key is revoked.
        @Test("a revocation counts also while strangers hold every file that the broker may open")
        func withoutFiles() async throws {
            let locked = try LockedCluster(Self.pool)
            let cluster = locked.cluster
            let boss = try await locked.key("operator", "--role operator")
            let web = try await locked.key("web", "--role producer")
            let broker = try RunningProcess(
                "/bin/sh", ["-c", #"ulimit -n 160 && exec "$0" broker"#, StintProgram.path],
                environment: cluster.environment, folder: cluster.folder)
            let clients = try await broker.line("ready") { $0.hasPrefix("ready") }.split(separator: " ")[2]
            let environment = ["STINT_CLIENTS": String(clients), "STINT_KEY_FILE": web]
            let waiting = try cluster.start("enqueue", "a", "--wait", environment: environment)
            try await eventually("the job") {
                let jobs = try await cluster.stint(
                    "jobs", environment: environment.merging(["STINT_KEY_FILE": boss]) { _, new in new })
                return jobs.text.contains("ready") ? () : nil
            }
            let torture = URL(fileURLWithPath: StintProgram.path).deletingLastPathComponent()
                .appending(path: "stint-torture").path
            let lifeline = try cluster.gate("lifeline")
            let strangers = try RunningProcess(
                "/bin/sh",
                [
                    "-c", #"exec "$0" strangers --endpoint "$1" --key-file "$2" --half 400 --wrong 0 < lifeline"#,
                    torture, String(clients), web,
                ], environment: cluster.environment, folder: cluster.folder)
            try await eventually("the last file to be taken") {
                try FileManager.default.contentsOfDirectory(atPath: "/proc/\(broker.id)/fd").count >= 150 ? () : nil
            }
            #expect(try await cluster.stint("keys", "revoke", "web").code == 0)
            let ended = try await waiting.result()
            #expect(ended.code == 4 && ended.errorText.contains("was revoked"), "\(ended.code) \(ended.errorText)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: "/proc/\(broker.id)/fd").count >= 140)
            try await strangers.kill9()
            _ = lifeline
            try await broker.terminate()
        }

        // Goal: a revocation is not missed because the list could not be read at the moment it changed. Method: a list
        // that the broker refuses (others may write it) takes the place of the old one; then it is put right, which
        // changes neither its time nor its size.
        @Test("a changed list that cannot be read is tried again until it can")
        func listTrouble() async throws {
            let locked = try LockedCluster(Self.pool)
            let cluster = locked.cluster
            try await locked.key("operator", "--role operator")
            let web = try await locked.key("web", "--role producer")
            let before = cluster.contents(".stint/keys/known.json")
            try await locked.start()
            #expect(try await cluster.stint("enqueue", "a", environment: locked.environment(web)).code == 0)
            #expect(try await cluster.stint("keys", "revoke", "web").code == 0)
            let revoked = cluster.contents(".stint/keys/known.json")
            try await eventually("the revocation") {
                try await cluster.stint("enqueue", "a", environment: locked.environment(web)).code == 4 ? () : nil
            }
            let list = cluster.path(".stint/keys/known.json")
            func replace(_ text: String, mode: mode_t) throws {
                try text.write(toFile: list + ".new", atomically: false, encoding: .utf8)
                #expect(chmod(list + ".new", mode) == 0 && rename(list + ".new", list) == 0)
            }
            try replace(before, mode: 0o600)
            try await eventually("the key to count again") {
                try await cluster.stint("enqueue", "a", environment: locked.environment(web)).code == 0 ? () : nil
            }
            try replace(revoked, mode: 0o666)
            let broker = try #require(locked.broker)
            try await broker.errorLine("the refusal of the list") {
                $0.contains("stays as it was") && $0.contains("chmod 600")
            }
            #expect(try await cluster.stint("enqueue", "a", environment: locked.environment(web)).code == 0)
            #expect(chmod(list, 0o600) == 0)
            try await eventually("the revocation that was behind it") {
                try await cluster.stint("enqueue", "a", environment: locked.environment(web)).code == 4 ? () : nil
            }
            #expect(broker.errorLines.count { $0.contains("stays as it was") } == 1)
            try await broker.terminate()
            // A broker that starts without the list says so instead of knowing nobody.
            #expect(unlink(list) == 0)
            let without = try await cluster.stint("broker")
            #expect(without.code == 2 && without.errorText.contains("known.json\" is gone"), "\(without.errorText)")
        }
    }
}
