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
    }
}
