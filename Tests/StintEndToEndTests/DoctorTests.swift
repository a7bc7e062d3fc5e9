import Foundation
import Testing

extension EndToEnd {
    /// `stint doctor` on real clusters: with a broker and without, with nothing wrong and with much.
    @Suite("stint doctor") struct DoctorTests {
        private static let settings = #""pools": { "tools": { "handlers": { "quick": { "exec": ["true"] } } } }"#

        private func findings(_ cluster: Cluster, expecting code: Int32) async throws -> [JSON] {
            let output = try await cluster.stint("doctor", "--json")
            #expect(output.code == code, "\(output.text) \(output.errorText)")
            return try output.lines.map { try JSON($0) }
        }

        private func codes(_ findings: [JSON]) -> Set<String> {
            // What this machine is like is its own business: an old SQLite, a slow disk under load, little room.
            let machine = [
                "versions.", "store.sync", "store.room", "broker.commits-slow", "broker.no-reserve", "limits.",
            ]
            return Set(
                findings.compactMap(\.["code"].string).filter { code in !machine.contains { code.hasPrefix($0) } })
        }

        @Test("with a cluster that works there is nothing to say, and the exit code is 0")
        func healthy() async throws {
            let cluster = try Cluster(Self.settings)
            let up = try await cluster.up()
            #expect(try await cluster.stint("enqueue", "quick", "--wait").code == 0)
            let findings = try await findings(cluster, expecting: 0)
            #expect(codes(findings) == [])
            for finding in findings { #expect(finding.names == ["code", "severity", "sentence", "fix"]) }
            let page = try await cluster.stint("doctor")
            #expect(page.code == 0 && page.lines.last?.contains("with the broker at ipc://") == true)
            try await up.terminate()
        }

        @Test("without a broker it says so, once, as a warning")
        func absent() async throws {
            let cluster = try Cluster(Self.settings)
            let before = try await findings(cluster, expecting: 0)
            #expect(codes(before) == ["broker.absent", "store.file"])
            try await cluster.broker().terminate()
            let after = try await findings(cluster, expecting: 0)
            #expect(codes(after) == ["broker.absent"])
        }

        @Test(
            "what is wrong is found: jobs that nobody serves, a handler that is missing, a database that others may read"
        )
        func troubles() async throws {
            let cluster = try Cluster(
                #""pools": { "tools": { "handlers": { "lost": { "exec": ["./lost"] }, "quick": { "exec": ["true"] } } } }"#
            )
            let up = try await cluster.up()
            _ = try await cluster.enqueue("lost")
            _ = try await cluster.enqueue("nobody")
            try await eventually("the withdrawal") {
                try await cluster.status()["workers"][0]["withdrawn"][0] == "lost" ? () : nil
            }
            #expect(chmod(cluster.path("store/stint.db"), 0o644) == 0)
            let warned = try await findings(cluster, expecting: 0)
            #expect(codes(warned) == ["types.no-worker", "types.withdrawn", "files.readable"])
            #expect(chmod(cluster.path("store/stint.db"), 0o666) == 0)
            let broken = try await findings(cluster, expecting: 1)
            #expect(codes(broken) == ["types.no-worker", "types.withdrawn", "files.writable"])
            #expect(broken.first?["severity"] == "problem")
            try await up.terminate()
        }

        @Test("a broker that is stopped is silent, and a problem")
        func silent() async throws {
            let cluster = try Cluster(Self.settings)
            let broker = try await cluster.broker()
            broker.signal(SIGSTOP)
            let findings = try await findings(cluster, expecting: 1)
            #expect(codes(findings) == ["broker.silent"])
            #expect(findings.contains { $0["sentence"].string?.contains("process \(broker.id)") == true })
            broker.signal(SIGCONT)
            try await broker.terminate()
        }

        @Test("workers that join, end and join again for ever are found")
        func restarting() async throws {
            let cluster = try Cluster(Self.settings, broker: #""lease": "1s", "heartbeat": "100ms""#)
            let broker = try await cluster.broker()
            for _ in 0..<6 {
                let worker = try await cluster.worker()
                try await worker.kill9()
            }
            // One that is killed counts as there until its lease is over.
            try await eventually("the end of all leases") {
                try await cluster.status()["workers"].elements.isEmpty ? () : nil
            }
            let findings = try await findings(cluster, expecting: 1)
            #expect(codes(findings).contains("pools.restarting"), "\(findings)")
            try await broker.terminate()
        }

        @Test("a database with a page that somebody changed is a problem, without a broker and read whole")
        func damaged() async throws {
            let cluster = try Cluster(Self.settings)
            let broker = try await cluster.broker()
            _ = try await cluster.enqueue("quick")
            try await broker.terminate()
            let handle = try FileHandle(forUpdating: URL(filePath: cluster.path("store/stint.db")))
            let size = try handle.seekToEnd()
            #expect(size > 8_192)
            try handle.seek(toOffset: 4_096 + 200)
            let byte = try #require(try handle.read(upToCount: 1)?.first)
            try handle.seek(toOffset: 4_096 + 200)
            try handle.write(contentsOf: [byte ^ 0xFF])
            try handle.close()
            let output = try await cluster.stint("doctor", "--whole", "--json")
            let found = try output.lines.map { try JSON($0) }
            #expect(output.code == 1, "\(output.text)")
            #expect(found.first?["code"].string?.hasPrefix("store.") == true && found.first?["severity"] == "problem")
        }

        // Goal: on a cluster with keys the doctor asks with a key, as every command, and looks at the keys themselves.
        // Method: one broker, one list, and what an operator may do wrong with them, one after the other.
        @Test("with keys it asks the broker with the operator's, and tells of those that end, are open or unreadable")
        func keys() async throws {
            let cluster = try Cluster(Self.settings + #", "security": {}"#)
            for words in ["operator --role operator", "web --role producer", "eyes --role auditor --expires 15d"] {
                let made = try await cluster.shell("$stint keys new \(words)")
                #expect(made.code == 0, "\(made.errorText)")
            }
            let broker = try await cluster.broker()
            let healthy = try await findings(cluster, expecting: 0)
            #expect(codes(healthy) == [], "\(healthy)")
            let page = try await cluster.stint("doctor")
            #expect(page.lines.last?.contains("with the broker at ipc://") == true, "\(page.text)")

            // One ends within 14 days; one is over, and is told until it is revoked.
            for words in ["soon --role producer --expires 13d", "brief --role producer --expires 1s"] {
                #expect(try await cluster.shell("$stint keys new \(words)").code == 0)
            }
            try await eventually("the end of a key") {
                try await cluster.stint("keys", "list").text.contains("expired") ? () : nil
            }
            let ending = try await findings(cluster, expecting: 1)
            #expect(codes(ending) == ["keys.expiring", "keys.expired"])
            #expect(ending.contains { $0["sentence"].string?.contains("soon expires in 12 days") == true }, "\(ending)")
            for name in ["soon", "brief"] { #expect(try await cluster.stint("keys", "revoke", name).code == 0) }

            // What others may read, and the folder itself.
            #expect(chmod(cluster.path(".stint/keys/web.key"), 0o644) == 0)
            #expect(try await codes(findings(cluster, expecting: 1)) == ["keys.readable"])
            #expect(chmod(cluster.path(".stint/keys/web.key"), 0o600) == 0)
            #expect(chmod(cluster.path(".stint/keys"), 0o755) == 0)
            #expect(try await codes(findings(cluster, expecting: 1)) == ["keys.folder"])
            #expect(chmod(cluster.path(".stint/keys"), 0o700) == 0)

            // A key that may not ask, one that is no key any more, and none at all.
            for key in ["web", "soon"] {
                let file = cluster.path(".stint/keys/\(key).key")
                let output = try await cluster.stint("doctor", "--json", environment: ["STINT_KEY_FILE": file])
                #expect(output.code == 0, "\(output.errorText)")
                #expect(try codes(output.lines.map { try JSON($0) }) == ["broker.not-asked"], "\(output.text)")
            }
            let boss = cluster.path(".stint/keys/operator.key")
            #expect(rename(boss, boss + ".away") == 0)
            let unable = try await findings(cluster, expecting: 0)
            #expect(codes(unable) == ["broker.not-asked"])
            #expect(unable.contains { $0["sentence"].string?.contains("stint keys new operator") == true }, "\(unable)")
            #expect(rename(boss + ".away", boss) == 0)

            // A list that cannot be read, and an exchange that is under way.
            let list = cluster.contents(".stint/keys/known.json")
            try cluster.write(".stint/keys/known.json", "{")
            #expect(try await codes(findings(cluster, expecting: 1)) == ["keys.list"])
            try cluster.write(".stint/keys/known.json", list)
            #expect(chmod(cluster.path(".stint/keys/known.json"), 0o600) == 0)
            #expect(try await cluster.stint("keys", "rotate-server").code == 0)
            #expect(try await codes(findings(cluster, expecting: 0)) == ["keys.exchange"])
            try await broker.terminate()
        }

        @Test("a mistake in the file is told as every command tells it")
        func mistake() async throws {
            let cluster = try Cluster(#""pols": {}"#)
            let output = try await cluster.stint("doctor")
            #expect(output.code == 2 && output.errorText.contains("pols"))
        }
    }
}
