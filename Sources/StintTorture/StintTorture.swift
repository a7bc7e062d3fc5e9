import ArgumentParser
import Foundation
import Glibc
import StintCore

/// Runs a cluster of real processes, does to it what production does on its worst days, and judges from outside whether
/// anything that was acknowledged was lost or counted twice.
///
///     stint-torture                        all scenarios
///     stint-torture kill stop --seed 7
///     stint-torture soak --hours 2
@main
struct StintTorture: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stint-torture",
        abstract: "Torments a cluster of real processes and judges what became of its jobs.",
        subcommands: [Run.self, Soak.self, Rejudge.self, Load.self, Work.self, Drain.self, Strangers.self],
        defaultSubcommand: Run.self)
}

/// What a run and a soak have in common.
struct Frame: ParsableArguments {
    @Option(help: ArgumentHelp("Every draw of a scenario comes from it; a new one unless given.", valueName: "N"))
    var seed: UInt64?
    @Option(help: ArgumentHelp("Where the clusters are built (default: a new folder in /tmp).", valueName: "folder"))
    var folder: String?
    @Flag(help: "Keep the folders of scenarios that passed, too.") var keep = false
    @Flag(help: "One JSON object a line.") var json = false

    func makeFolder() throws -> String {
        if let folder {
            let path = URL(fileURLWithPath: folder).path
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            return path
        }
        var template = Array("/tmp/stint-torture-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func makeSeed() -> UInt64 { seed ?? .random(in: 1...999_999_999) }
}

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs scenarios, each on a cluster of its own.",
        discussion: """
            One line of figures for each. The exit code is 1 when a rule was broken: then the seed, what was found, the \
            folder with store, logs and ledger, and the command to repeat it are printed. A scenario that this machine \
            does not permit is told as "not run".

            SCENARIOS
            \(Scenario.all.map { "  \($0.name.padding(toLength: 10, withPad: " ", startingAt: 0)) \($0.about)" }
                .joined(separator: "\n"))
            """)

    @Argument(help: "Which; all of them unless given.") var scenarios: [String] = []
    @OptionGroup var frame: Frame
    @OptionGroup var sizes: Sizes

    func validate() throws {
        for name in scenarios where Scenario.named(name) == nil {
            throw ValidationError(
                "\"\(name)\" is no scenario; there are: \(Scenario.all.map(\.name).joined(separator: ", "))")
        }
    }

    func run() async throws {
        let reporter = Reporter(frame: frame, seed: frame.makeSeed(), folder: try frame.makeFolder())
        let chosen = scenarios.isEmpty ? Scenario.all : scenarios.compactMap(Scenario.named)
        var broken = 0
        for scenario in chosen where await !reporter.perform(scenario, sizes) { broken += 1 }
        if broken > 0 { throw ExitCode.failure }
    }
}
