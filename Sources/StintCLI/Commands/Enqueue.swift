import ArgumentParser
import Foundation
import Glibc
import Stint
import StintCore

struct Enqueue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Enqueues one job, or one for every line of standard input.",
        discussion: """
            The payload is JSON: as an argument, from a file (@file), or with - one a line from standard input, sent in \
            batches. --run KEY derives each line's id from the key and the line's number, so a bulk load that broke off \
            can simply be repeated. Without a payload it is null. TRACEPARENT and TRACESTATE of the environment go along \
            with the jobs (W3C Trace Context).

            EXAMPLES
              stint enqueue checksum '{"path":"/etc/hostname"}' --wait
              stint enqueue mail @mail.json --delay 5m --priority 10
              stint enqueue mail - --run import-2026-11-21 < mails.ndjson
            """)

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "What the job does: 1 to 128 of A-Z a-z 0-9 . _ -") var type: String
    @Argument(help: "JSON, @file, or - for one payload a line of standard input.") var payload: String?
    @Option(help: "The job's id, a UUID. The same id again makes no second job.", transform: JobID.parsed) var id:
        JobID?
    @Option(help: "Derive ids from this key and the line's number.") var run: String?
    // Unconditional, because a negative number looks like a flag, and is to be answered with the range.
    @Option(parsing: .unconditional, help: "-100 to 100; higher runs first.") var priority = 0
    @Option(parsing: .unconditional, help: "Not before this long from now, such as 5s, 10m, 1h30m.") var delay: String?
    @Option(parsing: .unconditional, help: "Not before this time, such as 2026-11-22T03:00:00Z.") var at: String?
    @Option(parsing: .unconditional, help: "Attempts before it is dead, 1 to 1000 (default: the type's policy).")
    var attempts: Int?
    @Flag(
        help:
            "Wait until the job is over; print its result, with --json a line more. Exits 9 when it is dead or cancelled."
    ) var wait = false
    @Flag(help: "One JSON object a job.") var json = false

    private var isBulk: Bool { payload == "-" }

    func validate() throws {
        guard TypeName.isValid(type) else { throw ValidationError("\"\(type)\" is no type name: \(TypeName.rule)") }
        guard Limits.priorities.contains(priority) else {
            throw ValidationError("--priority is \(priority); expected -100 to 100")
        }
        if let attempts, !Limits.attempts.contains(attempts) {
            throw ValidationError("--attempts is \(attempts); expected 1 to 1000")
        }
        if delay != nil, at != nil { throw ValidationError("Give --delay or --at, not both.") }
        if id != nil, run != nil { throw ValidationError("Give --id or --run, not both.") }
        if isBulk, id != nil { throw ValidationError("--id is for one job; with - use --run KEY.") }
        if isBulk, wait { throw ValidationError("--wait is for one job, not for lines of standard input.") }
        if !isBulk, run != nil { throw ValidationError("--run is for lines of standard input (-); use --id.") }
        if run == "" { throw ValidationError("--run is empty; expected a key such as import-2026-11-21") }
        _ = try options()
    }

    /// That of the script or program which runs this command, so that its jobs are seen as its doing.
    private static var trace: TraceHeaders { TraceHeaders(environment: ProcessInfo.processInfo.environment) }

    private func options() throws -> JobOptions {
        var options = JobOptions(priority: priority, attempts: attempts)
        if let delay {
            do {
                let wait = try HumanUnits.duration(delay)
                guard wait <= Limits.delayMax else {
                    let most = HumanUnits.string(Limits.delayMax)
                    throw ValidationError("--delay is \(delay); expected at most \(most), which is ten years")
                }
                options.start = .after(wait)
            } catch let mistake as HumanUnits.Mistake {
                throw ValidationError("--delay: \(mistake)")
            }
        }
        if let at {
            guard let date = Self.time(at), date.timeIntervalSince1970 < Self.year10000 else {
                throw ValidationError("--at is \"\(at)\"; expected a time such as 2026-11-22T03:00:00Z")
            }
            options.start = .at(WallTime(milliseconds: Int64(date.timeIntervalSince1970 * 1_000)))
        }
        return options
    }

    /// Beyond it the broker takes no time.
    private static let year10000 = 253_402_300_800.0

    private static func time(_ text: String) -> Date? {
        (try? Date(text, strategy: .iso8601))
            ?? (try? Date(
                text,
                strategy: .iso8601.year().month().day().timeZone(separator: .colon).time(
                    includingFractionalSeconds: true)))
    }

    func run() async throws {
        try await connection.withClient { client in
            if isBulk { try await enqueueLines(client) } else { try await enqueueOne(client) }
        }
    }

    // MARK: One

    private func enqueueOne(_ client: StintClient) async throws {
        let id = id ?? client.nextJobID()
        var job = NewJob(type: type, json: try onePayload(), id: id, options: try options())
        job.trace = Self.trace
        let enqueued: StintClient.Enqueued
        do {
            enqueued = try await client.enqueueAll([job])[0]
        } catch let error as StintError where error.code == .outcomeUnknown || error.code == .closed {
            throw CommandError(
                .timeout,
                """
                no answer came; the job may or may not be enqueued. Repeat it safely with the same id:
                  \(CommandLineText.repeated(adding: ["--id", id.description]))
                """)
        }
        do throws(StandardOutput.WriteFailure) {
            if json {
                try StandardOutput.send("\(Self.line(enqueued))\n", to: STDOUT_FILENO)
            } else if !wait {
                try StandardOutput.send("\(enqueued.id)\n", to: STDOUT_FILENO)
            }
        } catch {
            throw CommandError(.failure, "job \(enqueued.id) is enqueued, but its id cannot be written: \(error)")
        }
        if enqueued.isDuplicate, !json { StandardError.write("stint: this job existed already") }
        if wait { try await waitFor(enqueued.id, client) }
    }

    private static func line(_ enqueued: StintClient.Enqueued) -> JSONLine {
        var line = JSONLine()
        line.add("id", enqueued.id.description)
        line.add("duplicate", enqueued.isDuplicate)
        return line
    }

    private static func line(_ outcome: StintClient.JobOutcome, of id: JobID) -> JSONLine {
        var line = JSONLine()
        line.add("id", id.description)
        line.add("state", outcome.state?.name)
        line.add("result", json: outcome.result.isEmpty ? nil : outcome.result)
        line.add("error", outcome.error.isEmpty ? nil : outcome.error)
        return line
    }

    private func waitFor(_ id: JobID, _ client: StintClient) async throws {
        if !json {
            // Said before the wait, which may be cut short: the job goes on without it.
            StandardError.write("stint: waiting for job \(id)")
            if !client.isProducer, let status = try? await client.status(), status.types[type]?.workers == 0 {
                StandardError.write("stint: no worker serves the type \"\(type)\" now; the job waits for one")
            }
        }
        let outcome = try await client.outcome(of: id)
        if json { try StandardOutput.write(Self.line(outcome, of: id)) }
        if outcome.state == .completed {
            if json { return }
            try StandardOutput.write(
                String(decoding: outcome.result.isEmpty ? Data("null".utf8) : outcome.result, as: UTF8.self))
            return
        }
        let state = outcome.state?.name ?? "gone"
        throw CommandError(
            .jobFailed, "job \(id) is \(state)" + (outcome.error.isEmpty ? "" : ": \(outcome.error.printable)"))
    }

    private func onePayload() throws -> Data {
        guard let payload else { return Data("null".utf8) }
        guard payload.hasPrefix("@") else { return try PayloadText.checked(Array(payload.utf8), of: "the payload") }
        return try PayloadText.contents(ofFile: String(payload.dropFirst()))
    }

    // MARK: Many

    private func enqueueLines(_ client: StintClient) async throws {
        // A reader of the ids that is gone is an error that is told, with how far the load has come.
        signal(SIGPIPE, SIG_IGN)
        let isJSON = json
        var load = BulkLoad(
            type: type, run: run, options: try options(), command: CommandLineText.repeated()
        ) { isJSON ? Self.line($0).description : $0.id.description }
        load.trace = Self.trace
        try await load.carryOut {
            try await client.enqueueAll($0)
        } write: {
            try StandardOutput.send($0 + "\n", to: STDOUT_FILENO)
        }
        StandardError.write("stint: \(load.summary)")
    }
}
