import ArgumentParser
import Foundation
import StintTestKit

/// Runs simulated lives of a cluster and says whether any rule was broken.
///
///     stint-sim --seeds 1..10000
///     stint-sim --seed 42 --history
@main
struct StintSim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stint-sim",
        abstract: "Runs simulated lives of a cluster, each made from one seed.",
        discussion: """
            A life has clients that ask for at least 2000 things, workers, and at least 20 faults: crashes between any \
            two steps, failing disks, broken and half-open connections, silent and lying workers, leaping clocks. Every \
            1000th seed is a long one: ten hours, 200 faults. When a rule is broken, the life is made as short as it can \
            be and still break it, and what happened is printed; the exit code is 1. Same seed, same life.
            """)

    @Option(help: ArgumentHelp("Run the life of this seed.", valueName: "N"))
    var seed: UInt64?

    @Option(help: ArgumentHelp("Run the lives of these seeds, both ends included.", valueName: "A..B"))
    var seeds: SeedRange?

    @Option(help: "Operations of clients in each life; 2000 unless given. Fewer mean fewer faults as well.")
    var operations: Int?

    @Option(help: "Stop after so many seconds, whatever is left.")
    var seconds: Double?

    @Flag(help: "Print the digest of each life: of every byte received and sent and of every commit.")
    var digest = false

    @Flag(help: "Print each seed before its life begins, to find the one that ends the process.")
    var verbose = false

    @Flag(help: "Print everything that happens, also when no rule is broken.")
    var history = false

    @Flag(help: "Only say which seeds break which rules; look for no shorter lives.")
    var brief = false

    @Flag(help: "Let every broker work on a real SQLite store, in files; otherwise every 100th does.")
    var sqlite = false

    func validate() throws {
        guard operations.map({ $0 >= 1 }) ?? true else {
            throw ValidationError("--operations is \(operations ?? 0); give 1 or more.")
        }
        guard (seed == nil) != (seeds == nil) else {
            throw ValidationError("Give either --seed N or --seeds A..B, such as --seeds 1..1000.")
        }
    }

    func run() throws {
        var tally = Tally()
        let limit = seconds.map { ContinuousClock.now + .seconds($0) }
        for seed in seeds?.range ?? (seed ?? 0)...(seed ?? 0) {
            if let limit, ContinuousClock.now >= limit { break }
            if verbose { tell("seed \(seed)") }
            let life = Simulation(LifePlan(seed: seed, operations: operations, disk: sqlite ? .sqlite : nil))
            if history { life.tellHistory { print($0) } }
            do {
                let report = try life.run()
                tally.add(report)
                if digest { print("\(seed) \(String(report.digest, radix: 16))") }
            } catch let failure as Simulation.Failure {
                tally.failures += 1
                tally.lives += 1
                try explain(failure)
                if tally.failures == (brief ? 20 : 3) { break }
            }
        }
        tell(tally.description)
        if tally.failures > 0 { throw ExitCode.failure }
    }

    private func explain(_ failure: Simulation.Failure) throws {
        tell(failure.description)
        if brief { return }
        var shrinker = Shrinker(failure)
        shrinker.shrink()
        guard let shortest = Simulation.failure(of: shrinker.best.plan, keepsHistory: true) else {
            throw ValidationError("The same plan was not the same life: that is a bug of the simulator.")
        }
        tell(
            """
            the shortest life found that fails, after \(shrinker.tries) tries: \
            \(shortest.plan.operations - shortest.plan.skippedRequests.count) requests at most, \
            \(shortest.plan.faults.count) faults
            \(shortest.history.map { "  " + $0 }.joined(separator: "\n"))
            \(shortest.description)
            commit \(Checkout.commit ?? "unknown"); to see it again: stint-sim --seed \(failure.plan.seed)\
            \(operations.map { " --operations \($0)" } ?? "")\(sqlite ? " --sqlite" : "")
            """)
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
