import ArgumentParser
import Foundation
import Stint
import StintCore
import StintStore

struct Restore: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Puts a backup in the place of the store, and keeps what was there.",
        discussion: """
            The broker must be stopped. The jobs are then as they were at the backup: what was enqueued since is gone, \
            and what was completed since runs again. The store that was there is moved aside and not removed. No fencing \
            token of either is ever granted again.

            EXAMPLE  stint restore stint-2026-11-21.db
            """)

    @Argument(help: "The backup.") var file: String
    @OptionGroup var place: StoreOptions
    @Flag(help: "One JSON object.") var json = false

    func validate() throws {
        if file.isEmpty { throw ValidationError("the name of the file is empty") }
    }

    func run() throws {
        let now = WallTime(milliseconds: Int64(Date.now.timeIntervalSince1970 * 1_000))
        let report = try CommandError.translating {
            try StoreRestore.restore(URL(fileURLWithPath: file).path, to: try place.storePath, at: now)
        }
        guard json else {
            let kept = report.kept.map { "; what was there is \($0) now" } ?? ""
            return try StandardOutput.write(
                "restored \(report.jobs) jobs from \(file) (commit \(report.batch))\(kept). Start the broker.")
        }
        var line = JSONLine()
        line.add("store", report.path)
        line.add("jobs", Int(report.jobs))
        line.add("commit", Int(report.batch))
        line.add("epoch", Int(report.epoch))
        line.add("kept", report.kept)
        try StandardOutput.write(line.description)
    }
}
