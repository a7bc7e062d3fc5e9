import Foundation
import Glibc
import StintCore
import StintStore
import Testing

extension EndToEnd {
    // Goal: with keys, only whoever proves one gets in, may do what its role says, and hears in a sentence and an exit
    // code why when not. Method: real processes over TCP on loopback, with the files that `stint keys` makes.
    @Suite("Keys") struct KeysTests {
        private static let pool = #""pools": { "p": { "slots": 2, "handlers": { "a": { "exec": ["true"] } } } }"#

        @Test("a cluster with keys works over TCP, and each key may do what its role says")
        func works() async throws {
            let locked = try LockedCluster(Self.pool)
            let cluster = locked.cluster
            let boss = try await locked.key("operator", "--role operator")
            let web = try await locked.key("web", "--role producer")
            let eyes = try await locked.key("eyes", "--role auditor")
            let pool = try await locked.key("p", "--role worker --types a")
            for file in [boss, web, eyes, pool, cluster.path(".stint/keys/server.key")] {
                var facts = stat()
                #expect(stat(file, &facts) == 0 && facts.st_mode & 0o777 == 0o600, "\(file)")
            }
            var facts = stat()
            #expect(stat(cluster.path(".stint/keys"), &facts) == 0 && facts.st_mode & 0o777 == 0o700)
            try await locked.start()

            // Keys from the folder (the worker's, the operator's), from a file that is named, and from the environment.
            let worker = try cluster.start(
                "worker", environment: ["STINT_CLIENTS": locked.clients, "STINT_WORKERS": locked.workers])
            try await worker.errorLine("joining") { $0.contains("joined the broker") }
            let done = try await cluster.stint("enqueue", "a", "--wait", environment: locked.environment(web))
            #expect(done.code == 0, "\(done.errorText)")
            let text = try String(contentsOfFile: web, encoding: .utf8)
            var inline = locked.environment(nil)
            inline["STINT_KEY"] = text
            #expect(try await cluster.stint("enqueue", "a", "--wait", environment: inline).code == 0)
            #expect(try await cluster.stint("status", environment: ["STINT_CLIENTS": locked.clients]).code == 0)

            // Roles.
            let matrix: [(key: String, words: [String], code: Int32, says: String)] = [
                (eyes, ["status"], 0, ""), (eyes, ["jobs"], 0, ""), (eyes, ["audit"], 0, ""),
                (eyes, ["enqueue", "a"], 4, "may not enqueue jobs"),
                (eyes, ["dead", "replay", "--all", "--yes"], 4, "may not replay dead jobs"),
                (web, ["status"], 4, "may not read the status"), (web, ["jobs"], 4, "may not list jobs"),
                (web, ["audit"], 4, "may not read the audit log"),
                (web, ["dead", "discard", "--all", "--yes"], 4, "may not discard dead jobs"),
                (pool, ["status"], 4, "may not use the broker's address for clients"),
                (pool, ["enqueue", "a"], 4, "may not use the broker's address for clients"),
                (boss, ["dead", "replay", "--all", "--yes"], 0, ""),
            ]
            for (key, words, code, says) in matrix {
                let process = try RunningProcess(
                    StintProgram.path, words,
                    environment: cluster.environment.merging(locked.environment(key)) { _, new in new },
                    folder: cluster.folder)
                let output = try await process.result()
                #expect(output.code == code, "\(words): \(output.errorText)")
                #expect(says.isEmpty || output.errorText.contains(says), "\(words): \(output.errorText)")
            }

            // All of that is on record, and the chain is whole.
            let audit = try await cluster.stint(
                "audit", "--json", "--limit", "100", environment: locked.environment(boss))
            let records = try audit.lines.map { try JSON($0) }
            #expect(records.contains { $0["did"].string == "denied" && $0["who"].string == "web" })
            #expect(records.contains { $0["did"].string == "replayed" && $0["who"].string == "operator" })
            let verdict = try await cluster.stint("audit", "--verify", environment: locked.environment(eyes))
            #expect(verdict.code == 0 && verdict.text.contains("whole"), "\(verdict.text) \(verdict.errorText)")
            try await worker.terminate()
            try await locked.broker?.terminate()
            let log = (worker.errorLines + (locked.broker?.errorLines ?? [])).joined()
            for file in [boss, web, eyes, pool] {
                let secret = try JSON(String(contentsOfFile: file, encoding: .utf8))["secret"].string ?? ""
                #expect(secret.utf8.count == 40 && !log.contains(secret))
            }
        }

