import ArgumentParser
import Foundation
import Glibc

/// Attacks a real broker through its sockets while honest peers work, and says what the honest ones noticed.
///
///     stint-siege
///     stint-siege --seconds 20 --flood 5000000 --connections 10000
@main
struct StintSiege: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stint-siege",
        abstract: "Attacks a broker of its own with what no honest peer would send.",
        discussion: """
            Starts `stint broker` and a worker on free ports of this host, measures how long an honest client waits, \
            and measures again under each attack. Exits with 1 when the broker ended, when its memory passed the bound, \
            when a job was lost, or when honest peers waited more than --ratio times as long as before.
            """)

    @Option(help: "How long each attack, and the quiet before the first, is measured.")
    var seconds: Double = 10
    @Option(help: "Frames of each flood.")
    var flood: Int = 1_000_000
    @Option(help: "Connections that are never finished.")
    var connections: Int = 2_000
    @Option(help: "MiB of resident memory that the broker may take.")
    var memory: Int = 512
    @Option(help: "How many times as long honest peers may wait at the 99th percentile; 0: only report.")
    var ratio: Double = 2
    @Option(help: "Waits below so many milliseconds are no wait, whatever they were before.")
    var floor: Double = 5
    @Option(help: ArgumentHelp("The program to attack (default: the one beside this one).", valueName: "path"))
    var stint: String?
    @Option(help: "Only the attacks whose names contain this.")
    var only: String?

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        raiseOpenFiles()
        let broker = try await BesiegedBroker(program: stint ?? Self.besideThisOne)
        defer { broker.end() }
        let honest = try HonestPeers(broker: broker)

        // Warm caches, pages and the first file of the log.
        _ = await honest.measure(for: min(2, seconds))
        let quiet = await honest.measure(for: seconds)
        var table = SiegeTable()
        table.add("(quiet)", quiet, broker, note: "")
        var failures: [String] = []
        for attack in Attack.all(flood: flood, connections: connections) where only.map(attack.name.contains) ?? true {
            let siege = Siege(broker)
            attack.begin(siege)
            var measured = await honest.measure(for: seconds)
            // A flood has a number of frames, and goes on until they are sent.
            while !siege.isExhausted, measured.seconds < 20 * seconds {
                measured.add(await honest.measure(for: seconds))
            }
            siege.stop()
            table.add(attack.name, measured, broker, note: siege.note)
            failures += verdict(on: attack.name, measured, quiet, broker)
            if !broker.isAlive { break }
        }
        print(table.text)
        if broker.isAlive {
            let limits = try await honest.limits()
            print("limits reached: " + limits.map { "\($0.key) \($0.value)" }.sorted().joined(separator: ", "))
            failures += try await honest.accounts()
        }
        for failure in failures { FileHandle.standardError.write(Data("siege: \(failure)\n".utf8)) }
        guard failures.isEmpty else { throw ExitCode(1) }
        print("The broker held: one life, memory within \(memory) MiB, every job done once.")
    }

    private func verdict(
        on name: String, _ measured: Measured, _ quiet: Measured, _ broker: BesiegedBroker
    ) -> [String] {
        guard broker.isAlive else { return ["the broker ended under \(name): \(broker.lastWords)"] }
        var failures: [String] = []
        if broker.peakMiB > memory {
            failures.append("\(name): the broker took up to \(broker.peakMiB) MiB, over \(memory)")
        }
        if measured.failed > 0 { failures.append("\(name): \(measured.failed) requests of honest peers failed") }
        let bound = max(quiet.percentile(99) * ratio, floor)
        if ratio > 0, measured.percentile(99) > bound {
            failures.append(
                String(
                    format: "%@: honest peers waited %.1f ms at the 99th percentile, %.1f before", name,
                    measured.percentile(99), quiet.percentile(99)))
        }
        return failures
    }

    /// Each connection takes a file at both ends.
    private func raiseOpenFiles() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    private static var besideThisOne: String {
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: own).deletingLastPathComponent().appending(path: "stint").path
    }
}

/// What was measured, a line for each attack.
struct SiegeTable {
    private var lines = [
        "attack                     requests   p50 ms   p99 ms   max ms   failed   RSS MiB  peak MiB   what was sent"
    ]

    mutating func add(_ name: String, _ measured: Measured, _ broker: BesiegedBroker, note: String) {
        let padded = name.padding(toLength: 24, withPad: " ", startingAt: 0)
        lines.append(
            padded
                + String(
                    format: " %10d %8.2f %8.2f %8.1f %8d %9d %9d   ", measured.milliseconds.count,
                    measured.percentile(50),
                    measured.percentile(99), measured.percentile(100), measured.failed, broker.residentMiB,
                    broker.peakMiB) + note)
    }

    var text: String { lines.joined(separator: "\n") }
}
