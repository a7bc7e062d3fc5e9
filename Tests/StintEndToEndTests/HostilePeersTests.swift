import Foundation
import Testing

extension EndToEnd {
    // Goal: whatever comes in through its sockets, a broker goes on, within its memory, and honest peers lose nothing.
    // Method: `stint-siege` at a small scale against the real program; `make siege` is the same at full scale, where it
    // also compares how long honest peers wait, which a busy machine cannot tell.
    @Suite("Hostile peers") struct HostilePeersTests {
        @Test("a broker under every attack lives on, within its memory, and every acknowledged job is done")
        func siege() async throws {
            let cluster = try Cluster()
            let program = URL(fileURLWithPath: StintProgram.path).deletingLastPathComponent()
                .appending(path: "stint-siege").path
            let siege = try RunningProcess(
                program,
                [
                    "--seconds", "0.5", "--flood", "10000", "--connections", "100", "--ratio", "0", "--memory", "700",
                    "--stint", StintProgram.path,
                ], environment: cluster.environment, folder: cluster.folder)
            let output = try await siege.result(within: .seconds(55))
            #expect(output.code == 0, "\(output.text)\n\(output.errorText)")
            #expect(output.text.contains("useless_messages"))
        }

        @Test("a broker that takes too much memory ends in order and says so; the next one has every job")
        func memory() async throws {
            let cluster = try Cluster()
            let broker = try await cluster.broker()
            let job = try await cluster.enqueue("mail", "{}")
            broker.signal(SIGTERM)
            #expect(try await broker.result().code == 0)
            // No broker fits into this.
            try cluster.write(#""limits": { "memory": "16MiB" }"#)
            let small = try cluster.start("broker")
            let output = try await small.result(within: .seconds(60))
            #expect(output.code == 1)
            #expect(output.errorText.contains("may take 16 (\"limits.memory\" of cluster.json)"), "\(output.errorText)")
            try cluster.write("")
            let next = try await cluster.broker()
            #expect(try await cluster.job(job)["state"].string == "ready")
            next.signal(SIGTERM)
            #expect(try await next.result().code == 0)
        }
    }
}
