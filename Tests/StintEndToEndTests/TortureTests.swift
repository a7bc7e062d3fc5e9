import Foundation
import Testing

extension EndToEnd {
    /// A small torture, and whether its judge sees what it is there for. `make torture` is the large one.
    @Suite("Torture of real processes") struct TortureTests {
        // Goal: a broker that is stopped costs no worker its lease; workers that are stopped for longer lose theirs, and
        // nothing is lost or counted twice. Then the judge itself: what was a success is tampered with, and it has to say
        // what is wrong. Method: the real `stint-torture`, four stops, its folder kept.
        @Test("stops of broker and workers lose nothing, and the judge finds what is tampered with")
        func stopsAndJudge() async throws {
            let cluster = try Cluster()
            let run = try await torture(
                cluster, "run", "stop", "--stops", "4", "--rate", "200", "--seed", "11", "--folder", cluster.path("t"),
                "--keep", "--json")
            #expect(run.code == 0, "\(run.text)\n\(run.errorText)")
            let figures = try run.json
            #expect(figures["verdict"] == "passed" && figures["broker_stops"] == 2)
            #expect(figures["runs_in_vain"] == 0)

            let rig = cluster.path("t/stop/harmless")
            let untouched = try await torture(cluster, "judge", rig)
            #expect(untouched.code == 0, "\(untouched.text)")
            try await expectFinding("was acknowledged and is gone", in: cluster, rig, ofTampering: "ledger/load") {
                $0 + "a 01f00000-0000-7000-8000-000000000001\n"
            }
            try await expectFinding("nobody enqueued it", in: cluster, rig, ofTampering: "ledger/load") { text in
                text.split(separator: "\n").filter { !$0.hasPrefix("i") }.joined(separator: "\n") + "\n"
            }
            let log = try #require(
                FileManager.default.contentsOfDirectory(atPath: rig + "/effects").sorted().first {
                    !cluster.contents("t/stop/harmless/effects/\($0)").isEmpty
                })
            // Only those of parents name a child.
            try await expectFinding("where no handler ever ran", in: cluster, rig, ofTampering: "effects/\(log)") {
                text in
                text.split(separator: "\n").filter { $0.split(separator: " ").count > 4 }.map { $0 + "\n" }.joined()
            }
            try await expectFinding("ran twice under one lease", in: cluster, rig, ofTampering: "effects/\(log)") {
                $0 + $0
            }
            try await expectFinding("is left over beside the store", in: cluster, rig, ofTampering: "store/new") { _ in
                "x"
            }
        }

        // Goal: peers with keys go on, and new ones come, while others that have none begin handshakes all the time; the
        // broker's files are given back, and its audit log stays short. Method: the real `stint-torture`, small.
        @Test("peers with keys go on among half handshakes and wrong keys")
        func handshakes() async throws {
            let cluster = try Cluster()
            let run = try await torture(
                cluster, "run", "handshakes", "--half-handshakes", "300", "--wrong-keys", "60", "--handshake-seconds",
                "1", "--folder", cluster.path("t"), "--json")
            #expect(run.code == 0, "\(run.text)\n\(run.errorText)")
            let figures = try run.json
            #expect(figures["verdict"] == "passed" && (figures["completed"].int ?? 0) > 0)
            #expect((figures["half_files"].int ?? 0) >= 270 && (figures["audit_records"].int ?? .max) <= 60)
        }

        // Goal: peers with keys on another host than the broker's go on after faults of the network between, and nothing is
        // lost or counted twice. Method: the real `stint-torture`, small: one silence and one reset. Where it may not make
        // network namespaces it says so, and what is missing.
        @Test("peers on another host go on after faults of the network, where namespaces are permitted")
        func network() async throws {
            let cluster = try Cluster()
            let run = try await torture(
                cluster, "run", "network", "--network-faults", "2", "--rate", "100", "--seed", "6", "--folder",
                cluster.path("t"), "--json")
            #expect(run.code == 0, "\(run.text)\n\(run.errorText)")
            let figures = try run.json
            if figures["verdict"] == "not run" {
                #expect(figures["findings"].string?.hasPrefix("it needs network namespaces") == true)
            } else {
                #expect(figures["verdict"] == "passed" && (figures["completed"].int ?? 0) > 0)
            }
        }

        /// Changes one file, judges, and puts it back.
        private func expectFinding(
            _ finding: String, in cluster: Cluster, _ rig: String, ofTampering name: String,
            _ change: (String) -> String
        ) async throws {
            let path = "\(rig)/\(name)"
            let before = try? String(contentsOfFile: path, encoding: .utf8)
            try change(before ?? "").write(toFile: path, atomically: true, encoding: .utf8)
            let judged = try await torture(cluster, "judge", rig)
            #expect(judged.code == 1)
            #expect(judged.text.contains(finding), "\(judged.text)")
            if let before {
                try before.write(toFile: path, atomically: true, encoding: .utf8)
            } else {
                try FileManager.default.removeItem(atPath: path)
            }
        }

        private func torture(_ cluster: Cluster, _ words: String...) async throws -> Output {
            let program = URL(fileURLWithPath: StintProgram.path).deletingLastPathComponent()
                .appending(path: "stint-torture").path
            return try await RunningProcess(program, words, environment: cluster.environment, folder: cluster.folder)
                .result(within: .seconds(55))
        }
    }
}