        @Test("a wrong server key, an unknown, a revoked, an expired key, and none: each has its sentence")
        func refusals() async throws {
            let locked = try LockedCluster(Self.pool)
            let cluster = locked.cluster
            let boss = try await locked.key("operator", "--role operator")
            let gone = try await locked.key("gone", "--role operator")
            let short = try await locked.key("short", "--role operator --expires 1s")
            let other = try LockedCluster()
            let stranger = try await other.key("stranger", "--role operator")
            #expect(try await cluster.stint("keys", "revoke", "gone").code == 0)
            try await locked.start()
            let server = try JSON(String(contentsOfFile: boss, encoding: .utf8))["server"].string ?? ""

            func copy(_ file: String, server: String) throws -> String {
                let json = try JSON(String(contentsOfFile: file, encoding: .utf8))
                let name = cluster.path("copy-\(UUID()).key")
                try """
                { "name": "copy", "public": "\(json["public"].string ?? "")", "secret": "\(json["secret"].string ?? "")",
                  "server": "\(server)" }
                """.write(toFile: name, atomically: true, encoding: .utf8)
                #expect(chmod(name, 0o600) == 0)
                return name
            }
            let elsewhere = try JSON(String(contentsOfFile: stranger, encoding: .utf8))["server"].string ?? ""
            let cases: [(file: String?, says: String)] = [
                (try copy(stranger, server: server), "it does not know it"), (gone, "was revoked or has expired"),
                (try copy(boss, server: elsewhere), "it has another key"),
            ]
            for (file, says) in cases {
                let output = try await cluster.stint("status", environment: locked.environment(file))
                #expect(output.code == 4 && output.errorText.contains(says), "\(output.code) \(output.errorText)")
            }
            try await eventually("end of the short key", within: .seconds(10)) {
                let output = try await cluster.stint("status", environment: locked.environment(short))
                return output.code == 4 && output.errorText.contains("has expired") ? true : nil
            }
            // Without a key, and without a folder to find one in.
            let bare = try Cluster()
            let output = try await bare.stint("status", "--connect", locked.clients)
            #expect(
                output.code == 4 && output.errorText.contains("STINT_KEY_FILE"), "\(output.code) \(output.errorText)")
            // With a key at a broker that has none.
            let open = try await bare.broker(environment: [
                "STINT_BIND_CLIENTS": "tcp://127.0.0.1:0", "STINT_BIND_WORKERS": "tcp://127.0.0.1:0",
            ])
            let address = open.outputLines[0].split(separator: " ")[2]
            let crossed = try await cluster.stint(
                "status", "--connect", String(address), environment: ["STINT_KEY_FILE": boss])
            #expect(crossed.code == 4 && crossed.errorText.contains("without encryption"), "\(crossed.errorText)")
            try await open.terminate()
            // And the right one still gets in.
            #expect(try await cluster.stint("status", environment: locked.environment(boss)).code == 0)
            let audit = try await cluster.stint("audit", "--json", environment: locked.environment(boss))
            let records = try audit.lines.map { try JSON($0) }.filter { $0["did"].string == "authentication_failed" }
            for who in ["unknown keys", "gone", "short"] {
                #expect(records.contains { $0["who"].string == who }, "\(who): \(audit.text)")
            }
            try await locked.broker?.terminate()
        }

