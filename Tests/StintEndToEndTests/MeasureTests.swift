import Foundation
import Testing

extension EndToEnd {
    /// Counts that do not depend on the machine, and the shape of those that do.
    @Suite("Measures") struct MeasureTests {
        @Test("bench --json has every field of the contract")
        func bench() async throws {
            let cluster = try Cluster()
            let output = try await cluster.stint(
                "bench", "--jobs", "2000", "--latency-jobs", "100", "--folder", cluster.folder, "--json",
                within: .seconds(50))
            #expect(output.code == 0, "\(output.errorText)")
            let figures = try output.json
            for name in [
                "enqueue_per_s", "drain_per_s", "end_to_end_per_s", "broker_cpu_us_per_job", "broker_rss_bytes",
            ] {
                #expect((figures[name].number ?? -1) > 0, "\(name): \(figures[name])")
            }
            let (p50, p99) = (figures["latency_ms"]["p50"].number ?? -1, figures["latency_ms"]["p99"].number ?? -1)
            #expect(p50 > 0 && p99 >= p50)
            #expect(figures["durability"] == "fsync before every acknowledgement")
            #expect(try FileManager.default.contentsOfDirectory(atPath: cluster.folder) == ["cluster.json"])
        }

        // Goal: a bench leaves nothing behind. Method: it is ended in the middle of its first phase, politely and not;
        // in the second case its children see the end of their lifeline.
        @Test(
            "an interrupted bench ends its processes and removes its store",
            arguments: [SIGINT, SIGTERM, SIGHUP, SIGKILL])
        func interrupted(_ signal: Int32) async throws {
            let cluster = try Cluster()
            let bench = try cluster.start("bench", "--jobs", "10000000", "--folder", cluster.folder)
            let children = try await eventually("broker and producer") {
                let children = ProcessTable.children(of: bench.id)
                return children.count >= 2 ? children : nil
            }
            bench.signal(signal)
            let output = try await bench.result(within: .seconds(10))
            #expect(output.ending == (signal == SIGKILL ? .signalled(SIGKILL) : .exited(128 + signal)))
            try await ProcessTable.ended(children, within: .seconds(15))
            guard signal != SIGKILL else { return }
            #expect(
                output.errorText == "stint: interrupted; the processes of the bench are ended and its store is removed")
            #expect(try FileManager.default.contentsOfDirectory(atPath: cluster.folder) == ["cluster.json"])
        }

        @Test("a folder that cannot be used is named, and none is made", arguments: ["/dev/null", "absent/folder"])
        func badFolder(_ folder: String) async throws {
            let cluster = try Cluster()
            let output = try await cluster.stint("bench", "--folder", folder)
            #expect(output.code == 2)
            #expect(output.errorLines.count == 1)
            #expect(output.errorText.contains(folder) && output.errorText.contains("--folder"), "\(output.errorText)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: cluster.folder) == ["cluster.json"])
        }

        // Goal: acknowledged means synced, and nothing is synced twice. Method: the calls of a broker are recorded
        // while jobs are enqueued one after the other, each awaited. An idle broker commits on the thread of its
        // loop, and checkpoints, which sync too, run on another; so the busiest thread has one call for each job.
        @Test("each enqueue that is awaited costs one fsync", .enabled(if: Strace.isUsable, "strace cannot be used"))
        func oneSyncForEachCommit() async throws {
            let cluster = try Cluster()
            let broker = try await traced(cluster, "fdatasync,fsync")
            let jobs = 40
            for number in 0..<jobs { _ = try await cluster.enqueue("a", "\(number)") }
            try await end(broker)
            var syncs: [Substring: Int] = [:]
            for line in cluster.contents("trace").split(separator: "\n") {
                guard line.contains("sync("), line.contains("stint.db-wal>"),
                    let thread = line.split(separator: " ").first
                else { continue }
                syncs[thread, default: 0] += 1
            }
            // One more when the closing of the store finds something to checkpoint.
            #expect(syncs.values.max().map { (jobs...jobs + 1).contains($0) } == true, "\(syncs)")
        }

