import ArgumentParser
import Foundation
import StintTestKit

/// Runs simulated lives of a cluster and says whether any rule was broken.
///
///     stint-sim --seeds 1..10000
///     stint-sim --seed 42 --digest
@main
struct StintSim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stint-sim",
        abstract: "Runs simulated lives of a cluster, each made from one seed.",
        discussion: """
            A life has clients, workers, crashes, failed commits, broken connections and jumping clocks. When a rule \
            is broken, the seed and what happened last are printed and the exit code is 1. Same seed, same life.
            """)

    @Option(help: ArgumentHelp("Run the life of this seed.", valueName: "N"))
    var seed: UInt64?

    @Option(help: ArgumentHelp("Run the lives of these seeds, both ends included.", valueName: "A..B"))
    var seeds: SeedRange?

    @Option(help: "Random acts of each life before the faults stop; 500 to 2000 by its seed unless given.")
    var operations: Int?

    @Flag(help: "Print the digest of each life: of every byte received and sent and of every commit.")
    var digest = false

    @Flag(help: "Print each seed before its life begins, to find the one that ends the process.")
    var verbose = false

    func validate() throws {
        guard operations.map({ $0 >= 0 }) ?? true else {
            throw ValidationError("--operations is \(operations ?? 0); give 0 or more.")
        }
        guard (seed == nil) != (seeds == nil) else {
            throw ValidationError("Give either --seed N or --seeds A..B, such as --seeds 1..1000.")
        }
    }

    func run() throws {
        let range = seeds?.range ?? (seed ?? 0)...(seed ?? 0)
        var lives = 0
        var acts = 0
        var frames = 0
        var failures = 0
        let clock = ContinuousClock()
        let start = clock.now
        for seed in range {
            if verbose { tell("seed \(seed)") }
            do {
                let report = try Simulation.run(seed: seed, operations: operations)
                acts += report.operations
                frames += report.frames
                if digest { print("\(seed) \(String(report.digest, radix: 16))") }
            } catch let failure as Simulation.Failure {
                failures += 1
                tell(failure.description)
                if failures == 3 { break }
            }
            lives += 1
        }
        let seconds = max(0.000_001, (clock.now - start) / .seconds(1))
        tell(
            """
            \(lives) lives, \(acts) operations, \(frames) frames in \(String(format: "%.1f", seconds)) s \
            (\(String(format: "%.0f", Double(frames) / seconds)) frames/s, \
            \(String(format: "%.1f", seconds * 1_000 / Double(max(1, lives)))) ms a life); \
            \(failures == 0 ? "no rule was broken" : "\(failures) lives broke a rule")
            """)
        if failures > 0 { throw ExitCode.failure }
    }

    private func tell(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}

/// `A..B`, both ends included.
struct SeedRange: ExpressibleByArgument {
    let range: ClosedRange<UInt64>

    init?(argument: String) {
        let ends = argument.split(separator: ".", omittingEmptySubsequences: true)
        guard ends.count == 2, let first = UInt64(ends[0]), let last = UInt64(ends[1]), first <= last else {
            return nil
        }
        range = first...last
    }
}
