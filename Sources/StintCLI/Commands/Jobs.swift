import ArgumentParser
import Foundation
import Stint
import StintCore

struct Jobs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Lists jobs, a page at a time.",
        discussion: """
            Without a state: newest first. ready: next to run first. scheduled: next due first. completed, dead and \
            cancelled: last finished first.

            EXAMPLE  stint jobs --state dead --type parse_paper --limit 20 --json
            """)

    @OptionGroup var connection: ConnectionOptions
    @Option(help: "waiting, scheduled, ready, leased, completed, dead or cancelled.") var state: JobStateArgument?
    @Option(help: "Only this type.") var type: String?
    @Option(parsing: .unconditional, help: "Jobs a page, 1 to 1000.") var limit = 50
    @Option(help: "Where the page begins: printed by the page before.") var cursor: String?
    @Flag(help: "One JSON object a line.") var json = false

    func validate() throws {
        guard (1...Limits.listMax).contains(limit) else {
            throw ValidationError("--limit is \(limit); expected 1 to \(Limits.listMax)")
        }
        try TypeName.check(type)
        if let cursor, JobCursor(cursor) == nil { throw ValidationError("--cursor is not one that a page printed") }
    }

    func run() async throws {
        try await connection.withClient { client in
            let page = try await client.jobs(
                state: state?.state, type: type, limit: limit, cursor: cursor.flatMap(JobCursor.init))
            if json {
                if !page.jobs.isEmpty {
                    try StandardOutput.write(page.jobs.map(\.briefLine.description).joined(separator: "\n"))
                }
            } else if page.jobs.isEmpty {
                StandardError.write("stint: no jobs")
            } else {
                try StandardOutput.write(page.jobs.table.printed())
            }
            if let next = page.next { StandardError.write("stint: more: add --cursor \(next)") }
        }
    }
}

struct JobStateArgument: ExpressibleByArgument {
    let state: JobState

    init?(argument: String) {
        guard let state = JobState(name: argument) else { return nil }
        self.state = state
    }

    static var allValueStrings: [String] { JobState.allCases.map(\.name) }
}

extension JobID {
    /// Of a word of the command line.
    static func parsed(_ word: String) throws -> JobID {
        guard let id = JobID(word) else {
            throw ValidationError("expected a UUID, 36 characters, as printed by enqueue")
        }
        return id
    }
}

extension TypeName {
    /// - Throws: `ValidationError` when an option names what no type can be called.
    static func check(_ type: String?, option: String = "--type") throws {
        guard let type, !isValid(type) else { return }
        throw ValidationError("\(option) is \"\(type)\", which is no type name: expected \(rule)")
    }
}

struct JobCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job", abstract: "Shows everything about one job.",
        discussion: "EXAMPLE  stint job 019aa5b2-5c1e-7d3f-8a90-2f6f3c1d9e11 --json")

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The job's id.", transform: JobID.parsed) var id: JobID
    @Flag(help: "One JSON object.") var json = false

    func run() async throws {
        try await connection.withClient { client in
            let job = try await client.job(id)
            try StandardOutput.write(json ? job.jsonLine.description : job.page)
        }
    }
}

struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Keeps a job from running, or stops it.",
        discussion: """
            A running job's handler is told and has its grace to stop; until then its answer stands, so a job that \
            completes in time is completed.

            EXAMPLE  stint cancel 019aa5b2-5c1e-7d3f-8a90-2f6f3c1d9e11
            """)

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The job's id.", transform: JobID.parsed) var id: JobID
    @Flag(help: "One JSON object.") var json = false

    func run() async throws {
        try await connection.withClient { client in
            let outcome = try await client.cancel(id)
            if json {
                var line = JSONLine()
                line.add("id", id.description)
                line.add("was_running", outcome == .requested)
                return try StandardOutput.write(line)
            }
            switch outcome {
            case .cancelled: try StandardOutput.write("cancelled")
            case .requested: try StandardOutput.write("it is running; its handler has been told to stop")
            }
        }
    }
}
