import ArgumentParser

/// A program as a user of Stint would write it: one executable that is both the worker of a pool (`work`, what
/// cluster.json starts) and the producer of jobs (`run`).
@main
struct StintDocuments: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stint-documents",
        abstract: "Reads documents, finds what they claim and whom they name, and writes a report.",
        subcommands: [WorkCommand.self, RunCommand.self],
        defaultSubcommand: WorkCommand.self)
}
