import Foundation
import Testing

/// Watches the system calls of this very process, with the tool of that name.
enum Strace {
    private static let tool = "/usr/bin/strace"

    static let isUsable: Bool = {
        guard FileManager.default.isExecutableFile(atPath: tool) else { return false }
        // With a scope of 1 only a parent may trace its child, and here it is the other way round.
        let scope = try? String(contentsOfFile: "/proc/sys/kernel/yama/ptrace_scope", encoding: .utf8)
        guard geteuid() == 0 || scope == nil || scope?.hasPrefix("0") == true else { return false }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: tool)
        process.arguments = ["-o", "/dev/null", "/bin/true"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    /// The calls of these kinds that were made while `body` ran, by any thread, with the paths of their files.
    static func trace(_ calls: String, output: String, _ body: () throws -> Void) throws -> [String] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: tool)
        process.arguments = ["-f", "-y", "-e", "trace=\(calls)", "-o", output, "-p", "\(getpid())"]
        let messages = Pipe()
        process.standardError = messages
        try process.run()
        // Its first words come when it is attached to every thread.
        let words = String(decoding: messages.fileHandleForReading.availableData, as: UTF8.self)
        try #require(words.contains("attached"), "\(words)")
        // A child inherits the signals that this thread blocks, which are nearly all; and a tracer that is killed lets
        // go of its process, with every line written that it has seen.
        defer {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        try body()
        return try String(contentsOfFile: output, encoding: .utf8).split(separator: "\n").map(String.init)
    }
}