        @Test("a key file that others can read is refused, by every command", arguments: [0o644, 0o640])
        func looseModes(_ mode: UInt32) async throws {
            let locked = try LockedCluster(Self.pool)
            let cluster = locked.cluster
            let boss = try await locked.key("operator", "--role operator")
            let pool = try await locked.key("p", "--role worker")
            try await locked.start()
            for (file, words) in [(boss, ["status"]), (pool, ["worker"])] {
                #expect(chmod(file, mode) == 0)
                let process = try RunningProcess(
                    StintProgram.path, words,
                    environment: cluster.environment.merging(locked.environment(file)) { _, new in new },
                    folder: cluster.folder)
                let output = try await process.result()
                #expect(output.code == 2 && output.errorText.contains("chmod 600 \(file)"), "\(output.errorText)")
            }
            try await locked.broker?.terminate()
            // The server's own, and the folder.
            #expect(chmod(cluster.path(".stint/keys/server.key"), mode) == 0)
            let broker = try await cluster.stint("broker")
            #expect(broker.code == 2 && broker.errorText.contains("chmod 600"), "\(broker.errorText)")
            #expect(chmod(cluster.path(".stint/keys/server.key"), 0o600) == 0)
            #expect(chmod(cluster.path(".stint/keys"), 0o755) == 0)
            let open = try await cluster.stint("broker")
            #expect(open.code == 2 && open.errorText.contains("chmod 700"), "\(open.errorText)")
        }

