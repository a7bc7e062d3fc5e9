import StintCore
import Tracing

extension SpanSource {
    /// Runs an enqueue within a span of its own, from before the request is sent until the broker has made the jobs
    /// durable or refused them.
    ///
    /// - Parameter send: Given what the jobs carry with them: all of a request the same, so that they still share their
    ///   columns.
    func enqueue<Answer: Sendable>(
        _ jobs: [NewJob], _ send: (TraceHeaders) async throws -> Answer
    ) async throws -> Answer {
        let type = jobs.allSatisfy { $0.type == jobs[0].type } ? jobs[0].type : nil
        return try await tracer.withSpan(type.map { "enqueue \($0)" } ?? "enqueue", ofKind: .producer) { span in
            if span.isRecording {
                span.updateAttributes { attributes in
                    attributes.describe(.enqueue, type: type)
                    if jobs.count == 1 {
                        attributes[MessagingKey.messageID] = jobs[0].id?.description
                    } else {
                        attributes[MessagingKey.batchCount] = jobs.count
                    }
                }
            }
            return try await send(headers(of: span.context))
        }
    }
}
