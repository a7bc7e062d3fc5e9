import ArgumentParser
import Foundation
import StintTestKit

/// Puts the store on disks that fail, and says whether it kept what it promised.
///
///     stint-disk images --count 5000
///     stint-disk faults --operations 2000
///     stint-disk flips --count 5000
@main
struct StintDisk: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stint-disk",
        abstract: "Power cuts, errors of the device and bytes that turn, under the real store.",
        discussion: "The same seed gives the same trial. Exit code 1: a promise was broken; the seed is printed.",
        subcommands: [Images.self, Faults.self, Flips.self])

    static func tell(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    /// Runs a trial to its end, and says what it broke.
    static func report<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let failure as DiskFailure {
            tell(failure.description)
            throw ExitCode.failure
        }
    }

    static func seconds(since start: ContinuousClock.Instant) -> String {
        String(format: "%.1f s", (ContinuousClock.now - start) / .seconds(1))
    }
}

/// Images of the disk after a power cut.
struct Images: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Rebuilds the disk as power cuts may leave it.")
    @Option(help: "How many images.") var count = 5_000
    @Option(help: "The first seed; each life of a store has one.") var seed: UInt64 = 1
    @Option(help: "Images of one life.") var perLife = 250

    func run() throws {
        let start = ContinuousClock.now
        var total = CrashTrial.Report()
        var seed = seed
        while total.images < count {
            let images = min(perLife, count - total.images)
            total = try StintDisk.report { try total + CrashTrial.run(seed: seed, images: images) }
            seed += 1
        }
        StintDisk.tell(
            """
            \(total.images) images of \(seed - self.seed) lives with \(total.batches) commits and \(total.syncs) syncs, in \
            \(StintDisk.seconds(since: start)): every acknowledged batch is there, none is half there, and no epoch came \
            again; in \(total.ahead) images a batch was there that was not acknowledged yet
            """)
    }
}

/// An error at every call.
struct Faults: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes every write, cut and sync of a script fail in turn, in four ways.")
    @Option(help: "Writes of jobs in the script.") var operations = 2_000
    @Option(help: "The script.") var seed: UInt64 = 1

    func run() throws {
        for fault in TestDisk.Fault.allCases {
            let start = ContinuousClock.now
            var total = FaultTrial.Report()
            var call = 0
            while true {
                let report = try StintDisk.report {
                    try FaultTrial.run(fault, call: call, seed: seed, operations: operations)
                }
                if report.points == 0 { break }
                total.add(report)
                call += 1
            }
            let kinds = total.faults.map { "\($0.value) at a \($0.key)" }.sorted().joined(separator: ", ")
            StintDisk.tell(
                """
                \(fault): \(total.points) faults (\(kinds)), up to call \(call) of a step, in a script of \
                \(total.operations) operations, in \(StintDisk.seconds(since: start)): nothing acknowledged was lost; \
                the batch under way was there after \(total.durable) and not after \(total.lost); \
                \(total.harmless) ended no life; \(total.refusedStarts) starts were refused for want of space
                """)
        }
    }
}

/// Bytes that turn.
struct Flips: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Turns single bytes of the files of a store at rest.")
    @Option(help: "How many bytes.") var count = 5_000
    @Option(help: "The first seed; each store has one.") var seed: UInt64 = 1
    @Option(help: "Bytes of one store.") var perStore = 100

    func run() throws {
        let start = ContinuousClock.now
        var total = FlipTrial.Report()
        var seed = seed
        let rests = FlipTrial.Rest.allCases
        while total.samples < count {
            let rest = rests[Int(seed % UInt64(rests.count))]
            total.add(
                try StintDisk.report {
                    try FlipTrial.run(rest, seed: seed, samples: min(perStore, count - total.samples))
                })
            seed += 1
        }
        let endings = FlipTrial.Ending.allCases.map { "\($0) \(total.endings[$0] ?? 0)" }.joined(separator: ", ")
        let files = total.files.sorted { $0.key < $1.key }.map { "\($0.value) of \($0.key)" }.joined(separator: ", ")
        StintDisk.tell(
            "\(total.samples) bytes turned (\(files)) in \(StintDisk.seconds(since: start)), none silently: \(endings)")
    }
}
