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
            let trace = cluster.path("trace")
            let broker = try RunningProcess(
                Strace.tool,
                ["-f", "-y", "--seccomp-bpf", "-e", "trace=fdatasync,fsync", "-o", trace, StintProgram.path, "broker"],
                environment: cluster.environment, folder: cluster.folder)
            try await broker.line("ready", within: .seconds(30)) { $0.hasPrefix("ready") }
            let jobs = 40
            for number in 0..<jobs { _ = try await cluster.enqueue("a", "\(number)") }
            // A signal to the tracer would end the trace, not the broker.
            for child in ProcessTable.children(of: broker.id) { kill(child, SIGTERM) }
            #expect(try await broker.end() == .exited(0))
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
    }
}

/// The tool that records system calls.
private enum Strace {
    static let tool = "/usr/bin/strace"

    static let isUsable: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: tool)
        process.arguments = ["--seccomp-bpf", "-f", "-o", "/dev/null", "/bin/true"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()
}
