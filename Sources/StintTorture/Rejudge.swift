import ArgumentParser
import Foundation

/// Judges once more what a scenario left behind, and nothing else: to look into a failure, and to see the judge find one.
struct Rejudge: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "judge", abstract: "Judges the folder of a rig again.",
        discussion: "The folder is the one with ledger, effects and store, in which nothing runs any more.")

    @Argument(help: "The folder of one rig, such as …/kill/kill.") var folder: String

    func run() throws {
        let path = URL(fileURLWithPath: folder).path
        let stores = ["store", "\(SmallDisk.place)/store"].map { "\(path)/\($0)/stint.db" }
        guard let store = stores.first(where: FileManager.default.fileExists) else {
            throw ValidationError("\"\(folder)\" has no store/stint.db; name the folder of a rig")
        }
        let judge = try Judge(folder: path, store: store)
        print(judge.figures.line)
        for violation in judge.violations { print(violation) }
        if !judge.violations.isEmpty { throw ExitCode.failure }
    }
}
