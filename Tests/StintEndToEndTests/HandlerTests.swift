import Foundation
import Testing

extension EndToEnd {
    /// What an executable can say while it runs, seen from outside.
    @Suite("Handlers that are executables") struct HandlerTests {
        /// A broker and a worker with the handlers `name` → script.
        private func cluster(
            _ scripts: [String: String], jobs: String = "{}", settings: String = ""
        ) async throws -> (Cluster, broker: RunningProcess, worker: RunningProcess) {
            let handlers = scripts.keys.sorted().map { #""\#($0)": { "exec": ["./\#($0)"] }"# }.joined(separator: ", ")
            let cluster = try Cluster(
                #""jobs": \#(jobs), "pools": { "tools": { "handlers": { \#(handlers) } } }"#, broker: settings)
            for (name, body) in scripts { try cluster.script(name, body) }
            let broker = try await cluster.broker()
            return (cluster, broker, try await cluster.worker())
        }

        @Test("progress is visible while the job runs; log lines and the result stay with it")
        func progress() async throws {
            let (cluster, broker, worker) = try await cluster([
                "steps": #"""
                echo '{"stint":"progress","done":1,"total":4,"message":"a quarter"}'
                echo a line of its own
                echo '{"stint":"log","level":"warning","message":"careful"}'
                read _ < go
                echo '{"stint":"result","value":[1,2,3]}'
                """#
            ])
            let go = try cluster.gate("go")
            let id = try await cluster.enqueue("steps")
            let running = try await eventually("progress") {
                let job = try await cluster.job(id)
                return job["progress"] == .null ? nil : job
            }
            #expect(running["state"] == "leased")
            #expect(running["progress"]["fraction"] == .number(0.25))
            #expect(running["progress"]["message"] == "a quarter")
            go.open()
            let job = try await cluster.job(id, when: "completed")
            #expect(job["result"] == .array([1, 2, 3]))
            let log = job["log"].string ?? ""
            #expect(log.contains("a line of its own"), "\(job)")
            #expect(log.contains("careful"), "\(job)")
            try await worker.terminate()
            try await broker.terminate()
        }

        @Test("a permanent failure is dead at once, with the handler's words")
        func permanentFailure() async throws {
            let (cluster, broker, worker) = try await cluster([
                "refuses": #"echo '{"stint":"fail","message":"no such customer","permanent":true}'"#,
                "mistaken": "echo bad arguments >&2; exit 64",
            ])
            for (type, words) in [("refuses", "no such customer"), ("mistaken", "bad arguments")] {
                let output = try await cluster.stint("enqueue", type, "--wait")
                #expect(output.code == 9)
                #expect(output.errorText.contains(words))
            }
            let dead = try await cluster.jobs("--state", "dead")
            #expect(dead.count == 2 && dead.allSatisfy { $0["attempt"] == 1 && $0["attempts_max"] == 4 })
            try await worker.terminate()
            try await broker.terminate()
        }

        @Test("a snooze uses no attempt")
        func snooze() async throws {
            let (cluster, broker, worker) = try await cluster([
                "sleepy": #"""
                echo x >> runs
                [ "$(wc -l < runs)" -ge 3 ] || echo '{"stint":"snooze","for_ms":50}'
                """#
            ])
            let id = try await cluster.enqueue("sleepy", "--attempts", "1")
            let job = try await cluster.job(id, when: "completed")
            #expect(job["attempt"] == 1)
            #expect(cluster.contents("runs") == "x\nx\nx\n")
            #expect(job["attempts"].elements.map { $0["outcome"] } == ["snoozed", "snoozed", "completed"], "\(job)")
            try await worker.terminate()
            try await broker.terminate()
        }

        @Test("children are enqueued with the result, and not by an attempt that failed")
        func children() async throws {
            let (cluster, broker, worker) = try await cluster(
                [
                    "parent": #"""
                    echo '{"stint":"enqueue","jobs":[{"type":"child","payload":{"of":1}}]}'
                    echo '{"stint":"enqueue","jobs":[{"type":"child","payload":2}]}'
                    [ "$STINT_ATTEMPT" -ge 2 ] || exit 1
                    """#,
                    "child": "cat > /dev/null",
                ], jobs: #"{ "*": { "backoff": { "first": "1ms", "most": "1ms" } } }"#)
            #expect(try await cluster.stint("enqueue", "parent", "--wait").lines == ["null"])
            try await eventually("two children") {
                try await cluster.status()["types"]["child"]["counts"]["completed"] == 2 ? () : nil
            }
            #expect(try await cluster.jobs("--type", "child").count == 2)
            try await worker.terminate()
            try await broker.terminate()
        }

        @Test("a checkpoint reaches the next attempt, after a failure and after a kill", arguments: [false, true])
        func checkpoint(_ isKilled: Bool) async throws {
            let (cluster, broker, worker) = try await cluster(
                [
                    "resumes": #"""
                    read job
                    case "$job" in
                    *'"checkpoint":{"page":7}'*) echo '{"stint":"result","value":"resumed"}' ;;
                    *) echo '{"stint":"checkpoint","state":{"page":7}}'; echo '{"stint":"progress","fraction":0.5}'
                       read _ < go; exit 1 ;;
                    esac
                    """#
                ], jobs: #"{ "*": { "backoff": { "first": "1ms", "most": "1ms" } } }"#,
                settings: #""lease": "1s", "heartbeat": "300ms""#)
            let go = try cluster.gate("go")
            let id = try await cluster.enqueue("resumes")
            // Nothing behind a checkpoint is read before it is durable.
            _ = try await eventually("progress") { try await cluster.job(id)["progress"] == .null ? nil : () }
            if isKilled { try await worker.kill9() } else { go.open() }
            let next = isKilled ? try await cluster.worker() : worker
            #expect(try await cluster.job(id, when: "completed")["result"] == "resumed")
            try await next.terminate()
            try await broker.terminate()
        }

        @Test("a payload without the field that an argument names is a permanent failure that names the field")
        func missingField() async throws {
            let cluster = try Cluster(
                #""pools": { "tools": { "handlers": { "sum": { "exec": ["sha256sum", "{{payload.path}}"] } } } }"#)
            let up = try await cluster.up()
            let output = try await cluster.stint("enqueue", "sum", #"{"file":"a"}"#, "--wait")
            #expect(output.code == 9)
            #expect(output.errorText.contains("payload.path"), "\(output.errorText)")
            #expect(try await cluster.jobs("--state", "dead")[0]["attempt"] == 1)
            let dash = try await cluster.stint("enqueue", "sum", #"{"path":"--version"}"#, "--wait")
            #expect(dash.code == 9)
            try await up.terminate()
        }

        @Test("a timeout ends the handler's whole process group, and counts as an attempt")
        func timeout() async throws {
            let (cluster, broker, worker) = try await cluster(
                [
                    "stuck": #"""
                    trap '' TERM
                    sh -c 'echo $$ > events; read _ < go' &
                    echo $$ > events; read _ < go; wait
                    """#
                ],
                jobs: #"{ "stuck": { "attempts": 1, "timeout": "300ms", "grace": "200ms" } }"#)
            let (events, go) = (try cluster.mailbox("events"), try cluster.gate("go"))
            let waiting = try cluster.start("enqueue", "stuck", "--wait")
            let processes = [try await events.line(0), try await events.line(1)].compactMap { pid_t($0) }
            let told = try await waiting.result()
            #expect(told.code == 9)
            try await ProcessTable.ended(processes, within: .seconds(2))
            let dead = try await cluster.jobs("--state", "dead")
            #expect(dead[0]["outcome"] == "timed_out")
            withExtendedLifetime(go) {}
            try await worker.terminate()
            try await broker.terminate()
        }

        @Test("a missing handler loses nothing: the job waits visibly and runs once the file is there")
        func missingHandler() async throws {
            let cluster = try Cluster(
                """
                "pools": { "tools": { "handlers": {
                    "late": { "exec": ["./late"] }, "odd": { "exec": ["./odd"] } } } }
                """)
            try cluster.write("odd", "#!/bin/sh\necho never\n")
            let broker = try await cluster.broker()
            let worker = try await cluster.worker(name: "early")
            for (type, reason) in [("late", "does not exist"), ("odd", "is not executable")] {
                let id = try await cluster.enqueue(type)
                try await worker.errorLine("complaint about it") { $0.contains("/\(type)\" \(reason)") }
                let job = try await cluster.job(id, when: "ready")
                #expect(job["attempt"] == 0, "\(job)")
                let status = try await eventually("withdrawal of \(type)") {
                    let status = try await cluster.status()
                    return status["workers"][0]["withdrawn"].elements.contains(.string(type)) ? status : nil
                }
                #expect(status["types"][type]["workers"] == 0)
                let page = try await cluster.stint("status")
                #expect(page.text.contains("1 job of type \(type) waits for a worker"), "\(page.text)")
                #expect(page.text.contains("its handler cannot run on early"), "\(page.text)")
            }
            try await worker.terminate()

            try cluster.script("late", #"echo '{"stint":"result","value":"at last"}'"#)
            try cluster.script("odd", "true")
            let next = try await cluster.worker()
            for type in ["late", "odd"] {
                let job = try await eventually("completion of \(type)") {
                    try await cluster.jobs("--state", "completed", "--type", type).first
                }
                #expect(job["attempt"] == 1)
            }
            try await next.terminate()
            try await broker.terminate()
        }

        // Goal: the usual limit of 1,024 open files, which is there for programs that use select, does not limit the
        // connections of ours, and those programs keep it. Method: both are started with a small one.
        @Test("a broker and a worker may open as many files as the system allows, and handlers as many as before")
        func openFiles() async throws {
            let cluster = try Cluster(
                #""pools": { "tools": { "handlers": { "limit": { "exec": ["./limit"] } } } }"#)
            try cluster.script("limit", #"read -r _; echo '{"stint":"result","value":'"$(ulimit -Sn)"'}'"#)
            func start(_ role: String) throws -> RunningProcess {
                try RunningProcess(
                    "/bin/sh", ["-c", "ulimit -Sn 200; exec \"$0\" \(role)", StintProgram.path],
                    environment: cluster.environment, folder: cluster.folder)
            }
            let broker = try start("broker")
            try await broker.line("ready") { $0.hasPrefix("ready") }
            let worker = try start("worker")
            try await worker.errorLine("joining") { $0.contains("joined the broker") }
            for process in [broker, worker] {
                let limits = try String(contentsOfFile: "/proc/\(process.id)/limits", encoding: .utf8)
                let line = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max open files") })
                let words = line.split(separator: " ").dropFirst(3).prefix(2).map(String.init)
                let (soft, hard) = (try #require(Int(words[0])), Int(words[1]) ?? .max)
                #expect(soft == hard - min(64, hard / 16) || soft == 1_048_576, "\(line)")
            }
            let id = try await cluster.enqueue("limit")
            #expect(try await cluster.job(id, when: "completed")["result"] == 200)
            try await worker.terminate()
            try await broker.terminate()
        }
    }
}
