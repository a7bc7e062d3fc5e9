import Foundation

/// The tool that records, delays and fails system calls.
enum Strace {
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
