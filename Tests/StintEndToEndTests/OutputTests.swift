import Foundation
import Testing

extension EndToEnd {
    /// What commands print, and where it cannot be printed.
    @Suite("Output") struct OutputTests {
        @Test("output that cannot be written ends with exit code 1 and a sentence", arguments: [">/dev/full", ">&-"])
        func unwritable(_ redirection: String) async throws {
            let cluster = try Cluster()
            let broker = try await cluster.broker()
            let waiting = try await cluster.enqueue("t")
            for words in [
                "status", "status --json", "jobs", "jobs --json", "job \(waiting)", "cancel \(waiting)", "--help",
            ] {
                let output = try await cluster.shell("$stint \(words) \(redirection)")
                #expect(output.code == 1, "\(words): \(output.errorText)")
                #expect(output.errorText.contains("stint: the output cannot be written: "), "\(words)")
            }
            // The job exists, so its id must not be lost.
            let id = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000"
            let enqueue = try await cluster.shell("$stint enqueue t --id \(id) \(redirection)")
            #expect(enqueue.code == 1)
            #expect(enqueue.errorText.contains("job \(id) is enqueued, but"), "\(enqueue.errorText)")
            #expect(try await cluster.job(id)["state"] == "ready")
            try await broker.terminate()
        }

        @Test("status --watch outlives the broker and goes on with the next")
        func watching() async throws {
            let cluster = try Cluster()
            let watch = try cluster.start("status", "--watch", "--json")
            try await watch.errorLine("word of the absence") { $0.contains("no broker at ipc://\(cluster.folder)/c") }
            let first = try await cluster.broker()
            try await watch.outputCount(atLeast: 2)
            try await first.terminate()
            let second = try await cluster.broker()
            let count = watch.outputLines.count
            try await watch.outputCount(atLeast: count + 1)
            watch.signal(SIGINT)
            #expect(try await watch.end() == .signalled(SIGINT))
            #expect(try watch.outputLines.allSatisfy { try JSON($0)["counts"]["ready"] == 0 })
            try await second.terminate()
        }
    }
}
