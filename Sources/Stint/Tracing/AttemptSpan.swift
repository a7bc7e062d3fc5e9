import Tracing

/// The span of one attempt, from its start until it is known how its end is taken.
struct AttemptSpan: Sendable {
    let span: any Span

    /// Says how the attempt ended, and ends the span.
    ///
    /// - Parameter end: After timeout, cancel and drain were weighed. Nil: the lease was lost, so that nothing the handler
    ///   did counts; the attempt of another worker does.
    func end(as end: AttemptEnd?) {
        defer { span.end() }
        guard span.isRecording else { return }
        let outcome = end?.name ?? "lease_lost"
        span.attributes[MessagingKey.outcome] = outcome
        switch end {
        case .completed, .cancelled, .snoozed, .released: break
        case .failed(let message, _, _), .crashed(let message): fail(outcome, message)
        case .errored(let message, let thrown): fail(thrown.map { "\(type(of: $0))" } ?? outcome, message, thrown)
        case .timedOut: fail(outcome, "the attempt passed its timeout")
        case nil: fail(outcome, "the lease was lost; the answer does not count")
        }
    }

    /// - Parameter type: One of few words, to count by.
    private func fail(_ type: String, _ message: String, _ thrown: (any Error)? = nil) {
        span.recordError(thrown ?? AttemptFailure(description: message))
        span.attributes[MessagingKey.errorType] = type
        span.setStatus(SpanStatus(code: .error, message: message))
    }
}

/// An attempt that failed without an error being thrown, as a tracer is told of it.
struct AttemptFailure: Error, Hashable, CustomStringConvertible {
    let description: String
}
