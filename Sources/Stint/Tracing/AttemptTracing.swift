import Foundation
import Logging
import StintCore
import Tracing

/// Runs the attempts of one worker so that the trace of each job goes on: through the handler, into the processes it
/// starts, to the children it enqueues.
///
///     enqueue mail           in the enqueuer's process
///       └─ run mail          in this one; a second attempt stands beside the first
///            ├─ …            spans of the handler, and of the programs it starts
///            └─ run receipt  a child that it enqueued, wherever that runs
///
/// A worker without a tracer passes on what its jobs brought, so that a trace does not end at the first process that
/// does not take part in it.
struct AttemptTracing: Sendable {
    /// Nil: this worker is not traced.
    let spans: SpanSource?
    let worker: String
    let pool: String

    /// Whether there is nothing to do for this attempt but to run it.
    func isIdle(for attempt: Attempt) -> Bool { spans == nil && attempt.trace.isEmpty }

    /// - Returns: The span with the handler's answer, still open: how the answer is taken, only the queue knows.
    func run(
        _ attempt: Attempt, _ channel: any JobChannel, _ logger: Logger, _ runner: AttemptRunner
    ) async -> (end: AttemptEnd, span: AttemptSpan?) {
        guard let spans else {
            let channel = TracedChannel(channel: channel, spans: nil, trace: attempt.trace)
            return (await runner(attempt, channel, logger), nil)
        }
        let span = spans.tracer.startSpan(
            "run \(attempt.type)", context: spans.context(of: attempt.trace), ofKind: .consumer)
        if span.isRecording { span.updateAttributes { describe(attempt, in: &$0) } }
        var attempt = attempt
        attempt.trace = spans.headers(of: span.context)
        let channel = TracedChannel(channel: channel, spans: spans, trace: attempt.trace)
        let end = await ServiceContext.$current.withValue(span.context) { [attempt] in
            await runner(attempt, channel, logger)
        }
        return (end, AttemptSpan(span: span))
    }

    private func describe(_ attempt: Attempt, in attributes: inout SpanAttributes) {
        attributes.describe(.run, type: attempt.type)
        attributes[MessagingKey.messageID] = attempt.id.description
        attributes[MessagingKey.clientID] = worker
        attributes[MessagingKey.consumerGroup] = pool
        attributes[MessagingKey.attempt] = attempt.number
        attributes[MessagingKey.attemptsMax] = attempt.attemptsMax
    }
}

/// The channel of an attempt whose children are to carry the trace on.
struct TracedChannel: JobChannel {
    let channel: any JobChannel
    let spans: SpanSource?
    /// Of the attempt itself.
    let trace: TraceHeaders

    func enqueue(_ job: NewJob) throws -> JobID {
        // The handler may have opened a span of its own around this. The threads that read the output of a program run
        // in no task and have no context; there the attempt's own place is the right one.
        let here = ServiceContext.current.flatMap { spans?.headers(of: $0) } ?? trace
        return try channel.enqueue(job.continuing(here))
    }

    func progress(_ report: Data) { channel.progress(report) }
    func checkpoint(_ state: Data) async throws { try await channel.checkpoint(state) }
    func log(_ level: Logger.Level, _ message: String) { channel.log(level, message) }
}
