import Foundation
import Glibc
import Logging
import StintCore
import Synchronization
import Testing

@testable import Stint

/// A temporary folder with the scripts of one test; gone with the test.
final class ScriptFolder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("stint-exec-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A file with this content, executable unless told otherwise.
    ///
    /// Written by a child. Written here, its descriptor could still be open in a process that another test is just
    /// starting, and a file that is open for writing cannot be executed ("Text file busy").
    func file(_ name: String, _ content: String, mode: String = "755") async throws -> String {
        let file = path + "/" + name
        let launch = Launch(
            program: "/bin/sh", argv: ["sh", "-c", #"cat > "$0" && chmod "$1" "$0""#, file, mode], environment: [:])
        let (_, ending) = try await launch.run(
            feeding: .bytes(Data(content.utf8)), into: NoSink(), control: try ProcessControl())
        try #require(ending == .exited(code: 0))
        return file
    }

    private struct NoSink: OutputSink {
        func take(_ bytes: UnsafeRawBufferPointer, from stream: ChildStream) {}
        func end(_ stream: ChildStream) {}
    }

    /// A shell script.
    func script(_ body: String, name: String = "handler") async throws -> String {
        try await file(name, "#!/bin/sh\n" + body + "\n")
    }

    /// A watch on processes that outlive their parent: they open the returned path for writing and keep it open.
    func deathWatch(_ name: String = "alive") throws -> DeathWatch {
        let fifo = path + "/" + name
        try #require(mkfifo(fifo, 0o600) == 0)
        return DeathWatch(path: fifo)
    }
}

/// A named pipe that says when the last process which holds it has ended: then it is at its end.
struct DeathWatch: Sendable {
    let path: String

    /// Returns when somebody has opened it and everybody has closed it, with all that was written.
    func wait() async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [path] in
                let descriptor = open(path, O_RDONLY | O_CLOEXEC)
                defer { close(descriptor) }
                var text: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 4_096)
                while true {
                    let count = read(descriptor, &buffer, buffer.count)
                    guard count > 0 else { break }
                    text += buffer[..<count]
                }
                continuation.resume(returning: String(decoding: text, as: UTF8.self))
            }
        }
    }
}

/// Records what an attempt says, and lets a test wait for it.
final class RecordingChannel: JobChannel {
    struct LogLine: Equatable, Sendable {
        var level: Logger.Level
        var text: String
    }

    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    private struct State {
        var progress: [String] = []
        var checkpoints: [String] = []
        var log: [LogLine] = []
        var children: [NewJob] = []
        var waiting: [(text: String, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())
    let refusesCheckpoints: Bool
    let refusesChildren: Bool

    init(refusesCheckpoints: Bool = false, refusesChildren: Bool = false) {
        self.refusesCheckpoints = refusesCheckpoints
        self.refusesChildren = refusesChildren
    }

    func progress(_ report: Data) {
        state.withLock { $0.progress.append(String(decoding: report, as: UTF8.self)) }
    }

    func checkpoint(_ state: Data) async throws {
        if refusesCheckpoints { throw Refusal(description: "the lease is lost") }
        await Task.yield()
        self.state.withLock { $0.checkpoints.append(String(decoding: state, as: UTF8.self)) }
    }

    func log(_ level: Logger.Level, _ message: String) {
        let due = state.withLock { state in
            state.log.append(LogLine(level: level, text: message))
            let due = state.waiting.filter { message.contains($0.text) }
            state.waiting.removeAll { message.contains($0.text) }
            return due
        }
        for waiter in due { waiter.continuation.resume() }
    }

    func enqueue(_ job: NewJob) throws -> JobID {
        if refusesChildren { throw Refusal(description: "the payload is too large") }
        state.withLock { $0.children.append(job) }
        return job.id ?? JobID(high: 1, low: 1)
    }

    var reports: [String] { state.withLock { $0.progress } }
    var checkpoints: [String] { state.withLock { $0.checkpoints } }
    var lines: [LogLine] { state.withLock { $0.log } }
    var texts: [String] { lines.map(\.text) }
    var children: [NewJob] { state.withLock { $0.children } }

    /// Returns when a line of the log contains this text.
    func waitForLine(_ text: String) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.log.contains(where: { $0.text.contains(text) }) { return true }
                state.waiting.append((text, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}

extension Attempt {
    static func sample(
        payload: String = "{}", number: Int = 1, timeout: Duration = .seconds(60), checkpoint: String? = nil
    ) -> Attempt {
        Attempt(
            id: JobID(high: 0x0198_0000_0000_7000, low: 0x8000_0000_0000_0001), type: "test.exec", number: number,
            attemptsMax: 4, priority: 7, token: FencingToken(epoch: 3, sequence: 9), timeout: timeout,
            payload: Data(payload.utf8), checkpoint: checkpoint.map { Data($0.utf8) })
    }
}

/// One attempt of a handler, as a worker would run it.
@discardableResult
func runAttempt(
    _ spec: ExecSpec, _ attempt: Attempt = .sample(), channel: RecordingChannel = RecordingChannel(),
    guardian: ProcessGuard = .off()
) async throws -> AttemptEnd {
    var handlers = HandlerRegistry()
    handlers.exec(attempt.type, spec, guard: guardian)
    let runner = try #require(handlers.runners[attempt.type])
    return await runner(attempt, channel, Logger(label: "test"))
}

/// The end as one line, so that tests can compare it.
func spelled(_ end: AttemptEnd) -> String {
    switch end {
    case .completed(let result): "completed \(String(decoding: result, as: UTF8.self))"
    case .failed(let message, let permanent, let retryAfter):
        "failed\(permanent ? " for good" : "")\(retryAfter.map { " after \($0.inMilliseconds)" } ?? ""): \(message)"
    case .errored(let message, _): "errored: \(message)"
    case .timedOut: "timed out"
    case .cancelled: "cancelled"
    case .snoozed(let wait): "snoozed \(wait.inMilliseconds)"
    case .released(let withdraws, let reason): "released\(withdraws ? ", withdraws" : ""): \(reason)"
    case .crashed(let message): "crashed: \(message)"
    }
}

/// The built `stint`, which holds the guard as a hidden subcommand; it lies beside the program that runs the tests.
func stintExecutable() throws -> String {
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent("stint").path
}
