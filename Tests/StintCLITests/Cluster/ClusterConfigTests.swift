import Foundation
import StintCore
import Testing

@testable import StintCLI

@Suite("cluster.json") struct ClusterConfigTests {
    // Goal: the file means what docs/CONFIGURATION.md says. Method: small files, read as from /srv/app.

    private func read(
        _ json: String, environment: [String: String] = [:], flags: [ConfigFlag] = []
    ) throws -> ClusterConfig {
        try ClusterConfig.read(
            Array(json.utf8), file: "cluster.json", folder: "/srv/app", environment: environment, flags: flags)
    }

    private func mistakes(
        _ json: String, environment: [String: String] = [:], flags: [ConfigFlag] = []
    ) -> [String] {
        do {
            _ = try read(json, environment: environment, flags: flags)
            return []
        } catch { return "\(error)".split(separator: "\n").map(String.init) }
    }

    @Test("an empty object gives the defaults, with the paths beside the file")
    func defaults() throws {
        var expected = ClusterConfig.default
        expected.store.location = .sqlite(path: "/srv/app/.stint/stint.db")
        #expect(try read("{}") == expected)
        #expect(expected.broker.clientsBind == "tcp://127.0.0.1:7411")
        #expect(expected.broker.workersBind == "tcp://127.0.0.1:7412")
        #expect(expected.broker.lease == .seconds(15) && expected.broker.heartbeat == .seconds(5))
        #expect(expected.store.keep.dead == .init(time: .seconds(90 * 86_400), count: nil))
        #expect(expected.limits.payloadBytesMax == 1_048_576)
        #expect(expected.jobs.policy(for: "any") == Policy())
    }

