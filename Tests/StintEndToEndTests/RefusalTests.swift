import Foundation
import StintTestKit
import Testing

extension EndToEnd {
    /// What is wrong is said in a sentence and an exit code.
    @Suite("Refusals") struct RefusalTests {
        @Test("a second broker on the same store is refused, and the first one is not disturbed")
        func secondBroker() async throws {
            let cluster = try Cluster()
            let broker = try await cluster.broker()
            let other = ["STINT_CLIENTS": "ipc://c2", "STINT_WORKERS": "ipc://w2"]
            let second = try await cluster.stint("broker", environment: other, within: .seconds(10))
            #expect(second.code == 1)
            #expect(second.lines.isEmpty)
            #expect(second.errorText.contains("stint.db"), "\(second.errorText)")
            #expect(second.errorText.contains("in use by process \(broker.id)"), "\(second.errorText)")
            _ = try await cluster.enqueue("a")
            try await broker.terminate()
        }

        @Test("an address that is taken is named", arguments: ["tcp", "ipc"])
        func addressInUse(_ transport: String) async throws {
            let cluster = try Cluster()
            try cluster.write(
                "cluster.json",
                """
                { "broker": { "bind": { "clients": "tcp://127.0.0.1:0", "workers": "tcp://127.0.0.1:0" } },
                  "store": { "url": "sqlite:store/stint.db" } }
                """)
            let ipc = ["STINT_BIND_CLIENTS": "ipc://c", "STINT_BIND_WORKERS": "ipc://w"]
            let broker = try await cluster.broker(environment: transport == "ipc" ? ipc : [:])
            let words = broker.outputLines[0].split(separator: " ").map(String.init)
            let (clients, workers) = (words[2], words[4])
            let second = try await cluster.stint(
                "broker", "--data", cluster.path("other"),
                environment: ["STINT_BIND_CLIENTS": clients, "STINT_BIND_WORKERS": workers], within: .seconds(10))
            #expect(second.code == 1)
            #expect(second.errorText.contains(workers) || second.errorText.contains(clients), "\(second.errorText)")
            #expect(second.errorText.contains("another socket listens there"), "\(second.errorText)")
            // The first one still answers there.
            #expect(try await cluster.stint("status", "--connect", clients).code == 0)
            try await broker.terminate()
        }

        @Test("a store that cannot be had ends the broker with a sentence")
        func storeNotWritable() async throws {
            let cluster = try Cluster()
            try cluster.write("store", "a file where the folder should be")
            let output = try await cluster.stint("broker", within: .seconds(10))
            #expect(output.code == 1)
            #expect(output.errorText.contains("\(cluster.folder)/store"), "\(output.errorText)")
            #expect(cluster.contents("store") == "a file where the folder should be")
        }

        @Test("a broken cluster.json is refused with all of its mistakes, and nothing is started")
        func brokenConfiguration() async throws {
            let cluster = try Cluster()
            try cluster.write(
                "cluster.json",
                """
                { "broker": { "heartbaet": "5s", "lease": "5" },
                  "jobs": { "a": { "attempts": 0 } },
                  "pools": { "p": { "slots": 1 } } }
                """)
            for command in ["up", "broker", "worker", "jobs"] {
                let output = try await cluster.stint(command)
                #expect(output.code == 2, "\(command)")
                #expect(output.lines.isEmpty)
                for mistake in ["heartbaet", "broker.lease", "jobs.a.attempts", "pools.p"] {
                    #expect(output.errorText.contains(mistake), "\(command): \(output.errorText)")
                }
                #expect(output.errorText.contains("did you mean \"heartbeat\""))
            }
            try cluster.write("cluster.json", "{ \"broker\": ")
            #expect(try await cluster.stint("up").code == 2)
            #expect(try await cluster.stint("up", "--config", "absent.json").code == 2)
            #expect(!FileManager.default.fileExists(atPath: cluster.path("store")))
        }

        @Test(
            "unknown commands, flags and values end with exit code 2",
            arguments: [
                ["frobnicate"], ["help", "enqeue"], ["enqeue", "--help"], ["jobs", "--colour"],
                ["jobs", "--state", "lost"], ["jobs", "--limit", "0"],
                ["job", "not-an-id"], ["enqueue"], ["enqueue", "a type"], ["enqueue", "a", "1", "--priority", "101"],
                ["enqueue", "a", "1", "--delay", "5"], ["enqueue", "a", "1", "--at", "tomorrow"],
                ["enqueue", "a", "1", "--delay", "5s", "--at", "2026-01-01T00:00:00Z"],
                ["enqueue", "a", "{'a':1}"], ["enqueue", "a", "@absent.json"],
                ["dead", "replay", "--all", "--type", "a"],
                ["bench", "--jobs", "0"],
            ])
        func usage(_ words: [String]) async throws {
            let cluster = try Cluster()
            let process = try RunningProcess(
                StintProgram.path, words, environment: cluster.environment, folder: cluster.folder)
            let output = try await process.result()
            #expect(output.code == 2, "\(output.errorText)")
            #expect(output.lines.isEmpty)
            #expect(output.errorText.hasPrefix("stint: "), "\(output.errorText)")
        }

