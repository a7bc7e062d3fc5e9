import Foundation

/// The last resort against peers that fill memory in ways nothing else bounds: how much this process takes, and how much
/// it may. Beyond it the broker ends in order, everything acknowledged on disk, and whoever supervises it starts the next
/// one, which adopts what runs. That costs a second; being killed by the kernel would cost as much and say nothing.
struct MemoryWatch: Sendable {
    /// Bytes of resident memory.
    let most: UInt64

    /// - Parameter most: Nil: three quarters of what this process may have at all.
    init(most: UInt64?) { self.most = most ?? Self.available.map { $0 / 4 * 3 } ?? UInt64(Int64.max) }

    /// What the host has, or less where a control group says so.
    static var available: UInt64? {
        let host = words(of: "/proc/meminfo").dropFirst().first.flatMap { UInt64($0) }.map { $0 * 1_024 }
        let own = (try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8)) ?? ""
        let groups = groupFiles(of: own) + ["/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        return ([host] + groups.map { words(of: $0).first.flatMap { UInt64($0) } }).compactMap { $0 }.min()
    }

    /// Where the bounds of a process stand: of its control group and of each that holds it, the whole host's last.
    ///
    /// - Parameter text: As /proc/PID/cgroup shows it; `0::/system.slice/stint.service`.
    static func groupFiles(of text: String) -> [String] {
        let line = text.split(separator: "\n").first { $0.hasPrefix("0::/") }
        var names = line.map { $0.dropFirst(4).split(separator: "/") } ?? []
        var files: [String] = []
        while true {
            files.append((["/sys/fs/cgroup"] + names.map(String.init) + ["memory.max"]).joined(separator: "/"))
            guard names.popLast() != nil else { return files }
        }
    }

    private static func words(of path: String) -> [Substring] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
        return text.split { $0 == " " || $0 == "\n" }
    }
}

/// When the C library is asked to give back what it keeps of memory that was freed. By itself it keeps nearly all that a
/// flood of messages took, because a few live pieces lie between. Asking costs some milliseconds in which other threads
/// wait for memory, so it is done when it may be worth it, and not soon again.
struct MemoryReturn: Sendable {
    /// What the process took after the last time, or less since.
    private var low = UInt64.max
    private var roundsToWait = 0

    static let growth: UInt64 = 64 * 1_048_576
    static let rounds = 5

    /// Called once a second.
    mutating func isDue(resident: UInt64) -> Bool {
        low = min(low, resident)
        roundsToWait = max(0, roundsToWait - 1)
        return roundsToWait == 0 && resident >= low + Self.growth
    }

    /// It was asked; so much is taken now.
    mutating func done(resident: UInt64) {
        low = resident
        roundsToWait = Self.rounds
    }
}

/// How much memory the process takes, and how much it may.
package struct MemoryExcess: Hashable, Sendable {
    package var resident: UInt64
    package var most: UInt64
}
