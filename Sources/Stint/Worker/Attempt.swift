import Foundation
import Logging
import StintCore

/// One attempt as a handler is given it: the job, its payload still as bytes, and the lease it runs under.
package struct Attempt: Sendable {
    package let id: JobID
    package let type: String
    /// From 1.
    package let number: Int
    package let attemptsMax: Int
    package let priority: Int
    package let token: FencingToken
    package let timeout: Duration
    package let payload: Data
    package let checkpoint: Data?
    /// Where the trace goes on with what this attempt starts: in a traced worker the attempt's own span, else what the job
    /// brought along.
    package var trace: TraceHeaders

    package init(
        id: JobID, type: String, number: Int, attemptsMax: Int, priority: Int, token: FencingToken, timeout: Duration,
        payload: Data, checkpoint: Data?, trace: TraceHeaders = TraceHeaders()
    ) {
        self.id = id
        self.type = type
        self.number = number
        self.attemptsMax = attemptsMax
        self.priority = priority
        self.token = token
        self.timeout = timeout
        self.payload = payload
        self.checkpoint = checkpoint
        self.trace = trace
    }
}

/// How an attempt ended, in the worker's eyes. What becomes of the job is the broker's decision.
package enum AttemptEnd: Sendable {
    /// `result` is JSON.
    case completed(result: Data)
    /// The handler said that it failed.
    case failed(message: String, permanent: Bool, retryAfter: Duration?)
    /// The handler threw something it did not mean to: crashed with an exception, which the message describes and a tracer
    /// is given itself.
    case errored(message: String, thrown: (any Error)? = nil)
    /// The task was cancelled because the attempt passed its timeout.
    case timedOut
    /// The task was cancelled because the job was.
    case cancelled
    /// Run again after this long; no attempt is used.
    case snoozed(Duration)
    /// Given back unharmed: no attempt is used. With `withdraws` this worker can't run the type at all (a missing
    /// executable, say) and takes no more of it, for the reason given.
    case released(withdraws: Bool, reason: String)
    /// The process that ran the handler was ended by a signal it did not ask for (exec handlers).
    case crashed(message: String)
}

/// Runs one attempt to its end. Never throws: every way to end is a case of ``AttemptEnd``. Timeout and cancel arrive
/// as cancellation of the task; the runner then records why, whatever the handler answers afterwards.
package typealias AttemptRunner = @Sendable (Attempt, any JobChannel, Logger) async -> AttemptEnd