        @Test(
            "what was expected is said, in words of the command line",
            arguments: [
                ("enqueue a 1 --delay -5s", "--delay: expected a duration"),
                ("enqueue a 1 --delay 3661d", "--delay is 3661d; expected at most 3660d"),
                ("enqueue a 1 --at +12000-01-01T00:00:00Z", "--at is"), ("enqueue a - --run ''", "--run is empty"),
                ("enqueue a 1 --attempts -1", "--attempts is -1; expected 1 to 1000"),
                ("enqueue a 1 --priority -101", "--priority is -101; expected -100 to 100"),
                ("enqueue a 1 --id 5", "expected a UUID, 36 characters, as printed by enqueue"),
                ("job 5", "expected a UUID, 36 characters"), ("cancel 5", "expected a UUID, 36 characters"),
                ("dead show 5", "expected a UUID, 36 characters"), ("dead replay 5", "expected a UUID, 36 characters"),
                ("jobs --limit -1", "--limit is -1; expected 1 to 1000"),
                ("dead list --limit -1", "--limit is -1; expected 1 to 1000"),
                ("worker --slots -1", "--slots is -1; expected 1 to 4096"),
                ("bench --jobs -1", "--jobs is -1; expected 1 to"), ("jobs --type ''", "--type is \"\""),
                ("dead list --type 'a b'", "--type is \"a b\""), ("dead replay --type ''", "--type is \"\""),
                ("jobs --cursor ''", "--cursor is not one"), ("jobs --cursor AAAA", "--cursor is not one"),
                ("broker --data ''", "--data is empty"),
            ])
        func expectations(line: String, sentence: String) async throws {
            let output = try await Cluster().shell("$stint \(line)")
            #expect(output.code == 2)
            #expect(output.errorText.contains(sentence), "\(output.errorText)")
            #expect(!output.errorText.contains("Missing value"))
        }

        @Test(
            "a file that does not exist is answered with what the command has",
            arguments: ["up", "broker", "worker", "jobs"])
        func absentFile(_ command: String) async throws {
            let output = try await Cluster().shell("$stint \(command) --config absent.json")
            #expect(output.code == 2)
            #expect(output.errorText.contains("absent.json") && output.errorText.contains("--config"))
            #expect(output.errorText.contains("--connect") == (command == "jobs"), "\(output.errorText)")
        }

        @Test("without a broker commands exit 6 within three seconds and name the address")
        func unreachable() async throws {
            let cluster = try Cluster()
            let start = ContinuousClock.now
            let commands = try [
                cluster.start("jobs"), cluster.start("status"), cluster.start("enqueue", "a"),
                cluster.start("jobs", "--connect", "tcp://127.0.0.1:1"),
            ]
            for command in commands {
                let output = try await command.result()
                #expect(output.code == 6, "\(output.errorText)")
                let names = ["ipc://\(cluster.folder)/c", "tcp://127.0.0.1:1"]
                #expect(names.contains(where: output.errorText.contains), "\(output.errorText)")
            }
            #expect(ContinuousClock.now - start < .seconds(3 * Patience.factor))
        }