        @Test("a worker outside of its types is refused by name; of some it serves those that it may")
        func types() async throws {
            let locked = try LockedCluster(
                #""pools": { "p": { "handlers": { "a": { "exec": ["true"] }, "secret": { "exec": ["true"] } } } }"#)
            let cluster = locked.cluster
            let boss = try await locked.key("operator", "--role operator")
            let none = try await locked.key("none", "--role worker --types x")
            let some = try await locked.key("some", "--role worker --types a")
            try await locked.start()
            let refused = try await cluster.stint("worker", environment: locked.environment(none))
            #expect(refused.code == 4, "\(refused.errorText)")
            for part in ["\"none\"", "\"a\"", "\"secret\"", "stint keys new"] {
                #expect(refused.errorText.contains(part), "\(refused.errorText)")
            }
            let asClient = try await cluster.stint("worker", environment: locked.environment(boss))
            #expect(asClient.code == 4 && asClient.errorText.contains("address for workers"), "\(asClient.errorText)")
            let worker = try cluster.start("worker", environment: locked.environment(some))
            try await worker.errorLine("the types it may not take") {
                $0.contains("may not take") && $0.contains("secret")
            }
            let done = try await cluster.stint("enqueue", "a", "--wait", environment: locked.environment(boss))
            #expect(done.code == 0, "\(done.errorText)")
            _ = try await cluster.stint("enqueue", "secret", environment: locked.environment(boss))
            let status = try await cluster.stint("status", "--json", environment: locked.environment(boss)).json
            #expect(status["types"]["secret"]["workers"].int == 0, "\(status)")
            try await worker.terminate()
            try await locked.broker?.terminate()
        }

        // Goal: what somebody with the store in his hands takes out of the audit log shows. Method: a broker writes some
        // records and stops; its store is opened as a broker would open it, so that every page is sealed, and the oldest
        // records are removed; the next broker serves it, and the command reads it.
        @Test("an audit log whose beginning was cut off does not pass for a whole one")
        func auditTampered() async throws {
            let locked = try LockedCluster(Self.pool)
            let cluster = locked.cluster
            let boss = try await locked.key("operator", "--role operator")
            try await locked.start()
            for _ in 0..<3 {
                let job = try await cluster.stint("enqueue", "a", environment: locked.environment(boss)).text
                let cancelled = try await cluster.stint("cancel", job, environment: locked.environment(boss))
                #expect(cancelled.code == 0, "\(cancelled.errorText)")
            }
            func verify() async throws -> Output {
                try await cluster.stint("audit", "--verify", environment: locked.environment(boss))
            }
            let whole = try await verify()
            #expect(whole.code == 0 && whole.text.hasPrefix("3 records, 1 to 3, whole"), "\(whole.text)")
            try await locked.broker?.terminate()

            let store = try SQLiteStore(path: cluster.path("store/stint.db"))
            let recovered = try store.recover(at: WallTime(milliseconds: 0))
            var batch = Batch(number: recovered.batch + 1, numbers: recovered.numbers)
            batch.rows.append(.auditForgotten(upTo: 1))
            try store.commit(batch)
            while try store.maintain(isIdle: true) {}
            store.close()

            try await locked.start()
            let cut = try await verify()
            #expect(cut.code == 1 && cut.errorText.contains("the records before 2 are missing"), "\(cut.errorText)")
            try await locked.broker?.terminate()
        }

        @Test("a worker whose key is refused tries on, and says why")
        func workerTriesOn() async throws {
            let locked = try LockedCluster(Self.pool)
            let cluster = locked.cluster
            try await locked.key("operator", "--role operator")
            let file = try await locked.key("p", "--role worker")
            // Taken off the list, so that it is unknown for now.
            let list = cluster.contents(".stint/keys/known.json")
            try cluster.write(".stint/keys/known.json", #"{ "keys": [] }"#)
            try await locked.start()
            let worker = try cluster.start("worker", environment: locked.environment(file))
            try await worker.errorLine("refusal") { $0.contains("refuses the key") && $0.contains("stint keys list") }
            #expect(worker.isRunning)
            try cluster.write(".stint/keys/known.json", list)
            try await worker.errorLine("joining", within: .seconds(40)) { $0.contains("joined the broker") }
            try await worker.terminate()
            try await locked.broker?.terminate()
        }

        @Test("without keys an address that others can reach is neither bound nor connected to")
        func offHost() async throws {
            let cluster = try Cluster()
            let bind = try await cluster.stint(
                "broker", environment: ["STINT_BIND_CLIENTS": "tcp://0.0.0.0:0", "STINT_BIND_WORKERS": "ipc://w"])
            #expect(bind.code == 2 && bind.errorText.contains("stint keys new"), "\(bind.code) \(bind.errorText)")
            let connect = try await cluster.stint("status", "--connect", "tcp://192.0.2.1:7411")
            #expect(connect.code == 2 && connect.errorText.contains("stint keys new"), "\(connect.errorText)")
            let worker = try await cluster.stint("bench-work", environment: ["STINT_WORKERS": "tcp://192.0.2.1:7412"])
            #expect(worker.code == 2 && worker.errorText.contains("STINT_KEY_FILE"), "\(worker.errorText)")
        }

        @Test("stint up gives each pool its own key, and names the one that is missing")
        func up() async throws {
            let locked = try LockedCluster(Self.pool)
            let cluster = locked.cluster
            try cluster.write(
                "cluster.json",
                """
                { "broker": { "clients": "ipc://c", "workers": "ipc://w" }, "security": {},
                  "store": { "url": "sqlite:store/stint.db" }, \(Self.pool) }
                """)
            let boss = try await locked.key("operator", "--role operator")
            let missing = try await cluster.stint("up")
            #expect(
                missing.code == 2 && missing.errorText.contains("stint keys new p --role worker"),
                "\(missing.errorText)")
            try await locked.key("p", "--role worker --types a")
            // The operator's own key in the environment is not lent to the pools.
            let up = try await cluster.up(environment: ["STINT_KEY_FILE": boss])
            try await up.errorLine("the pool") { $0.contains("p.1") && $0.contains("joined the broker") }
            #expect(try await cluster.stint("enqueue", "a", "--wait").code == 0)
            try await up.terminate()
        }

        @Test("the server's key is exchanged while peers of both keys are served")
        func rotation() async throws {
            let locked = try LockedCluster(Self.pool)
            let cluster = locked.cluster
            let old = try await locked.key("operator", "--role operator")
            let rotated = try await cluster.stint("keys", "rotate-server")
            #expect(rotated.code == 0 && rotated.text.utf8.count == 40)
            let new = try await locked.key("second", "--role operator")
            func code(_ address: String, _ key: String) async throws -> Int32 {
                try await cluster.stint("status", "--connect", address, environment: ["STINT_KEY_FILE": key]).code
            }
            // A broker that is started again before its file has a place for the former key locks nobody out.
            try cluster.write(
                "cluster.json",
                """
                { "broker": { "clients": "ipc://c1", "workers": "ipc://w1" }, "security": {},
                  "store": { "url": "sqlite:store/stint.db" } }
                """)
            let early = try await cluster.broker()
            try await early.errorLine("a warning") { $0.contains("new key does not count yet") }
            #expect(try await code("ipc://c1", old) == 0)
            #expect(try await code("ipc://c1", new) == 4)
            try await early.terminate()
            try cluster.write(
                "cluster.json",
                """
                { "broker": { "clients": "ipc://c2", "workers": "ipc://w2" },
                  "security": { "former": { "clients": "ipc://c1", "workers": "ipc://w1" } },
                  "store": { "url": "sqlite:store/stint.db" } }
                """)
            let broker = try await cluster.broker()
            #expect(try await code("ipc://c1", old) == 0)
            #expect(try await code("ipc://c2", new) == 0)
            #expect(try await code("ipc://c1", new) == 4)
            #expect(try await code("ipc://c2", old) == 4)
            try await broker.terminate()
            #expect(try await cluster.stint("keys", "rotate-server").code == 1)  // one exchange at a time
            #expect(try await cluster.stint("keys", "rotate-server", "--finish").code == 0)
            let after = try await cluster.broker()
            #expect(try await code("ipc://c2", new) == 0)
            #expect(try await code("ipc://c1", old) != 0)
            try await after.terminate()
        }

        @Test("the commands for keys say what is wrong")
        func commands() async throws {
            let locked = try LockedCluster()
            let cluster = locked.cluster
            try await locked.key("a", "--role worker --types x,y --children z --expires 90d")
            let usage: [(words: [String], says: String)] = [
                (["keys", "new", "b", "--role", "root"], "expected producer, worker, operator, auditor"),
                (["keys", "new", "b c", "--role", "worker"], "no name of a key"),
                (["keys", "new", "b", "--role", "producer", "--types", "x"], "a producer has none"),
                (["keys", "new", "b", "--role", "worker", "--types", "x,,y"], "--types names \"\""),
                (["keys", "new", "b", "--role", "worker", "--expires", "90"], "--expires"),
                (["keys", "new", "a", "--role", "worker"], "there is a key \"a\" already"),
                (["keys", "new", "server", "--role", "worker"], "choose another"),
            ]
            for (words, says) in usage {
                let process = try RunningProcess(
                    StintProgram.path, words, environment: cluster.environment, folder: cluster.folder)
                let output = try await process.result()
                #expect(output.code == 2 && output.errorText.contains(says), "\(words): \(output.errorText)")
            }
            #expect(try await cluster.stint("keys", "revoke", "nobody").code == 3)
            let list = try await cluster.stint("keys", "list", "--json").json
            #expect(list["name"].string == "a" && list["state"].string == "valid" && list["role"].string == "worker")
            let secret = try JSON(cluster.contents(".stint/keys/a.key"))["secret"].string ?? ""
            #expect(!cluster.contents(".stint/keys/known.json").contains(secret))
            #expect(try await cluster.stint("keys", "revoke", "a").code == 0)
            #expect(try await cluster.stint("keys", "list", "--json").json["state"].string == "revoked")
        }
    }
}
