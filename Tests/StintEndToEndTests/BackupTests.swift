import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// Backups of a running broker, and what a restore brings back.
    @Suite("Backup and restore") struct BackupTests {
        @Test(
            "a backup under load holds every job that was acknowledged before it began, and restores to a cluster that goes on"
        )
        func underLoad() async throws {
            let cluster = try Cluster()
            let broker = try await cluster.broker()
            var acknowledged: [String] = []
            for number in 0..<3 {
                let payload = #"{"n":\#(number)}"#
                acknowledged.append(try await cluster.enqueue("mail", payload))
            }
            // Commits all through the backups: jobs that come, and jobs that end.
            let load = try cluster.start("enqueue", "bench", "-", input: Self.lines(5_000))
            let worker = try await cluster.benchWorker()
            for number in 0..<3 {
                let before = acknowledged
                let output = try await cluster.stint("backup", "backup\(number).db", "--json")
                #expect(output.code == 0, "\(output.errorText)")
                #expect(try output.json["jobs"].int ?? 0 >= before.count)
                acknowledged.append(try await cluster.enqueue("mail"))
            }
            #expect(try await load.result(within: .seconds(120)).code == 0)
            let refused = try await cluster.stint("restore", "backup1.db")
            #expect(refused.code == 5)
            #expect(refused.errorText.contains("in use by process"), "\(refused.errorText)")
            try await worker.terminate()
            try await broker.terminate()

            let restored = try await cluster.stint("restore", "backup1.db", "--json")
            #expect(restored.code == 0, "\(restored.errorText)")
            let kept = try #require(restored.json["kept"].string)
            #expect(FileManager.default.fileExists(atPath: kept))
            let next = try await cluster.broker()
            // Enqueued before the second backup began: the first four.
            for id in acknowledged.prefix(4) { #expect(try await cluster.job(id)["state"] == "ready") }
            #expect(try await cluster.stint("job", acknowledged[4]).code == 3)
            // What the backup knows as not done is done now, and nothing is refused as a stranger's.
            let again = try await cluster.benchWorker()
            _ = try await eventually("an empty line", within: .seconds(60)) {
                try await cluster.status()["types"]["bench"]["counts"]["ready"] == 0 ? () : nil
            }
            let counts = try await cluster.status()["counts"]
            #expect(counts["dead"] == 0 && counts["ready"] == 4)
            try await again.terminate()
            try await next.terminate()
        }

        @Test("backup and restore say what is wrong, with the exit code for it")
        func refusals() async throws {
            let cluster = try Cluster()
            let none = try await cluster.stint("backup", "backup.db")
            #expect(none.code == 3)
            #expect(none.errorText.contains("there is no database"), "\(none.errorText)")
            let broker = try await cluster.broker()
            try await broker.terminate()
            #expect(try await cluster.stint("backup", "backup.db").code == 0)
            let again = try await cluster.stint("backup", "backup.db")
            #expect(again.code == 5)
            #expect(again.errorText.contains("nothing is overwritten"), "\(again.errorText)")
            #expect(try await cluster.stint("restore", "nothing.db").code == 3)
            try cluster.write("text.db", "no database at all")
            let text = try await cluster.stint("restore", "text.db")
            #expect(text.code == 1)
            #expect(text.errorText.contains("not a database"), "\(text.errorText)")
        }

        @Test("a damaged page that only a question needs refuses the question, and the broker goes on")
        func damagedAnswer() async throws {
            let cluster = try Cluster()
            var broker = try await cluster.broker()
            #expect(try await cluster.stint("enqueue", "bench", "-", input: Self.lines(200)).code == 0)
            let worker = try await cluster.benchWorker()
            try await eventually("an empty line", within: .seconds(60)) {
                try await cluster.status()["counts"]["completed"] == 200 ? () : nil
            }
            let job = try #require(try await cluster.jobs("--state", "completed").last?["id"].string)
            try await worker.terminate()
            try await broker.terminate()
            try Self.damagePage(holding: job, in: cluster.path("store/stint.db"))
            broker = try await cluster.broker()
            let damaged = try await cluster.stint("job", job)
            #expect(damaged.code == 5)
            #expect(damaged.errorText.contains("is damaged. The rest is served"), "\(damaged.errorText)")
            #expect(try await cluster.stint("enqueue", "mail").code == 0)
            #expect(try await cluster.stint("backup", "backup.db").code == 1)
            try await broker.terminate()
        }

        @Test("a damaged page that the broker needs ends it once, and the next start names the page instead of trying")
        func damagedLine() async throws {
            let cluster = try Cluster()
            var broker = try await cluster.broker()
            #expect(try await cluster.stint("enqueue", "bench", "-", input: Self.lines(200)).code == 0)
            let oldest = try #require(try await cluster.jobs("--state", "ready").first?["id"].string)
            try await broker.terminate()
            let path = cluster.path("store/stint.db")
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            try Self.damagePage(holding: oldest, in: path)
            broker = try cluster.start("broker")
            let worker = try cluster.start("bench-work", environment: ["STINT_WORKERS": "ipc://\(cluster.folder)/w"])
            #expect(try await broker.end() == .exited(1))
            let refused = try await cluster.stint("broker")
            #expect(refused.code == 1)
            #expect(refused.errorText.contains("of the database"), "\(refused.errorText)")
            #expect(refused.errorText.contains("stint restore"), "\(refused.errorText)")
            // Whoever mends the file is served again.
            try whole.write(to: URL(fileURLWithPath: path))
            broker = try await cluster.broker()
            try await eventually("an empty line", within: .seconds(60)) {
                try await cluster.status()["counts"]["completed"] == 200 ? () : nil
            }
            try await worker.terminate()
            try await broker.terminate()
        }

        private static func lines(_ count: Int) -> String {
            String(repeating: "\"0123456789012345678901234567890123456789\"\n", count: count)
        }

        /// Turns a byte of the page that the row of a job lies on: there its id stands as bytes, beside the index.
        private static func damagePage(holding id: String, in path: String) throws {
            var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
            let digits = Array(id.replacing("-", with: ""))
            let raw = stride(from: 0, to: digits.count, by: 2).compactMap {
                UInt8(String(digits[$0...$0 + 1]), radix: 16)
            }
            var place: Int?
            var start = 0
            while let found = bytes[start...].firstRange(of: raw) {
                // The page of the table begins with 13; that of the index, with 10, stays whole.
                if bytes[found.lowerBound / 4_096 * 4_096] == 13 { place = found.lowerBound }
                start = found.upperBound
            }
            bytes[try #require(place) / 4_096 * 4_096 + 4_000] ^= 1
            try Data(bytes).write(to: URL(fileURLWithPath: path))
        }
    }
}
