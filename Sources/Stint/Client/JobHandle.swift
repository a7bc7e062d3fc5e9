import Foundation
import StintCore
import StintWire

/// A job that was enqueued: its id, its result, and what happens to it on the way.
public struct JobHandle<Result: Decodable & Sendable>: Sendable {
    public let id: JobID
    /// A job with this id, type and payload existed before the enqueue.
    public let isDuplicate: Bool
    let client: StintClient

    /// Waits until the job is over and returns its result.
    ///
    /// Waits as long as it takes, also across restarts of the broker; cancel the task to stop waiting.
    ///
    /// - Throws: ``JobFailure`` when the job is dead, cancelled or gone; `DecodingError` when the result is not a
    ///   `Result`; ``StintError``.
    public var value: Result {
        get async throws {
            let outcome = try await client.outcome(of: id)
            guard outcome.state == .completed else {
                throw JobFailure(id: id, state: outcome.state, error: outcome.error)
            }
            return try PayloadCoding.decode(Result.self, from: outcome.result)
        }
    }

    /// What happens to the job, from where it stands now to its final state. Progress reports are coalesced.
    public var events: AsyncThrowingStream<JobUpdate, any Error> { client.events(of: id) }
}

/// One thing that happened to a job.
public struct JobUpdate: Sendable {
    /// Nil: there is no such job.
    public let state: JobState?
    /// The attempt under way or last counted, from 1; 0 before the first.
    public let attempt: Int
    /// The newest progress report, JSON; nil when this is not about progress.
    public let progress: Data?
    /// JSON, of a completed job.
    public let result: Data?
    /// Of an attempt that ended badly.
    public let error: String?

    init(_ event: Stint_V1_JobEvent) {
        state = event.state.state
        attempt = Int(event.attempt)
        progress = event.progress.isEmpty ? nil : event.progress
        result = event.result.isEmpty ? nil : event.result
        error = event.error.isEmpty ? nil : event.error
    }
}

/// A job that did not complete.
public struct JobFailure: Error, Sendable, CustomStringConvertible {
    public let id: JobID
    /// `dead`, `cancelled`, or nil when there is no such job.
    public let state: JobState?
    /// Of its last attempt.
    public let error: String

    public var description: String {
        guard let state else { return "there is no job \(id)" }
        return error.isEmpty ? "job \(id) is \(state.name)" : "job \(id) is \(state.name): \(error)"
    }
}

extension StintClient {
    /// Where a job ended.
    package struct JobOutcome: Sendable {
        package var state: JobState?
        package var result: Data
        package var error: String
    }

    package func outcome(of id: JobID) async throws -> JobOutcome {
        for try await event in connection.watch(id) {
            guard let state = event.state.state else { return JobOutcome(state: nil, result: Data(), error: "") }
            guard state.isFinal else { continue }
            return JobOutcome(state: state, result: event.result, error: event.error)
        }
        throw CancellationError()
    }

    package func events(of id: JobID) -> AsyncThrowingStream<JobUpdate, any Error> {
        let events = connection.watch(id)
        return AsyncThrowingStream { continuation in
            let task = Task {
                do {
                    for try await event in events { continuation.yield(JobUpdate(event)) }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }
}
