import Foundation
import Logging
import Papers
import Stint
import Synchronization
import Testing

/// Everything a handler says while it runs, kept for the test. No broker, no worker, no socket.
final class RecordingChannel: JobChannel {
    struct Said: Sendable {
        var progress: [Data] = []
        var checkpoints: [Data] = []
        var log: [String] = []
        var children: [NewJob] = []
    }

    private let state = Mutex(Said())

    var said: Said { state.withLock { $0 } }

    func progress(_ report: Data) { state.withLock { $0.progress.append(report) } }
    func checkpoint(_ state: Data) async throws { self.state.withLock { $0.checkpoints.append(state) } }
    func log(_ level: Logger.Level, _ message: String) { state.withLock { $0.log.append(message) } }

    func enqueue(_ job: NewJob) throws -> JobID {
        state.withLock { $0.children.append(job) }
        return try #require(job.id, "the pipeline names the ids of all its jobs")
    }
}

extension JobHandler {
    /// Runs one attempt as a worker would, without one.
    func attempt(
        _ payload: Payload, number: Int = 1, checkpoint: Data? = nil, channel: RecordingChannel = RecordingChannel()
    ) async throws -> (result: Result, said: RecordingChannel.Said) {
        let attempt = Attempt(
            id: Run(inside: "/").id, type: Self.type, number: number, attemptsMax: 4, priority: 0,
            token: FencingToken(epoch: 1, sequence: UInt64(number)), timeout: .seconds(60),
            payload: try JSONEncoder().encode(payload), checkpoint: checkpoint)
        let context = JobContext(attempt: attempt, channel: channel, logger: Logger(label: "test"))
        return (try await run(payload, context), channel.said)
    }
}
