import ArgumentParser
import Foundation
import Stint
import StintCore
import StintStore

struct Backup: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copies the store into one file, while the broker runs or while none does.",
        discussion: """
            The file holds everything that was acknowledged before the command began. It is checked in full before it \
            gets its name; none is overwritten. Run it on the broker's host, as the user of the broker.

            EXAMPLE  stint backup stint-$(date +%F).db
            """)

    @Argument(help: "The file to make.") var file: String
    @OptionGroup var place: StoreOptions
    @Flag(help: "One JSON object.") var json = false

    func validate() throws {
        if file.isEmpty { throw ValidationError("the name of the file is empty") }
    }

    func run() throws {
        let report = try CommandError.translating {
            try StoreBackup.take(of: try place.storePath, to: URL(fileURLWithPath: file).path)
        }
        guard json else {
            return try StandardOutput.write(
                "backed up \(report.jobs) jobs to \(file) (commit \(report.batch), \(report.bytes) bytes)")
        }
        var line = JSONLine()
        line.add("file", report.path)
        line.add("bytes", Int(report.bytes))
        line.add("jobs", Int(report.jobs))
        line.add("commit", Int(report.batch))
        line.add("epoch", Int(report.epoch))
        try StandardOutput.write(line.description)
    }
}

/// Where the store of a cluster lies, for the commands that look at it without a broker.
struct StoreOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The cluster's file (default: ./cluster.json).", valueName: "file"))
    var config: String?
    @Option(help: ArgumentHelp("The store lies in this folder, instead of the file's.", valueName: "folder"))
    var data: String?

    func validate() throws {
        if data == "" { throw ValidationError("--data is empty; expected a folder") }
    }

    var storePath: String {
        get throws {
            var options = ConnectionOptions()
            options.config = config
            options.connect = nil
            return try options.load(flags: Up.flags(data: data)).brokerConfiguration.storePath
        }
    }
}

extension CommandError {
    /// Runs something on a store, with its errors turned into those of a command.
    static func translating<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as StoreError {
            let status: ExitStatus =
                switch error.code {
                case .missing: .notFound
                case .exists, .inUse: .conflict
                case .notWritable, .corrupt, .full, .tooNew, .rolledBack, .failed: .failure
                }
            throw CommandError(status, error.description)
        }
    }
}