    @Test("every key has its effect")
    func everything() throws {
        let config = try read(
            """
            { "$schema": "docs/cluster.schema.json", "name": "shop", "x-note": [1, {"a": null}],
              "broker": { "clients": "tcp://broker.internal:1", "workers": "tcp://[::1]:65535", "lease": "30s",
                          "heartbeat": "10s",
                          "bind": { "clients": "tcp://*:7411", "workers": "ipc://run/workers.sock" } },
              "store": { "url": "sqlite:./data/stint.db",
                         "keep": { "completed": "24h", "cancelled": { "count": 5 },
                                   "dead": { "time": "1d", "count": 1 } } },
              "limits": { "payload": "64KiB" },
              "jobs": { "send.mail": { "attempts": 1, "timeout": "1ms", "grace": "0s",
                                       "backoff": { "first": "2s", "factor": 1.5, "most": "2s" } } },
              "pools": {
                "programs": { "command": ["./bin/worker", "./stays"], "processes": 1024, "slots": 4096,
                              "environment": { "A_1": "", "_b": "x=y" }, "directory": "work" },
                "tools": { "handlers": {
                  "sum": { "exec": ["sha256sum", "{{payload.path}}"], "input": "none", "output": "raw",
                           "environment": { "LANG": "C" }, "directory": "/tmp", "allowDashValues": true },
                  "plain": { "exec": ["tools/x"] } } } } }
            """)
        #expect(config.name == "shop")
        #expect(config.broker.clients == "tcp://broker.internal:1" && config.broker.workers == "tcp://[::1]:65535")
        #expect(config.broker.clientsBind == "tcp://*:7411")
        #expect(config.broker.workersBind == "ipc:///srv/app/run/workers.sock")
        #expect(config.broker.lease == .seconds(30) && config.broker.heartbeat == .seconds(10))
        #expect(config.store.location == .sqlite(path: "/srv/app/data/stint.db"))
        #expect(config.store.keep.completed == .init(time: .seconds(86_400), count: nil))
        #expect(config.store.keep.cancelled == .init(time: .seconds(7 * 86_400), count: 5))
        #expect(config.store.keep.dead == .init(time: .seconds(86_400), count: 1))
        #expect(config.limits.payloadBytesMax == 65_536)
        #expect(
            config.jobs.types == [
                "send.mail": Policy(
                    attempts: 1, backoff: Backoff(first: .seconds(2), factor: 1.5, most: .seconds(2)),
                    timeout: .milliseconds(1), grace: .zero)
            ])
        var programs = ClusterConfig.Pool()
        programs.work = .command(["/srv/app/bin/worker", "./stays"])
        (programs.processes, programs.slots) = (1024, 4096)
        programs.environment = ["A_1": "", "_b": "x=y"]
        programs.directory = "/srv/app/work"
        #expect(config.pools["programs"] == programs)
        var sum = ClusterConfig.ExecHandler()
        sum.exec = ["sha256sum", "{{payload.path}}"]
        (sum.input, sum.output, sum.allowDashValues) = (.none, .raw, true)
        (sum.environment, sum.directory) = (["LANG": "C"], "/tmp")
        var plain = ClusterConfig.ExecHandler()
        plain.exec = ["/srv/app/tools/x"]
        plain.directory = "/srv/app"
        var tools = ClusterConfig.Pool()
        tools.work = .handlers(["sum": sum, "plain": plain])
        tools.directory = "/srv/app"
        #expect(config.pools["tools"] == tools)
    }

    @Test("a type starts from the policy of *, also inside its backoff and wherever * stands")
    func basePolicy() throws {
        let jobs = try read(
            """
            {"jobs": {"mail": {"backoff": {"first": "10s"}}, "*": {"attempts": 6, "backoff": {"most": "30m"}}}}
            """
        ).jobs
        #expect(
            jobs.policy(for: "mail") == Policy(attempts: 6, backoff: Backoff(first: .seconds(10), most: .seconds(1800)))
        )
        #expect(jobs.policy(for: "other") == Policy(attempts: 6, backoff: Backoff(most: .seconds(1800))))
    }

    @Test("a short lease without a heartbeat gets one that fits; a long one keeps 5 s")
    func heartbeatDefault() throws {
        #expect(try read(#"{"broker": {"lease": "6s"}}"#).broker.heartbeat == .seconds(2))
        #expect(try read(#"{"broker": {"lease": "60s"}}"#).broker.heartbeat == .seconds(5))
    }

    @Test("a heartbeat may be a third of the lease and not a millisecond more")
    func heartbeatBound() {
        #expect(mistakes(#"{"broker": {"lease": "9s", "heartbeat": "3s"}}"#).isEmpty)
        #expect(
            mistakes(#"{"broker": {"heartbeat": "3s1ms", "lease": "9s"}}"#) == [
                "cluster.json:1:26: broker.heartbeat: expected at most 3s, a third of the lease of 9s, got 3s1ms"
            ])
    }

    @Test("every mistake is reported at once, down the file")
    func allAtOnce() {
        let json = """
            {
              "broker": {
                "heartbaet": "5s",
                "lease": 15,
                "workers": "http://x:1"
              },
              "store": { "keep": { "dead": "23h59m" }, "url": "postgres:x" },
              "jobs": {
                "parse_paper": { "attempts": 0, "timeout": "2 min" },
                "bad name": {}
              },
              "pools": {
                "empty": { "slots": 4097 },
                "both": { "command": ["x"], "handlers": {} , "handlers": {} },
                "tools": { "handlers": { "sum": { "exec": ["a", 5], "timeout": "1s" }, "none": { "inptu": "job" } } }
              },
              "x-mine": 1, "surprise": true
            }
            """
        let durations = #"(such as "500ms", "5s", "2m", "1h30m" or "7d")"#
        #expect(
            mistakes(json) == [
                #"cluster.json:3:5: broker.heartbaet: unknown key (did you mean "heartbeat"?)"#,
                "cluster.json:4:14: broker.lease: expected a duration from 1s to 1h \(durations), got 15",
                "cluster.json:5:16: broker.workers: expected an endpoint, tcp://HOST:PORT or ipc://PATH "
                    + #"(HOST without spaces, PORT from 1 to 65535), got "http://x:1""#,
                "cluster.json:7:32: store.keep.dead: expected a duration from 1d to 36500d \(durations), "
                    + #"got "23h59m""#,
                "cluster.json:7:51: store.url: expected sqlite:PATH "
                    + #"(such as "sqlite:.stint/stint.db" or "sqlite:/var/lib/stint/stint.db"), got "postgres:x""#,
                "cluster.json:9:34: jobs.parse_paper.attempts: expected a whole number from 1 to 1000, got 0",
                "cluster.json:9:48: jobs.parse_paper.timeout: expected a duration from 1ms to 30d \(durations), "
                    + #"got "2 min""#,
                #"cluster.json:10:5: jobs."bad name": expected a name of 1 to 128 "#
                    + #"of the characters A-Z a-z 0-9 . _ -, got "bad name""#,
                #"cluster.json:13:14: pools.empty: "command" or "handlers" is missing: give one of the two"#,
                "cluster.json:13:25: pools.empty.slots: expected a whole number from 1 to 4096, got 4097",
                #"cluster.json:14:33: pools.both: expected either "command" or "handlers", got both"#,
                "cluster.json:14:50: pools.both.handlers: given twice; it already stands in line 14, column 33. "
                    + "Keep one of the two",
                "cluster.json:15:53: pools.tools.handlers.sum.exec[1]: expected text without NUL, got 5",
                "cluster.json:15:57: pools.tools.handlers.sum.timeout: unknown key here; "
                    + "it belongs in jobs.TYPE.timeout",
                #"cluster.json:15:84: pools.tools.handlers.none: "exec" is missing (list of texts)"#,
                #"cluster.json:15:86: pools.tools.handlers.none.inptu: unknown key (did you mean "input"?)"#,
                "cluster.json:17:16: surprise: unknown key "
                    + "(known here: $schema, name, broker, store, limits, jobs, pools, security)",
            ])
    }

    @Test("a mistyped key is not reported as missing as well")
    func mistypedRequired() {
        #expect(
            mistakes(#"{"pools": {"p": {"comand": ["x"]}}}"#)
                == [#"cluster.json:1:18: pools.p.comand: unknown key (did you mean "command"?)"#])
    }

    @Test(
        "each bound is accepted and one beyond it is not",
        arguments: [
            (#"{"jobs": {"a": {"attempts": @}}}"#, ["1", "1000"], ["0", "1001", "-1", "1.0", "1e2", "\"5\"", "null"]),
            (#"{"jobs": {"a": {"timeout": @}}}"#, [#""1ms""#, #""30d""#], [#""0s""#, #""30d1ms""#, "5", "[]"]),
            (#"{"jobs": {"a": {"grace": @}}}"#, [#""0s""#, #""1h""#], [#""1h1ms""#]),
            (
                #"{"jobs": {"a": {"backoff": {"factor": @}}}}"#, ["1", "100", "1.5", "1e1"],
                ["0.999", "100.001", "1e999"]
            ),
            (#"{"jobs": {"a": {"backoff": {"first": @}}}}"#, [#""0s""#, #""1h""#], [#""1h1ms""#, #""31d""#]),
            (#"{"broker": {"lease": @}}"#, [#""1s""#, #""1h""#], [#""999ms""#, #""1h1ms""#]),
            (#"{"limits": {"payload": @}}"#, [#""1KiB""#, #""1MiB""#], [#""1023B""#, #""1048577B""#, "1024"]),
            (#"{"store": {"keep": {"dead": {"count": @}}}}"#, ["1", "1000000000000"], ["0", "1000000000001"]),
            (#"{"pools": {"a": {"command": ["x"], "processes": @}}}"#, ["1", "1024"], ["0", "1025"]),
            (#"{"pools": {"a": {"command": ["x"], "slots": @}}}"#, ["1", "4096"], ["0", "4097"]),
            (
                #"{"pools": {"a": {"command": @}}}"#, [#"["x"]"#, #"["x", ""]"#],
                ["[]", #"[""]"#, #""x""#, #"["x/"]"#, #"["{{payload.x}}"]"#, #"["x", "\u0000"]"#]
            ),
            (
                #"{"pools": {"a": {"command": ["x"], "environment": @}}}"#, ["{}", #"{"a": "b"}"#],
                [#"{"1a": "b"}"#, #"{"": "b"}"#, #"{"a=b": "c"}"#, #"{"a": 1}"#, "[]"]
            ),
            (#"{"pools": {"a": {"command": ["x"], "directory": @}}}"#, [#"".""#], [#""""#, "1"]),
            (
                #"{"pools": {"a": {"handlers": {"t": {"exec": ["x"], "output": @}}}}}"#, [#""raw""#, #""messages""#],
                [#""Raw""#, "true"]
            ),
            (
                #"{"pools": {"a": {"handlers": {"t": {"exec": ["x"], "allowDashValues": @}}}}}"#, ["true", "false"],
                ["0"]
            ),
            (#"{"name": @}"#, [#""a""#], [#""""#, #""a b""#]),
        ])
    func bounds(template: String, accepted: [String], refused: [String]) {
        for value in accepted { #expect(mistakes(template.replacing("@", with: value)) == [], "\(value)") }
        for value in refused { #expect(mistakes(template.replacing("@", with: value)).count == 1, "\(value)") }
    }

    @Test(
        "endpoints are TCP with a port or a path, of this host or another",
        arguments: [
            ("tcp://127.0.0.1:1", true), ("tcp://10.0.0.5:65535", true), ("tcp://my-host.example:7411", true),
            ("tcp://[fe80::1%eth0]:7411", true), ("ipc://a", true), ("ipc:///run/x.sock", true), ("ipc://@name", true),
            ("tcp://127.0.0.1:0", false), ("tcp://127.0.0.1:65536", false), ("tcp://127.0.0.1", false),
            ("tcp://:7411", false),
            ("tcp://*:7411", false), ("tcp://a:*", false), ("tcp://[]:1", false), ("tcp://a b:1", false),
            ("tcp:", false),
            ("tcp://", false), ("ipc://", false), ("ipc:///", false), ("inproc://x", false), ("127.0.0.1:7411", false),
            ("", false), ("tcp://a:+1", false),
        ])
    func endpoints(endpoint: String, isAccepted: Bool) {
        #expect(mistakes("{\"broker\": {\"clients\": \"\(endpoint)\"}}").isEmpty == isAccepted)
    }

    @Test("every interface can be bound and cannot be connected to")
    func wildcard() {
        #expect(mistakes(#"{"broker": {"bind": {"clients": "tcp://*:1"}}}"#) == [])
        #expect(mistakes(#"{"broker": {"bind": {"clients": "tcp://*"}}}"#).count == 1)
    }

    @Test(
        "the store is a file",
        arguments: [
            ("sqlite:/var/x.db", ClusterConfig.Store.Location.sqlite(path: "/var/x.db")),
            ("sqlite:x.db", .sqlite(path: "/srv/app/x.db")),
            ("sqlite:", nil), ("sqlite://x.db", nil), ("sqlite:data/", nil), ("memory:", nil), ("postgres:x", nil),
        ])
    func stores(url: String, location: ClusterConfig.Store.Location?) {
        #expect((try? read("{\"store\": {\"url\": \"\(url)\"}}"))?.store.location == location)
    }

    @Test("clients and workers differ, and so does what is bound for them")
    func sameEndpoints() {
        #expect(
            mistakes(#"{"broker": {"clients": "tcp://a:1", "workers": "tcp://a:1"}}"#) == [
                "cluster.json:1:48: broker.workers: expected another endpoint than that of clients, "
                    + "got tcp://a:1 for both"
            ])
        // Against a default too.
        #expect(mistakes(#"{"broker": {"clients": "tcp://127.0.0.1:7412"}}"#).count == 1)
        #expect(
            mistakes(#"{"broker": {"bind": {"clients": "tcp://127.0.0.1:7412"}}}"#) == [
                "cluster.json:1:21: broker.bind: expected the broker to bind two endpoints, "
                    + "got tcp://127.0.0.1:7412 for workers and clients"
            ])
    }

    @Test("a backoff does not begin above its end, also when one of the two is inherited")
    func backoffOrder() {
        #expect(
            mistakes(#"{"jobs": {"*": {"backoff": {"most": "1m"}}, "a": {"backoff": {"first": "61s"}}}}"#) == [
                #"cluster.json:1:72: jobs.a.backoff.first: expected "first" to be at most "most", "#
                    + "got first 1m1s and most 1m"
            ])
        #expect(mistakes(#"{"jobs": {"a": {"backoff": {"first": "60s", "most": "1m"}}}}"#).isEmpty)
    }

    @Test("a rule between keys is silent while one of them cannot be read")
    func noFollowUps() {
        #expect(mistakes(#"{"broker": {"lease": "x", "heartbeat": "10m"}}"#).count == 1)
    }

    @Test("a handler has its pool's variables and folder unless it names its own")
    func handlerInherits() throws {
        let pool = try #require(
            try read(
                """
                {"pools": {"p": {"environment": {"A": "pool", "B": "pool"}, "directory": "d",
                    "handlers": {"t": {"exec": ["x"], "environment": {"B": "own"}}}}}}
                """
            ).pools["p"])
        guard case .handlers(let handlers) = pool.work else { return #expect(Bool(false)) }
        #expect(handlers["t"]?.environment == ["A": "pool", "B": "own"])
        #expect(handlers["t"]?.directory == "/srv/app/d")
        #expect(handlers["t"]?.spec(grace: .seconds(3)).grace == .seconds(3))
        #expect(handlers["t"]?.spec().environment == ["A": "pool", "B": "own"])
    }

    @Test("a mistake in the template of an argument is found before any job")
    func templates() {
        func exec(_ argument: String) -> String {
            #"{"pools": {"p": {"handlers": {"t": {"exec": ["x", "\#(argument)"]}}}}}"#
        }
        #expect(mistakes(exec("{{payload.path}} {{job.id}} {{{{")) == [])
        for argument in ["{{paylod.path}}", "{{payload.path", "{{}}"] {
            #expect(mistakes(exec(argument)).count == 1)
            #expect(
                mistakes(exec(argument))[0].hasPrefix("cluster.json:1:51: pools.p.handlers.t.exec[1]: \"\(argument)\""))
        }
    }

    @Test("every mistake in an exec stands at its own argument, also behind one in the program")
    func eachArgument() {
        func found(_ exec: String) -> [String] {
            mistakes(#"{"pools": {"p": {"handlers": {"t": {"exec": \#(exec)}}}}}"#)
        }
        let places = found(#"["", "{{a}}", "ok", "{{payload.b", 5]"#)
        #expect(places.count == 4)
        #expect(places[0].hasSuffix("exec[0]: expected the name or path of a program, got an empty text"))
        for (line, part) in zip(
            places[1...], ["exec[1]: \"{{a}}\" asks", "exec[3]: \"{{payload.b\" opens", "exec[4]: expected"])
        {
            #expect(line.contains(part), "\(line)")
        }
        #expect(found(#"["tools/"]"#)[0].contains("got that of a folder"))
        #expect(found(#"["{{payload.tool}}"]"#)[0].contains("{{…}} can stand in arguments only"))
    }

    @Test("two pools may serve the same type")
    func sharedType() {
        #expect(
            mistakes(
                #"{"pools": {"a": {"handlers": {"t": {"exec": ["x"]}}}, "b": {"handlers": {"t": {"exec": ["x"]}}}}}"#)
                == [])
    }

    @Test("names that begin with x- are names where names are free")
    func namesWithX() throws {
        let config = try read(#"{"jobs": {"x-ray": {"attempts": 2}}}"#)
        #expect(config.jobs.types["x-ray"]?.attempts == 2)
    }

    @Test("a root that is no object is refused", arguments: ["[]", "1", "null", "\"x\""])
    func wrongRoot(json: String) {
        #expect(mistakes(json).count == 1)
        #expect(mistakes(json, environment: ["STINT_CLIENTS": "tcp://a:1"]).count == 1)
    }

    @Test("a file that says the wrong thing cannot drive the terminal")
    func controlCharacters() {
        for line in mistakes(#"{"\u001b[2J": 1, "name": "\u001b\n\u0085", "jobs": {"a\u0007": {}}}"#) {
            #expect(line.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
        }
    }

    // MARK: Environment and flags

    @Test("a flag stands above the environment, which stands above the file, which stands above the default")
    func precedence() throws {
        let json = #"{"broker": {"clients": "tcp://file:1"}}"#
        let environment = [
            "STINT_CLIENTS": "tcp://environment:1", "STINT_WORKERS": "tcp://environment:2",
            "STINT_BIND_CLIENTS": "tcp://*:1", "STINT_BIND_WORKERS": "tcp://*:2", "STINT_STORE": "sqlite:e.db",
        ]
        let flag = ConfigFlag(name: "--connect", key: "broker.clients", value: "tcp://flag:1")
        #expect(try read(json).broker.clients == "tcp://file:1")
        let second = try read(json, environment: environment)
        #expect(second.broker.clients == "tcp://environment:1" && second.broker.workers == "tcp://environment:2")
        #expect(second.broker.clientsBind == "tcp://*:1" && second.broker.workersBind == "tcp://*:2")
        #expect(second.store.location == .sqlite(path: "/srv/app/e.db"))
        #expect(try read(json, environment: environment, flags: [flag]).broker.clients == "tcp://flag:1")
        #expect(try read(json, environment: ["STINT_CLIENTS": ""]).broker.clients == "tcp://file:1")
    }

    @Test("mistakes in variables and flags are reported with those of the file, under their names")
    func mistakesOutside() {
        let lines = mistakes(
            #"{"nmae": "x"}"#, environment: ["STINT_WORKERS": "tcp://127.0.0.1:7411", "STINT_STORE": "x"],
            flags: [ConfigFlag(name: "--lease", key: "broker.lease", value: "5")])
        #expect(
            lines == [
                #"cluster.json:1:2: nmae: unknown key (did you mean "name"?)"#,
                "--lease: broker.lease: expected a duration from 1s to 1h "
                    + #"(such as "500ms", "5s", "2m", "1h30m" or "7d"), got "5""#,
                "STINT_STORE: store.url: expected sqlite:PATH "
                    + #"(such as "sqlite:.stint/stint.db" or "sqlite:/var/lib/stint/stint.db"), got "x""#,
                "STINT_WORKERS: broker.workers: expected another endpoint than that of clients, "
                    + "got tcp://127.0.0.1:7411 for both",
            ])
    }

    @Test("a section that is no object is one mistake, with or without a variable for it")
    func variableIntoNonsense() {
        let expected = ["cluster.json:1:12: broker: expected an object, {…}, got 5"]
        #expect(mistakes(#"{"broker": 5}"#) == expected)
        #expect(mistakes(#"{"broker": 5}"#, environment: ["STINT_CLIENTS": "tcp://a:1"]) == expected)
    }

    // MARK: Files

    @Test("a file is read with its own folder as the origin of paths")
    func load() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "stint-config-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "cluster.json")
        try Data(#"{"store": {"url": "sqlite:a.db"}}"#.utf8).write(to: file)
        let config = try ClusterConfig.load(path: file.path, environment: [:])
        #expect(config.store.location == .sqlite(path: folder.appending(path: "a.db").path))

        try Data("{\n".utf8).write(to: file)
        let error = #expect(throws: ConfigError.self) { try ClusterConfig.load(path: file.path, environment: [:]) }
        #expect(error?.description.hasPrefix("\(file.path):2:1: expected a key") == true)
    }

    @Test("a missing file is one sentence with the next step, and an unreadable one says why")
    func unreadable() throws {
        let missing = #expect(throws: ConfigError.self) {
            try ClusterConfig.load(path: "no/such/cluster.json", environment: [:])
        }
        #expect(missing?.description.hasPrefix("no/such/cluster.json: there is no such file. Write one") == true)
        #expect(missing?.problems.count == 1)
        let folder = #expect(throws: ConfigError.self) { try ClusterConfig.load(path: "/", environment: [:]) }
        #expect(folder?.description == "/: the file cannot be read: Is a directory")
    }

    @Test("without a file the defaults hold, with environment and flags above them")
    func withoutFile() throws {
        let config = try ClusterConfig.withoutFile(
            folder: "/srv", environment: ["STINT_WORKERS": "tcp://b:2"],
            flags: [ConfigFlag(name: "--connect", key: "broker.clients", value: "tcp://a:1")])
        #expect(config.broker.clients == "tcp://a:1" && config.broker.workers == "tcp://b:2")
    }
}

@Suite("Spelling") struct SpellingTests {
    @Test(
        "a slip finds the word that was meant, and another word finds none",
        arguments: [
            ("heartbaet", "heartbeat"), ("Lease", "lease"), ("heart", nil), ("clinets", "clients"), ("x", nil),
            ("leases", "lease"), ("", nil),
        ] as [(String, String?)])
    func closest(word: String, meant: String?) {
        #expect(Spelling.closest(to: word, among: ["clients", "workers", "bind", "lease", "heartbeat"]) == meant)
    }

    @Test("a swap of neighbours counts once")
    func distances() {
        #expect(Spelling.distance("ab", "ba") == 1)
        #expect(Spelling.distance("kitten", "sitting") == 3)
        #expect(Spelling.distance("", "abc") == 3)
        #expect(Spelling.distance("abc", "") == 3)
        #expect(Spelling.distance("abc", "abc") == 0)
    }
}
