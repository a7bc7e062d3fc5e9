import ArgumentParser
import Foundation
import Glibc
import StintTransport

/// Attacks a real broker through its sockets while honest peers work, and says what the honest ones noticed.
///
///     stint-siege
///     stint-siege --seconds 20 --flood 5000000 --connections 10000
@main
struct StintSiege: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stint-siege", subcommands: [Besiege.self, AttackCommand.self], defaultSubcommand: Besiege.self)
}

struct Besiege: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "besiege",
        abstract: "Attacks a broker of its own with what no honest peer would send.",
        discussion: """
            Starts `stint broker` and a worker on free ports of this host, measures how long an honest client waits, \
            and measures again under each attack. Beside it stands a second broker with a worker and a client that nobody \
            attacks: what they wait meanwhile is the host's doing. Exits with 1 when the broker ended, when its memory \
            passed the bound, when a job was lost, or when honest peers waited more than --ratio times as long as in quiet \
            and as those next door.
            """)

    @Option(help: "How long each attack, and the quiet before the first, is measured.")
    var seconds: Double = 10
    @OptionGroup var size: AttackSize
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
        // Each connection takes a file at both ends.
        OpenFiles.raiseLimit()
        Processors.leaveToAttackers()
        let program = stint ?? Self.besideThisOne
        let broker = try await BesiegedBroker(program: program, name: "attacked")
        defer { broker.end() }
        let neighbour = try await BesiegedBroker(program: program, name: "neighbour")
        defer { neighbour.end() }
        let peers = Peers(honest: try HonestPeers(broker: broker), neighbours: try HonestPeers(broker: neighbour))

        // Warm caches, pages and the first file of the log.
        _ = await peers.measure(for: min(2, seconds))
        let quiet = await peers.measure(for: seconds)
        var table = SiegeTable()
        table.add("(quiet)", quiet, broker, note: "")
        var failures: [String] = []
        for attack in Attack.all(size) where only.map(attack.name.contains) ?? true {
            let attackers = try Attackers(attack, on: broker, size)
            var measured = await peers.measure(for: seconds)
            // A flood has a number of frames, and goes on until they are sent.
            while !attackers.isExhausted, measured.honest.seconds < 20 * seconds {
                measured.add(await peers.measure(for: seconds))
            }
            table.add(attack.name, measured, broker, note: try await attackers.stop())
            failures += verdict(on: attack.name, measured, quiet, broker)
            if !broker.isAlive { break }
        }
        print(table.text)
        if broker.isAlive {
            let limits = try await peers.honest.limits()
            print("limits reached: " + limits.map { "\($0.key) \($0.value)" }.sorted().joined(separator: ", "))
            failures += try await peers.honest.accounts()
        }
        for failure in failures { FileHandle.standardError.write(Data("siege: \(failure)\n".utf8)) }
        guard failures.isEmpty else { throw ExitCode(1) }
        print("The broker held: one life, memory within \(memory) MiB, every job done once.")
    }

    private func verdict(
        on name: String, _ measured: Waits, _ quiet: Waits, _ broker: BesiegedBroker
    ) -> [String] {
        guard broker.isAlive else { return ["the broker ended under \(name): \(broker.lastWords)"] }
        var failures: [String] = []
        if broker.peakMiB > memory {
            failures.append("\(name): the broker took up to \(broker.peakMiB) MiB, over \(memory)")
        }
        if measured.honest.failed > 0 {
            failures.append("\(name): \(measured.honest.failed) requests of honest peers failed")
        }
        let (waited, before) = (measured.honest.percentile(99), quiet.honest.percentile(99))
        let nextDoor = measured.neighbours.percentile(99)
        if ratio > 0, waited > max(before * ratio, nextDoor * ratio, floor) {
            failures.append(
                String(
                    format: "%@: honest peers waited %.1f ms at the 99th percentile, %.1f before, %.1f next door", name,
                    waited, before, nextDoor))
        }
        return failures
    }

    private static var besideThisOne: String {
        URL(fileURLWithPath: CommandLine.ownProgram).deletingLastPathComponent().appending(path: "stint").path
    }
}

/// Honest peers of the broker that is attacked, and of the one beside it that is not.
private struct Peers {
    let honest: HonestPeers
    let neighbours: HonestPeers

    /// Both at the same time.
    func measure(for seconds: Double) async -> Waits {
        async let nextDoor = neighbours.measure(for: seconds)
        return Waits(honest: await honest.measure(for: seconds), neighbours: await nextDoor)
    }
}

struct Waits: Sendable {
    var honest: Measured
    var neighbours: Measured

    mutating func add(_ other: Waits) {
        honest.add(other.honest)
        neighbours.add(other.neighbours)
    }
}

/// What was measured, a line for each attack.
struct SiegeTable {
    private var lines = [
        "attack                     requests   p50 ms   p99 ms   max ms  next door p99   failed   RSS MiB  peak MiB   what was sent"
    ]

    mutating func add(_ name: String, _ measured: Waits, _ broker: BesiegedBroker, note: String) {
        let (honest, nextDoor) = (measured.honest, measured.neighbours.percentile(99))
        let padded = name.padding(toLength: 24, withPad: " ", startingAt: 0)
        lines.append(
            padded
                + String(
                    format: " %10d %8.2f %8.2f %8.1f %14.2f %8d %9d %9d   ", honest.milliseconds.count,
                    honest.percentile(50), honest.percentile(99), honest.percentile(100), nextDoor, honest.failed,
                    broker.residentMiB, broker.peakMiB) + note)
    }

    var text: String { lines.joined(separator: "\n") }
}
