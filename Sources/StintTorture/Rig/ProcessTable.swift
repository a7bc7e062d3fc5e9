import Foundation
import Glibc

/// What the kernel says about processes, also about those that are not the driver's own children.
enum ProcessTable {
    /// Every process that runs in this folder and has not ended: each part of a rig does, and what it starts.
    static func inside(_ folder: String) -> [pid_t] {
        let all = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { pid_t($0) }
        return all.filter { id in
            // A process that has ended has no folder any more.
            let place = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/cwd")
            return place == folder || place?.hasPrefix(folder + "/") == true
        }
    }

    static func arguments(of id: pid_t) -> String {
        let data = FileManager.default.contents(atPath: "/proc/\(id)/cmdline") ?? Data()
        return data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
    }
}