        // Goal: whatever changes a job is answered after the sync that holds the change. Method: the calls of a broker
        // are recorded in their order. Each command has a connection of its own, on which its answer is the last
        // thing that is sent; before it comes the welcome, or the news that the job was stored or began. So between
        // the last two messages of each connection a sync of the log must have ended.
        @Test(
            "a settlement, a replay, a cancel and a discard are answered after a sync",
            .enabled(if: Strace.isUsable, "strace cannot be used"))
        func syncBeforeAnswer() async throws {
            let cluster = try Cluster(#""pools": { "tools": { "handlers": { "reject": { "exec": ["./reject"] } } } }"#)
            // "Never again", without a word: each job is dead after one attempt.
            try cluster.script("reject", "exit 65")
            let broker = try await traced(cluster, "fdatasync,sendto")
            let worker = try await cluster.worker()
            let ids = (1...9).map { "0199aaaa-bbbb-7ccc-8ddd-eeeeffff000\($0)" }
            for id in ids {
                // As JSON, because in words it also asks whether a worker serves the type.
                #expect(try await cluster.stint("enqueue", "reject", "--id", id, "--wait", "--json").code == 9)
            }
            try await worker.terminate()
            for id in ids[..<5] {
                #expect(try await cluster.stint("dead", "replay", id).code == 0)
                #expect(try await cluster.stint("cancel", id).code == 0)
            }
            for id in ids[5...] { #expect(try await cluster.stint("dead", "discard", id, "--yes").code == 0) }
            try await end(broker)

            let connections = try answers(in: cluster.contents("trace"))
            #expect(connections.count == ids.count + 2 * 5 + 4)
            for connection in connections.sorted(by: { $0.key < $1.key }) {
                #expect(connection.value.isAfterSync, "\(connection)")
                // Greeting, mechanism and its metadata, welcome, answer.
                #expect(connection.value.sends >= 5, "\(connection)")
            }
        }

        private struct Answer {
            var sends = 0
            /// How many syncs of the log had ended when the last message was sent.
            var syncs = 0
            /// Whether one ended between the last two messages.
            var isAfterSync = false
        }

        /// What was sent to each client, by the number of its socket, from the lines of a trace.
        private func answers(in trace: String) throws -> [Substring: Answer] {
            var answers: [Substring: Answer] = [:]
            var syncing: Set<Substring> = []
            var syncs = 0
            for line in trace.split(separator: "\n") {
                let thread = line.prefix { $0 != " " }
                if line.contains("fdatasync("), line.contains("stint.db-wal>") {
                    if line.contains("<unfinished") { syncing.insert(thread) } else { syncs += 1 }
                } else if line.contains("fdatasync resumed") {
                    if syncing.remove(thread) != nil { syncs += 1 }
                } else if line.contains("sendto("), line.contains("/c\"]>") {
                    let number = try #require(line.split(separator: "[").dropFirst().first).prefix { $0.isNumber }
                    var answer = answers[number] ?? Answer()
                    answer.isAfterSync = answer.sends > 0 && syncs > answer.syncs
                    answer.syncs = syncs
                    answer.sends += 1
                    answers[number] = answer
                }
            }
            return answers
        }

        /// A broker whose calls are recorded in the file `trace`.
        private func traced(_ cluster: Cluster, _ calls: String) async throws -> RunningProcess {
            let broker = try RunningProcess(
                Strace.tool,
                [
                    "-f", "-yy", "--seccomp-bpf", "-e", "trace=\(calls)", "-e", "signal=none", "-o",
                    cluster.path("trace"), StintProgram.path, "broker",
                ],
                environment: cluster.environmentUnderStrace, folder: cluster.folder)
            try await broker.line("ready", within: .seconds(30)) { $0.hasPrefix("ready") }
            return broker
        }

        /// A signal to the tracer would end the trace, not the broker.
        private func end(_ broker: RunningProcess) async throws {
            for child in ProcessTable.children(of: broker.id) { kill(child, SIGTERM) }
            #expect(try await broker.end() == .exited(0))
        }
    }
}
