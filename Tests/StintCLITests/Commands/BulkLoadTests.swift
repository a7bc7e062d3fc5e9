import Foundation
import StintCore
import Testing

@testable import Stint
@testable import StintCLI

// Goal: however a load breaks off, what is said about its lines is true, and the next step loses no line and enqueues
// none twice. Method: a broker of a few lines takes the batches, and fails at the one that a test chooses.
@Suite("Bulk loads") struct BulkLoadTests {
    /// What a load did, and how it ended.
    private struct Outcome {
        var enqueued: [NewJob] = []
        var written: [String] = []
        var summary = ""
        var error: CommandError?
    }

    /// Loads these lines; `fail` may throw in the place of an answer to the batch that holds so many jobs before it.
    private func load(
        _ lines: [String], run: String? = nil, fail: @escaping (_ enqueued: Int, [NewJob]) throws -> Void = { _, _ in },
        failWrite: @escaping (_ lines: Int) throws -> Void = { _ in }
    ) async throws -> Outcome {
        let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: path) }
        try Data(lines.map { $0 + "\n" }.joined().utf8).write(to: path)
        let handle = try FileHandle(forReadingFrom: path)
        var outcome = Outcome()
        var load = BulkLoad(type: "t", run: run, options: JobOptions(), command: "stint enqueue t -") { "\($0.id)" }
        do {
            try await load.carryOut(from: ByteInput(descriptor: handle.fileDescriptor)) { jobs in
                try fail(outcome.enqueued.count, jobs)
                outcome.enqueued += jobs
                return jobs.compactMap { job in job.id.map { StintClient.Enqueued(id: $0, isDuplicate: false) } }
            } write: { text in
                try failWrite(outcome.written.count)
                outcome.written += text.split(separator: "\n").map(String.init)
            }
        } catch let error as CommandError {
            outcome.error = error
        }
        outcome.summary = load.summary
        return outcome
    }

    private func numbers(_ count: Int) -> [String] { (1...count).map(String.init) }

    @Test("every line that is not blank becomes a job, in batches, in order")
    func everyLine() async throws {
        let outcome = try await load(["\u{FEFF}0", "", " \t"] + numbers(2_500) + [""])
        #expect(outcome.error == nil)
        #expect(outcome.enqueued.map { String(decoding: $0.payload, as: UTF8.self) } == ["0"] + numbers(2_500))
        #expect(outcome.written == outcome.enqueued.compactMap { $0.id?.description })
        #expect(outcome.summary == "2501 jobs enqueued")
        #expect(try await load(["1"]).summary == "1 job enqueued")
        #expect(try await load([]).summary == "0 jobs enqueued")
    }

    @Test("a line that is refused in the first batch: nothing is enqueued, and the load is repeated")
    func refusedAtOnce() async throws {
        let outcome = try await load(["1", "2", "[3,]"])
        #expect(outcome.error?.status == .usage)
        #expect(
            outcome.error?.message == """
                line 3 is not valid JSON: the mistake is at character 4. No line was enqueued. Mend the line, then \
                repeat the same command.
                """)
        #expect(outcome.enqueued.isEmpty)
    }

    @Test("a line that is refused later: the load goes on behind the last batch, or is repeated with its key")
    func refusedLater() async throws {
        let lines = numbers(1_500) + ["nul"]
        let plain = try await load(lines)
        #expect(plain.error?.message.contains("line 1501 is not valid JSON") == true)
        #expect(plain.error?.message.contains("Lines 1 to 1000 are enqueued, no later one was.") == true)
        #expect(plain.error?.message.hasSuffix("\n  tail -n +1001 FILE | stint enqueue t -") == true)
        #expect(plain.enqueued.count == 1_000)
        let keyed = try await load(lines, run: "monday")
        #expect(
            keyed.error?.message.hasSuffix("Mend the line, then repeat the same command: no job is made twice.") == true
        )
    }

    @Test("a line over the limit of a payload is named")
    func tooLong() async throws {
        let limit = Limits.payloadBytesMax
        for (count, isTaken) in [(limit, true), (limit + 1, false)] {
            let outcome = try await load(["1", "\"" + String(repeating: "x", count: count - 2) + "\""])
            #expect((outcome.error == nil) == isTaken)
            if !isTaken { #expect(outcome.error?.message.hasPrefix("line 2 is longer than \(limit) bytes") == true) }
        }
    }

    @Test("without an answer: which lines are in doubt, and how to find out")
    func inDoubt() async throws {
        let fail = { (enqueued: Int, jobs: [NewJob]) throws in
            if enqueued == 1_000 { throw StintError.outcomeUnknown(after: .seconds(10)) }
        }
        var sent: JobID?
        let plain = try await load([""] + numbers(2_500)) { enqueued, jobs in
            sent = jobs[0].id
            try fail(enqueued, jobs)
        }
        let message = try #require(plain.error?.message)
        #expect(plain.error?.status == .timeout)
        #expect(message.contains("no answer came for lines 1002 to 2001, which may or may not be enqueued."))
        #expect(message.contains("Lines 1 to 1001 are enqueued. No later line was."))
        #expect(message.contains("See whether there is job \(try #require(sent)), which is line 1002."))
        #expect(message.contains("If there is, go on with:\n  tail -n +2002 FILE | stint enqueue t -\n"))
        #expect(message.contains("If there is none, with:\n  tail -n +1002 FILE | stint enqueue t -\n"))

        let keyed = try await load(numbers(2_500), run: "monday", fail: fail)
        #expect(keyed.error?.message.hasSuffix("Repeat the same command: no job is made twice.") == true)
        let first = try await load(["1"]) { _, _ in throw StintError.closed }
        #expect(
            first.error?.message.hasPrefix("no answer came for line 1, which may or may not be enqueued. No") == true)
    }

    @Test("a line that changed since the first load with this key is named by its number")
    func changed() async throws {
        let outcome = try await load(numbers(1_200), run: "monday") { enqueued, jobs in
            guard enqueued == 1_000 else { return }
            throw StintError(Refusal(.conflict, "a job with the id \(jobs[99].id?.description ?? "") exists"))
        }
        #expect(outcome.error?.status == .conflict)
        let message = try #require(outcome.error?.message)
        #expect(message.hasPrefix("line 1100 has changed since it was first enqueued with --run monday"), "\(message)")
        #expect(message.contains("Lines 1 to 1000 are enqueued, this load enqueued no later one."))
    }

    @Test("the broker's own limit of a payload names the line too")
    func strictBroker() async throws {
        let outcome = try await load(["1", "", "\"large\"", "2"]) { _, _ in
            throw StintError(
                Refusal(.invalid, "job of type \"t\" has a payload of 7 bytes, over the limit of 5 bytes."))
        }
        #expect(outcome.error?.status == .usage)
        #expect(
            outcome.error?.message.hasPrefix("line 3 is refused: job of type \"t\" has a payload of 7 bytes") == true)
        #expect(outcome.error?.message.contains("bytes. No line was enqueued.") == true)
    }

    @Test("a broker that is away: the lines before are enqueued and no later one")
    func unreachable() async throws {
        let outcome = try await load(numbers(1_001)) { enqueued, _ in
            if enqueued == 1_000 { throw StintError.unreachable("ipc://c") }
        }
        #expect(outcome.error?.status == .unreachable)
        #expect(outcome.error?.message.contains("Lines 1 to 1000 are enqueued, no later one was.") == true)
    }

    @Test("ids that cannot be written end the load; their lines are enqueued")
    func unwritable() async throws {
        let outcome = try await load(numbers(2_500)) { _, _ in
        } failWrite: { lines in
            if lines == 1_000 { throw StandardOutput.WriteFailure(code: EPIPE) }
        }
        #expect(outcome.error?.status == .failure)
        #expect(outcome.error?.message.hasPrefix("the ids cannot be written: Broken pipe. Lines 1 to 2000 are") == true)
        #expect(outcome.enqueued.count == 2_000)
    }
}