        @Test("payloads are measured on both sides of the limit")
        func payloadSize() async throws {
            let cluster = try Cluster()
            let broker = try await cluster.broker()
            let limit = 1_048_576
            for (bytes, code) in [(limit, Int32(0)), (limit + 1, 2)] {
                try cluster.write("payload.json", "\"" + String(repeating: "x", count: bytes - 2) + "\"")
                let output = try await cluster.stint("enqueue", "a", "@payload.json")
                #expect(output.code == code, "\(output.errorText)")
                if code != 0 { #expect(output.errorText.contains("1048577 bytes, over the limit of 1048576")) }
            }
            #expect(try await cluster.status()["counts"]["ready"] == 1)
            try await broker.terminate()

            // The broker's own limit holds for clients that do not know it.
            try cluster.write(#""limits": { "payload": "1KiB" }"#)
            let strict = try await cluster.broker()
            for (bytes, code) in [(1_024, Int32(0)), (1_025, 2)] {
                try cluster.write("payload.json", "\"" + String(repeating: "x", count: bytes - 2) + "\"")
                let output = try await cluster.stint("enqueue", "a", "@payload.json")
                #expect(output.code == code, "\(output.errorText)")
                if code != 0 { #expect(output.errorText.contains("1025") && output.errorText.contains("1024")) }
            }
            try await strict.terminate()
        }

        @Test("an unknown id exits 3; cancelling what is over exits 5")
        func unknownAndOver() async throws {
            let cluster = try Cluster(#""pools": { "tools": { "handlers": { "quick": { "exec": ["true"] } } } }"#)
            let up = try await cluster.up()
            let unknown = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff9999"
            for words in [["job", unknown], ["cancel", unknown], ["dead", "show", unknown]] {
                let output = try await RunningProcess(
                    StintProgram.path, words, environment: cluster.environment, folder: cluster.folder
                ).result()
                #expect(output.code == 3, "\(words)")
                #expect(output.errorText.contains(unknown), "\(words): \(output.errorText)")
            }
            let over = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0001"
            #expect(try await cluster.stint("enqueue", "quick", "--id", over, "--wait").code == 0)
            let cancel = try await cluster.stint("cancel", over)
            #expect(cancel.code == 5)
            #expect(cancel.errorText.contains("completed"), "\(cancel.errorText)")
            try await up.terminate()
        }

        @Test("the environment stands above the file: STINT_CLIENTS, STINT_WORKERS and STINT_STORE")
        func environment() async throws {
            let cluster = try Cluster()
            let moved = [
                "STINT_CLIENTS": "ipc://c2", "STINT_WORKERS": "ipc://w2", "STINT_STORE": "sqlite:elsewhere/jobs.db",
            ]
            let broker = try await cluster.broker(environment: moved)
            let (clients, workers) = ("ipc://\(cluster.folder)/c2", "ipc://\(cluster.folder)/w2")
            #expect(broker.outputLines == ["ready clients \(clients) workers \(workers)"])
            #expect(FileManager.default.fileExists(atPath: cluster.path("elsewhere/jobs.db")))
            #expect(!FileManager.default.fileExists(atPath: cluster.path("store")))
            #expect(try await cluster.stint("status", environment: moved).code == 0)
            #expect(try await cluster.stint("status", "--connect", clients).code == 0)
            #expect(try await cluster.stint("status", environment: ["STINT_CLIENTS": "nonsense"]).code == 2)
            try await broker.terminate()
        }

        @Test("a LOG_LEVEL that is no level is told once, with those that are")
        func logLevel() async throws {
            let cluster = try Cluster()
            for (level, count) in [("nonsense", 1), ("", 0), ("NOTICE", 0)] {
                let broker = try await cluster.broker(environment: ["LOG_LEVEL": level])
                try await broker.terminate()
                let lines = try await broker.result().errorLines.filter { $0.contains("LOG_LEVEL") }
                #expect(lines.count == count)
                #expect(lines.allSatisfy { $0.contains("\"nonsense\"") && $0.contains("critical") })
            }
        }

        // Method: three drains, each while a bulk load comes in and workers work, and one handler that runs through them
        // all. A load that is refused meanwhile, and told to come again, comes again. What was acknowledged, to the
        // refused ones too, is held against the whole store at the end.
        @Test("a broker that is told to end under load keeps what it acknowledged and stops no handler")
        func draining() async throws {
            let cluster = try Cluster(
                #""pools": { "tools": { "handlers": { "slow": { "exec": ["./slow"] } } } }"#)
            try cluster.script("slow", "echo ran >> runs; echo started > events; read _ < go")
            let (events, go) = (try cluster.mailbox("events"), try cluster.gate("go"))
            var broker = try await cluster.broker()
            let workers = [try await cluster.worker(), try await cluster.benchWorker()]
            let slow = try await cluster.enqueue("slow")
            try await events.line(0)
            let lines = 4_000
            var ledger: Set<String> = []
            for drain in 1...3 {
                func load() throws -> RunningProcess {
                    try cluster.start(
                        "enqueue", "bench", "-", "--json", "--run", "load \(drain)",
                        input: (1...lines).map(String.init).joined(separator: "\n"))
                }
                let first = try load()
                try await first.outputCount(atLeast: 1)
                try await broker.terminate()
                broker = try await cluster.broker()
                var loaded = try await first.result()
                ledger.formUnion(try loaded.lines.compactMap { try JSON($0)["id"].string })
                if loaded.code != 0 {
                    #expect(loaded.errorText.contains("is shutting down; send the same request again"))
                    loaded = try await load().result()
                    ledger.formUnion(try loaded.lines.compactMap { try JSON($0)["id"].string })
                }
                #expect(loaded.code == 0, "\(loaded.errorText)")
                #expect(ledger.count == drain * lines)
            }
            #expect(try await cluster.job(slow)["state"] == "leased")
            go.open()
            try await eventually("completion of all jobs", within: .seconds(40)) {
                try await cluster.status()["counts"]["completed"] == .number(Double(ledger.count + 1)) ? () : nil
            }
            let jobs = try await cluster.jobs()
            #expect(Set(jobs.compactMap { $0["id"].string }) == ledger.union([slow]))
            #expect(jobs.allSatisfy { $0["state"] == "completed" && $0["attempt"] == 1 })
            #expect(cluster.contents("runs") == "ran\n")
            for worker in workers { try await worker.terminate() }
            try await broker.terminate()
        }
    }
}
