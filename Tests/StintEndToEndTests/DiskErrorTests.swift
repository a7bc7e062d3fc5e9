import Foundation
import Testing

extension EndToEnd {
    /// A disk that reports an error under a running broker. Every call of a script in turn is the business of
    /// `make disk-faults`, which runs the store alone; here some are made to fail under the real program.
    ///
    /// Method: the calls of the broker are tampered with by strace, which counts them for each of its threads.
    @Suite("An error of the disk", .enabled(if: Tracer.isUsable, "strace is missing or may not trace"))
    struct DiskErrorTests {
        @Test(
            "a sync or a write that fails ends the broker without another word, and the next one has what was acknowledged",
            arguments: ["fdatasync:error=EIO:when=6", "fdatasync:error=EIO:when=12", "pwrite64:error=EIO:when=40"])
        func failure(injection: String) async throws {
            let cluster = try Cluster()
            // The database is made before anything fails.
            try await cluster.broker().terminate()
            let broker = try RunningProcess(
                Tracer.path, ["-f", "-o", "/dev/null", "-e", "inject=\(injection)", StintProgram.path, "broker"],
                environment: cluster.environmentUnderStrace, folder: cluster.folder)
            try await broker.line("ready") { $0.hasPrefix("ready") }
            var acknowledged: [String] = []
            while acknowledged.count < 400 {
                // No broker is there to answer any more once one has failed.
                let output = try await cluster.stint("enqueue", "mail")
                guard output.code == 0 else {
                    #expect(output.code == 6 || output.code == 7, "\(output.errorText)")
                    break
                }
                acknowledged.append(output.text)
            }
            #expect(try await broker.end() == .exited(1))
            #expect(broker.errorLines.contains { $0.contains("the store failed") }, "\(broker.errorLines.suffix(3))")
            let next = try await cluster.broker()
            let found = Set(try await cluster.jobs("--state", "ready").compactMap { $0["id"].string })
            #expect(found.isSuperset(of: acknowledged))
            // The one whose outcome was unknown, at most.
            #expect(found.count <= acknowledged.count + 1)
            try await next.terminate()
        }
    }
}

private enum Tracer {
    static let path = "/usr/bin/strace"

    static let isUsable: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = ["-o", "/dev/null", "/bin/true"]
        process.standardError = FileHandle.nullDevice
        guard FileManager.default.isExecutableFile(atPath: path), (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()
}
