import ArgumentParser
import Foundation
import Glibc
import Stint
import StintCore

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows the cluster at a glance: counts, types, workers.",
        discussion: """
            Exits 6 when no broker answers, so it serves as a check of its life. With --ready it says nothing but whether the             cluster is ready for work, and exits 1 when it is not.

            EXAMPLE  stint status --watch
                     stint status --ready --pool tools
            """)

    @OptionGroup var connection: ConnectionOptions
    @Flag(help: "One JSON object (a line a second with --watch).") var json = false
    @Flag(help: "Again every second, until interrupted, also while no broker is there.") var watch = false
    @Flag(help: "Only whether the broker takes new jobs, as an exit code: 0, else 1.") var ready = false
    @Option(help: ArgumentHelp("With --ready: and whether this pool has a worker that takes jobs.", valueName: "name"))
    var pool: String?

    func validate() throws {
        if pool != nil, !ready { throw ValidationError("--pool belongs to --ready") }
        if ready, watch || json {
            throw ValidationError("--ready answers with its exit code; leave --watch and --json out")
        }
    }

    func run() async throws {
        try await connection.withClient { client in
            if ready {
                let status = try await client.status(timeout: .seconds(5))
                guard let reason = status.reasonNotReady(pool: pool) else { return try StandardOutput.write("ready") }
                throw CommandError(.failure, "not ready: \(reason)")
            }
            guard watch else { return try show(try await client.status()) }
            var isAway = false
            while true {
                do {
                    try show(try await client.status())
                    isAway = false
                } catch let error as StintError where error.code == .unreachable || error.code == .outcomeUnknown {
                    let sentence = "stint: no broker at \(client.endpoint); waiting for one"
                    if !json, Self.isTerminal {
                        try StandardOutput.write(Self.clear + sentence)
                    } else if !isAway {
                        StandardError.write(sentence)
                    }
                    isAway = true
                }
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    private static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
    private static let clear = "\u{1B}[H\u{1B}[2J"

    private func show(_ status: ClusterStatus) throws {
        if json { return try StandardOutput.write(status.jsonLine) }
        try StandardOutput.write((watch && Self.isTerminal ? Self.clear : "") + status.page)
    }
}

extension ClusterStatus.Counts {
    var jsonLine: JSONLine {
        var line = JSONLine()
        line.add("waiting", waiting)
        line.add("scheduled", scheduled)
        line.add("ready", ready)
        line.add("leased", leased)
        line.add("completed", completed)
        line.add("dead", dead)
        line.add("cancelled", cancelled)
        return line
    }
}

extension ClusterStatus {
    /// Why no work should be sent here; nil when it should.
    func reasonNotReady(pool: String?) -> String? {
        if isDraining { return "the broker is shutting down" }
        if isStoreFull { return "the disk of the broker is nearly full, so it takes no new jobs" }
        guard let pool else { return nil }
        let serving = workers.filter { $0.pool == pool && $0.isConnected && !$0.isDraining }
        return serving.isEmpty ? "no worker of the pool \(pool) takes jobs" : nil
    }

    var jsonLine: JSONLine {
        var line = JSONLine()
        line.add("counts", counts.jsonLine)
        var byType = JSONLine()
        for (name, type) in types.sorted(by: { $0.key < $1.key }) {
            var entry = JSONLine()
            entry.add("counts", type.counts.jsonLine)
            entry.add("workers", type.workers)
            entry.add("mean_seconds", type.mean.map { Double($0.inMicroseconds) / 1e6 } ?? .nan)
            byType.add(name, entry)
        }
        line.add("types", byType)
        line.add(
            "workers",
            workers.map { worker in
                var entry = JSONLine()
                entry.add("name", worker.name)
                entry.add("pool", worker.pool)
                entry.add("slots", worker.slots)
                entry.add("busy", worker.busy)
                entry.add("since", worker.since)
                entry.add("draining", worker.isDraining)
                entry.add("connected", worker.isConnected)
                entry.add("types", strings: worker.types)
                entry.add("withdrawn", strings: worker.withdrawn)
                return entry
            })
        line.add(
            "operations",
            operations.map { operation in
                var entry = JSONLine()
                entry.add("number", operation.number)
                entry.add("kind", operation.kind)
                entry.add("type", operation.type)
                entry.add("done", operation.done)
                return entry
            })
        line.add("broker_since", since)
        line.add("draining", isDraining)
        line.add("store_bytes", storeBytes)
        line.add("store_full", isStoreFull)
        var reached = JSONLine()
        for (name, count) in limits.sorted(by: { $0.key < $1.key }) { reached.add(name, count) }
        line.add("limits", reached)
        return line
    }

    var page: String {
        var lines: [String] = []
        var table = Table(
            "TYPE", "WAITING", "SCHEDULED", "READY", "LEASED", "COMPLETED", "DEAD", "CANCELLED", "WORKERS")
        for (name, type) in types.sorted(by: { $0.key < $1.key }) {
            let counts = type.counts
            let workers = type.workers == 0 && counts.unfinished > 0 ? "none" : "\(type.workers)"
            table.add(
                name, "\(counts.waiting)", "\(counts.scheduled)", "\(counts.ready)", "\(counts.leased)",
                "\(counts.completed)", "\(counts.dead)", "\(counts.cancelled)", workers)
        }
        lines.append(table.isEmpty ? "no jobs yet" : table.printed())
        if isStoreFull {
            lines.append("! the disk of the broker is nearly full: no new jobs are taken until there is space again")
        }
        for (name, type) in types.sorted(by: { $0.key < $1.key }) where type.workers == 0 && type.counts.unfinished > 0
        {
            let withdrawn = workers.filter { $0.withdrawn.contains(name) }.map(\.name)
            let count = type.counts.unfinished
            lines.append(
                "! \(count) \(count == 1 ? "job" : "jobs") of type \(name) \(count == 1 ? "waits" : "wait") for a worker"
                    + (withdrawn.isEmpty ? "" : "; its handler cannot run on \(withdrawn.joined(separator: ", "))"))
        }
        lines.append("")
        var people = Table("WORKER", "POOL", "SLOTS", "BUSY", "SINCE", "STATE")
        for worker in workers.sorted(by: { $0.name < $1.name }) {
            let state = worker.isDraining ? "draining" : worker.isConnected ? "serving" : "unreachable"
            people.add(
                worker.name, worker.pool, "\(worker.slots)", "\(worker.busy)", worker.since.relative, state)
        }
        lines.append(people.isEmpty ? "no workers" : people.printed())
        for operation in operations where operation.number > 0 {
            lines.append("operation \(operation.number): \(operation.kind), \(operation.done) jobs done")
        }
        if isDraining { lines.append("the broker is shutting down") }
        return lines.joined(separator: "\n")
    }
}
