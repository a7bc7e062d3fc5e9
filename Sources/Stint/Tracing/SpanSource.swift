import Tracing

/// What opens spans here, and what carries their context from process to process.
///
/// There is none where nothing listens, and that is asked first: an untraced program pays one look at the bootstrapped
/// instrument for a request, and a worker one look in its life.
struct SpanSource: Sendable {
    let tracer: any Tracer
    /// All instruments of the process, where the tracer is one of several: each may have something to pass on.
    private let instrument: any Instrument

    /// Nil: nothing is traced.
    ///
    /// - Parameter tracer: Nil: what was bootstrapped with `InstrumentationSystem`, or stands in the task's `withTracer`.
    init?(_ tracer: (any Tracer)?) {
        if let tracer {
            guard !(tracer is NoOpTracer) else { return nil }
            self.tracer = tracer
            instrument = tracer
        } else {
            let instrument = InstrumentationSystem.instrument
            guard !(instrument is NoOpInstrument), !(instrument is NoOpTracer) else { return nil }
            self.tracer = InstrumentationSystem.tracer
            self.instrument = instrument
        }
    }

    /// What a job needs to continue from here.
    func headers(of context: ServiceContext) -> TraceHeaders {
        var headers = TraceHeaders()
        instrument.inject(context, into: &headers, using: TraceHeadersCarrier())
        return headers
    }

    /// Where a job with these headers continues.
    func context(of headers: TraceHeaders) -> ServiceContext {
        var context = ServiceContext.topLevel
        instrument.extract(headers, into: &context, using: TraceHeadersCarrier())
        return context
    }
}
