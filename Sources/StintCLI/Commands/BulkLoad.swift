import Foundation
import Glibc
import Stint
import StintCore

/// `stint enqueue TYPE -`: one job for every line of standard input, in batches of which each is stored whole or not at
/// all.
///
/// However it breaks off, the user learns which lines are enqueued, which are not, which may be, and the one next step
/// that neither loses a line nor enqueues one twice.
struct BulkLoad {
    /// Batches of at most so many lines and about so many bytes.
    static let batchLines = 1_000
    static let batchBytes = 1_048_576

    let type: String
    /// Ids follow from this key and the number of the line; nil: they are fresh.
    let run: String?
    let options: JobOptions
    var trace = TraceHeaders()
    /// The command that continues the load, to be fed with the lines that are left.
    let command: String
    /// How the answer to one line is printed.
    let printed: (StintClient.Enqueued) -> String

    private var input = ByteInput()
    private var linesRead = 0
    /// All lines up to this one are enqueued.
    private var linesEnqueued = 0
    private var batch: [(line: Int, id: JobID, job: NewJob)] = []
    private var bytes = 0
    private(set) var stored = (new: 0, duplicates: 0)

    init(
        type: String, run: String?, options: JobOptions, command: String,
        printed: @escaping (StintClient.Enqueued) -> String
    ) {
        self.type = type
        self.run = run
        self.options = options
        self.command = command
        self.printed = printed
    }

    /// - Parameters:
    ///   - send: Enqueues one batch.
    ///   - write: Prints whole lines.
    mutating func carryOut(
        from input: ByteInput = ByteInput(), send: ([NewJob]) async throws -> [StintClient.Enqueued],
        write: (String) throws -> Void
    ) async throws {
        self.input = input
        while let payload = try nextPayload() {
            let id = run.map { JobID.derived(from: "\(type)\u{0}\($0)", linesRead) } ?? JobID.next()
            var job = NewJob(type: type, json: payload, id: id, options: options)
            job.trace = trace
            batch.append((linesRead, id, job))
            bytes += payload.count
            if batch.count == Self.batchLines || bytes >= Self.batchBytes { try await finishBatch(send, write) }
        }
        try await finishBatch(send, write)
    }

    /// `2 jobs enqueued, 1 existed already`.
    var summary: String {
        "\(stored.new) job\(stored.new == 1 ? "" : "s") enqueued"
            + (stored.duplicates > 0 ? ", \(stored.duplicates) existed already" : "")
    }

    // MARK: Reading

    /// The next line that is not blank.
    private mutating func nextPayload() throws -> Data? {
        while true {
            let line: [UInt8]?
            do {
                line = try input.line(bytesMax: Limits.payloadBytesMax)
            } catch {
                throw stopped(.failure, "standard input cannot be read after line \(linesRead): \(error)")
            }
            guard var line else { return nil }
            linesRead += 1
            if linesRead == 1 { line = PayloadText.withoutMark(line) }
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
            guard line.count <= Limits.payloadBytesMax else {
                throw stopped(
                    .usage,
                    """
                    line \(linesRead) is longer than \(Limits.payloadBytesMax) bytes, the limit of a payload; store the \
                    data elsewhere and enqueue a reference to it
                    """)
            }
            do {
                return try PayloadText.checked(line, of: "line \(linesRead)")
            } catch let error as CommandError {
                throw stopped(error.status, error.message)
            }
        }
    }

    // MARK: Sending

    private mutating func finishBatch(
        _ send: ([NewJob]) async throws -> [StintClient.Enqueued], _ write: (String) throws -> Void
    ) async throws {
        guard let last = batch.last?.line else { return }
        let answers: [StintClient.Enqueued]
        do {
            answers = try await send(batch.map(\.job))
        } catch let error as StintError {
            throw explained(error)
        }
        linesEnqueued = last
        batch.removeAll(keepingCapacity: true)
        bytes = 0
        let duplicates = answers.count { $0.isDuplicate }
        stored.duplicates += duplicates
        stored.new += answers.count - duplicates
        do {
            try write(answers.map(printed).joined(separator: "\n"))
        } catch let error as StandardOutput.WriteFailure {
            throw stopped(.failure, "the ids cannot be written: \(error)")
        }
    }

    private func explained(_ error: StintError) -> CommandError {
        let status = ExitStatus(error.code)
        switch error.code {
        case .outcomeUnknown, .closed: return inDoubt()
        case .conflict:
            guard let run, let changed = batch.first(where: { error.description.contains("\($0.id)") }) else {
                return stopped(status, error.description)
            }
            return stopped(
                status,
                """
                line \(changed.line) has changed since it was first enqueued with --run \(run) (as job \
                \(changed.id)); put the line back, or give the changed lines another key
                """)
        case .invalid:
            // The broker's limit may be below the one that is known here.
            let large = batch.first { error.description.contains("payload of \($0.job.payload.count) bytes") }
            return stopped(status, (large.map { "line \($0.line) is refused: " } ?? "") + error.sentence)
        default: return stopped(status, error.description)
        }
    }

    // MARK: Advice

    /// Nothing after the lines that are enqueued was, by this command.
    private func stopped(_ status: ExitStatus, _ cause: String) -> CommandError {
        let cause = cause.hasSuffix(".") ? String(cause.dropLast()) : cause
        // With a key, an earlier load may have enqueued later lines.
        let noMore = run == nil ? "no later one was" : "this load enqueued no later one"
        let enqueued =
            switch linesEnqueued {
            case 0: run == nil ? "No line was enqueued." : "This load enqueued nothing."
            case 1: "Line 1 is enqueued, \(noMore)."
            default: "Lines 1 to \(linesEnqueued) are enqueued, \(noMore)."
            }
        let then = status == .usage ? "Mend the line, then" : "Then"
        let next =
            if run != nil {
                "\(then) repeat the same command: no job is made twice."
            } else if linesEnqueued == 0 {
                "\(then) repeat the same command."
            } else {
                "\(then) go on with:\n  \(continued(from: linesEnqueued + 1))"
            }
        return CommandError(status, "\(cause). \(enqueued) \(next)")
    }

    /// The batch was sent and not answered. It is stored whole or not at all, so its first job tells.
    private func inDoubt() -> CommandError {
        let (first, last) = (batch[0], batch[batch.count - 1].line)
        let lines = linesEnqueued + 1 == last ? "line \(last)" : "lines \(linesEnqueued + 1) to \(last)"
        let before =
            switch linesEnqueued {
            case 0: ""
            case 1: "Line 1 is enqueued. "
            default: "Lines 1 to \(linesEnqueued) are enqueued. "
            }
        let sentence = "no answer came for \(lines), which may or may not be enqueued. \(before)No later line was."
        if run != nil {
            return CommandError(.timeout, "\(sentence) Repeat the same command: no job is made twice.")
        }
        return CommandError(
            .timeout,
            """
            \(sentence) See whether there is job \(first.id), which is line \(first.line). If there is, go on with:
              \(continued(from: last + 1))
            If there is none, with:
              \(continued(from: linesEnqueued + 1))
            With --run KEY a load can simply be repeated.
            """)
    }

    private func continued(from line: Int) -> String { "tail -n +\(line) FILE | \(command)" }
}
