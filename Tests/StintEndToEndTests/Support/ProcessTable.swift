import Foundation
import Glibc

/// What the kernel says about processes that are not the test's own children.
enum ProcessTable {
    private struct Entry {
        let id: pid_t
        let parent: pid_t
        let isZombie: Bool
    }

    private static func entry(_ id: pid_t) -> Entry? {
        guard let text = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8),
            let fields = text.split(separator: ")").last?.split(separator: " "), fields.count > 1,
            let parent = pid_t(fields[1])
        else { return nil }
        return Entry(id: id, parent: parent, isZombie: fields[0] == "Z")
    }

    private static var all: [Entry] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { pid_t($0).flatMap(entry) }
    }

    /// A process that has ended but was not reaped yet is not alive.
    static func isAlive(_ id: pid_t) -> Bool { entry(id).map { !$0.isZombie } ?? false }

    static func children(of id: pid_t) -> [pid_t] {
        all.filter { $0.parent == id && !$0.isZombie }.map(\.id)
    }

    static func descendants(of id: pid_t) -> [pid_t] {
        let entries = all
        var found: [pid_t] = []
        var parents: Set<pid_t> = [id]
        while !parents.isEmpty {
            let next = entries.filter { parents.contains($0.parent) && !$0.isZombie }.map(\.id)
            found += next
            parents = Set(next)
        }
        return found
    }

    /// The kernel's number of a thread.
    static func thread(named name: String, of id: pid_t) -> pid_t? {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/task")) ?? []
        return threads.compactMap(pid_t.init).first { thread in
            let found = try? String(contentsOfFile: "/proc/\(id)/task/\(thread)/comm", encoding: .utf8)
            return found == name + "\n"
        }
    }

    static func arguments(of id: pid_t) -> [String] {
        guard let data = FileManager.default.contents(atPath: "/proc/\(id)/cmdline") else { return [] }
        return data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Every process that runs in this folder.
    static func inside(_ folder: String) -> [pid_t] {
        all.filter { entry in
            !entry.isZombie
                && (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(entry.id)/cwd")) == folder
        }.map(\.id)
    }

    /// Waits until none of these processes is alive.
    static func ended(_ ids: [pid_t], within limit: Duration) async throws {
        try await eventually("end of processes \(ids.filter(isAlive).map(arguments))", within: limit) {
            ids.contains(where: isAlive) ? nil : ()
        }
    }
}
