import ArgumentParser
import Foundation
import Glibc
import Stint
import StintCore

struct Dead: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Looks after the dead letters: jobs that used their attempts or were rejected.",
        discussion: """
            EXAMPLES
              stint dead list --type parse_paper
              stint dead show 019aa5b2-5c1e-7d3f-8a90-2f6f3c1d9e11
              stint dead replay --all --dry-run
            """,
        subcommands: [List.self, Show.self, Replay.self, Discard.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists dead jobs, last died first.", discussion: "EXAMPLE  stint dead list --type parse_paper")

        @OptionGroup var connection: ConnectionOptions
        @Option(help: "Only this type.") var type: String?
        @Option(parsing: .unconditional, help: "Jobs a page, 1 to 1000.") var limit = 50
        @Option(help: "Where the page begins: printed by the page before.") var cursor: String?
        @Flag(help: "One JSON object a line.") var json = false

        func validate() throws { try jobs.validate() }

        func run() async throws { try await jobs.run() }

        private var jobs: Jobs {
            var jobs = Jobs()
            jobs.connection = connection
            jobs.state = JobStateArgument(argument: "dead")
            jobs.type = type
            jobs.limit = limit
            jobs.cursor = cursor
            jobs.json = json
            return jobs
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows one dead job with its whole history.",
            discussion: "EXAMPLE  stint dead show 019aa5b2-5c1e-7d3f-8a90-2f6f3c1d9e11")

        @OptionGroup var connection: ConnectionOptions
        @Argument(help: "The job's id.", transform: JobID.parsed) var id: JobID
        @Flag(help: "One JSON object.") var json = false

        func run() async throws {
            try await connection.withClient { client in
                let job = try await client.job(id)
                guard job.state == .dead else {
                    throw CommandError(.conflict, "job \(id) is \(job.state.name), not dead; \"stint job\" shows it")
                }
                try StandardOutput.write(json ? job.jsonLine.description : job.page)
            }
        }
    }

    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Puts dead jobs back into their lines: same ids, fresh attempts, history kept.",
            discussion: """
                EXAMPLES
                  stint dead replay 019aa5b2-5c1e-7d3f-8a90-2f6f3c1d9e11
                  stint dead replay --type parse_paper --dry-run
                  stint dead replay --all --yes
                """)

        @OptionGroup var connection: ConnectionOptions
        @OptionGroup var selection: SelectionOptions

        func run() async throws {
            try await selection.carryOut("replay", "replayed", connection) { client, selection, dryRun in
                try await client.replayDead(selection, dryRun: dryRun)
            }
        }
    }

    struct Discard: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Removes dead jobs for good, with their history.",
            discussion: """
                EXAMPLES
                  stint dead discard 019aa5b2-5c1e-7d3f-8a90-2f6f3c1d9e11 --yes
                  stint dead discard --all --dry-run
                """)

        @OptionGroup var connection: ConnectionOptions
        @OptionGroup var selection: SelectionOptions

        func run() async throws {
            try await selection.carryOut("discard", "discarded", connection) { client, selection, dryRun in
                try await client.discardDead(selection, dryRun: dryRun)
            }
        }
    }

    /// Which dead jobs, and how sure.
    struct SelectionOptions: ParsableArguments {
        @Argument(help: "Ids of dead jobs: all of them or, if one is not dead, none.", transform: JobID.parsed)
        var ids: [JobID] = []
        @Option(help: "All dead jobs of this type.") var type: String?
        @Flag(help: "All dead jobs.") var all = false
        @Flag(help: "Only say how many it would be.") var dryRun = false
        @Flag(help: "Do not ask.") var yes = false
        @Flag(help: "One JSON object.") var json = false

        func validate() throws {
            let ways = (ids.isEmpty ? 0 : 1) + (type == nil ? 0 : 1) + (all ? 1 : 0)
            guard ways == 1 else { throw ValidationError("Give exactly one of: ids, --type TYPE, --all.") }
            guard ids.count <= Limits.listMax else {
                throw ValidationError("\(ids.count) ids; at most \(Limits.listMax) at a time")
            }
            try TypeName.check(type)
        }

        private var selection: StintClient.DeadSelection {
            if let type { return .type(type) }
            return all ? .all : .ids(ids)
        }

        /// Asks first where much, or something for good, is about to happen: on a terminal with a question, elsewhere by
        /// refusing without `--yes`.
        func carryOut(
            _ verb: String, _ done: String, _ connection: ConnectionOptions,
            _ body: (StintClient, StintClient.DeadSelection, Bool) async throws -> (jobs: Int, operation: Int)
        ) async throws {
            try await connection.withClient { client in
                let isDestructive = verb == "discard" || ids.isEmpty
                if isDestructive, !dryRun, !yes {
                    let count = try await body(client, selection, true).jobs
                    try confirm("\(verb) \(count) dead job\(count == 1 ? "" : "s")")
                }
                let (jobs, operation) = try await body(client, selection, dryRun)
                if json {
                    var line = JSONLine()
                    line.add("jobs", jobs)
                    line.add("dry_run", dryRun)
                    line.add("operation", operation)
                    return try StandardOutput.write(line)
                }
                if dryRun { return try StandardOutput.write("would \(verb) \(jobs)") }
                if operation == 0 { return try StandardOutput.write("\(done) \(jobs)") }
                // Carried out step by step, and not done yet.
                try StandardOutput.write(
                    "begun to \(verb) \(jobs) (operation \(operation); stint status shows it until it is done)")
            }
        }

        private func confirm(_ what: String) throws {
            guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else {
                throw CommandError(.usage, "this would \(what); add --yes to do it, or --dry-run to only look")
            }
            FileHandle.standardError.write(Data("\(what)? [y/N] ".utf8))
            guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
                throw CommandError(.failure, "nothing was done")
            }
        }
    }
}
