import ArgumentParser
import Foundation

/// Plants bugs and measures how soon simulated lives find them.
///
///     stint-planted
///     stint-planted skip-the-fence ack-early --seeds 300
///     stint-planted --check
@main
struct StintPlanted: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stint-planted",
        abstract: "Plants bugs and measures how soon simulated lives find them.",
        discussion: """
            The bugs stand in Tests/PlantedBugs, as changes of the sources. All of them are built into one simulator, in \
            a folder of its own; a variable of the environment wakes one of them. First that simulator has to live just \
            as the real one while all bugs sleep. Then each bug meets the lives of the seeds from 1 on until one of them \
            breaks a rule, ends the process, never ends, or is another life in a second process. Exit code 1: some bug \
            was not found. Run it where Package.swift is.
            """)

    @Argument(help: ArgumentHelp("Only these bugs; all unless given.", valueName: "bug"))
    var names: [String] = []

    @Option(help: "Lives that each bug meets at most.")
    var seeds: UInt64 = 10_000

    @Option(help: "The first life, for what is known to survive those before.")
    var from: UInt64 = 1

    @Flag(help: "Only say whether the catalogue fits the sources.")
    var check = false

    @Flag(help: "Write what was found into the table of docs/SIMULATION.md.")
    var write = false

    func run() throws {
        let catalogue = try Scratch.catalogue()
        for name in names where !catalogue.contains(where: { $0.name == name }) {
            throw ValidationError("no planted bug is called \"\(name)\"; see \(Catalogue.folder).")
        }
        _ = try Planting(catalogue) { Scratch.text(of: $0) }
        if check { return tell("\(catalogue.count) bugs fit the sources") }
        try Scratch.write(catalogue)
        try build()
        try compareAsleep()
        var rows: [ResultTable.Row] = []
        for bug in catalogue where names.isEmpty || names.contains(bug.name) {
            let row = try Search(simulator: Scratch.simulator, bug: bug).run(from...seeds)
            rows.append(row)
            FileHandle.standardOutput.write(Data((row.text + "\n").utf8))
            if write { try record(rows, catalogue) }
        }
        var table = ResultTable(page: "")
        table.update(rows, catalogue: catalogue)
        tell(table.summary)
        if rows.contains(where: { $0.lives == nil }) { throw ExitCode.failure }
    }

    private func build() throws {
        tell("Building the simulator with all bugs in it (log: .build/logs/build-planted.log)")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c",
            """
            mkdir -p .build/logs
            exec swift build --package-path "$0" --scratch-path "$1" --configuration release --product stint-sim \
            >.build/logs/build-planted.log 2>&1 </dev/null
            """,
            Scratch.package, "\(Scratch.folder)/build",
        ]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let log = Scratch.text(of: ".build/logs/build-planted.log") ?? ""
            for line in log.split(separator: "\n") where line.contains(" error: ") { tell(String(line)) }
            throw CleanExit.message("the build with the planted bugs failed: see .build/logs/build-planted.log")
        }
    }

    /// The table is about the real broker only if nothing but the bugs differs.
    private func compareAsleep() throws {
        var real: [UInt64: String] = [:]
        var planted: [UInt64: String] = [:]
        let lives: ClosedRange<UInt64> = 1...20
        _ = try Lives(simulator: ".build/release/stint-sim").run(lives, digests: &real)
        _ = try Lives(simulator: Scratch.simulator).run(lives, digests: &planted)
        guard real == planted, real.count == lives.count else {
            throw ValidationError(
                """
                with all bugs asleep the simulator lives otherwise than .build/release/stint-sim; build both from the \
                same sources ("make planted" does)
                """)
        }
    }

    private func record(_ rows: [ResultTable.Row], _ catalogue: [PlantedBug]) throws {
        let page = Scratch.text(of: ResultTable.page) ?? ""
        var table = ResultTable(page: page)
        table.update(rows, catalogue: catalogue)
        guard let written = table.written(into: page) else {
            throw ValidationError("\(ResultTable.page) has no table of planted bugs.")
        }
        try Data(written.utf8).write(to: URL(fileURLWithPath: ResultTable.page))
    }

    private func tell(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}

/// Looks for the first life that shows a bug.
struct Search {
    /// So many lives are lived again in a second process: what is decided by the order of a Set is another life there.
    private static let twice: UInt64 = 12

    let simulator: String
    let bug: PlantedBug

    func run(_ seeds: ClosedRange<UInt64>) throws -> ResultTable.Row {
        let lives = Lives(simulator: simulator, bug: bug)
        let first = seeds.lowerBound...min(seeds.upperBound, seeds.lowerBound + Self.twice - 1)
        var digests: [UInt64: String] = [:]
        var again: [UInt64: String] = [:]
        if case .broken(let seed, let rule) = try lives.run(first, digests: &digests) { return row(seed, rule) }
        _ = try lives.run(first, digests: &again)
        if let row = difference(first, digests, again) { return row }
        if bug.room == Self.order { return try compare(first.upperBound + 1...seeds.upperBound) }
        if first.upperBound < seeds.upperBound,
            case .broken(let seed, let rule) = try lives.run(first.upperBound + 1...seeds.upperBound, digests: &digests)
        {
            return row(seed, rule)
        }
        return row(nil, "not found in \(seeds.upperBound) lives")
    }

    /// What a life is must not differ; for the bugs that are about just that, in every life.
    private static let order = "Order"

    private func compare(_ seeds: ClosedRange<UInt64>) throws -> ResultTable.Row {
        let lives = Lives(simulator: simulator, bug: bug)
        for start in stride(from: seeds.lowerBound, through: seeds.upperBound, by: 40) {
            let some = start...min(seeds.upperBound, start + 39)
            var digests: [UInt64: String] = [:]
            var again: [UInt64: String] = [:]
            if case .broken(let seed, let rule) = try lives.run(some, digests: &digests) { return row(seed, rule) }
            _ = try lives.run(some, digests: &again)
            if let row = difference(some, digests, again) { return row }
        }
        return row(nil, "not found in \(seeds.upperBound) lives")
    }

    private func difference(
        _ seeds: ClosedRange<UInt64>, _ digests: [UInt64: String], _ again: [UInt64: String]
    ) -> ResultTable.Row? {
        seeds.first { digests[$0] != again[$0] }.map { row($0, "the same seed is another life in another process") }
    }

    private func row(_ lives: UInt64?, _ rule: String) -> ResultTable.Row {
        ResultTable.Row(bug: bug.name, room: bug.room, lives: lives, rule: rule)
    }
}
