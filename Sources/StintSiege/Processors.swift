import Foundation

/// Which processors of this host are whose. Real attackers bring their own; where there are three or more, these have the last
/// one, and broker, worker and honest peers have the others, in quiet as well as under attack. Of two nobody can spare one:
/// a broker has two threads that work.
enum Processors {
    /// Leaves the attackers theirs, from this process and from all that it starts.
    static func leaveToAttackers() { if last > 1 { keep("0-\(last - 1)") } }
    static func takeAsAttacker() { if last > 1 { keep("\(last)") } }

    private static var last: Int { ProcessInfo.processInfo.processorCount - 1 }

    /// Where the host does not know taskset(1), or gives this process fewer processors, attackers share those of honest peers.
    private static func keep(_ list: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/taskset")
        process.arguments = [
            "--all-tasks", "--cpu-list", "--pid", list, "\(ProcessInfo.processInfo.processIdentifier)",
        ]
        process.standardOutput = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return }
        process.waitUntilExit()
    }
}
