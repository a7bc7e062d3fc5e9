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

extension Cluster {
    /// For a program that begins under the tool: LeakSanitizer stops a process by the same means, of which there is one
    /// at a time, and ends it where it cannot. The rest of AddressSanitizer works.
    var environmentUnderStrace: [String: String] {
        environment.merging(environment["ASAN_OPTIONS"].map { ["ASAN_OPTIONS": $0 + ":detect_leaks=0"] } ?? [:]) { $1 }
    }
}
