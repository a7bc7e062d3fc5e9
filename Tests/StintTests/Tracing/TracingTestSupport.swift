import InMemoryTracing
import Synchronization
import Tracing

@testable import Stint

/// A tracer that keeps its spans for the test and passes them on as W3C Trace Context, as the tracers of programs do. Not
/// bootstrapped: that can be done once in a process, and every test has its own.
struct W3CTracer: Tracer {
    private let memory: InMemoryTracer
    /// What it sends along as `tracestate`.
    private let state: String?

    init(state: String? = nil) {
        self.state = state
        let numbers = Numbers()
        memory = InMemoryTracer(
            idGenerator: .init(nextTraceID: { numbers.next(digits: 32) }, nextSpanID: { numbers.next(digits: 16) }))
    }

    private final class Numbers: Sendable {
        private let last = Atomic(0)

        func next(digits: Int) -> String {
            let number = String(last.add(1, ordering: .relaxed).newValue, radix: 16)
            return String(repeating: "0", count: digits - number.count) + number
        }
    }

    var finished: [FinishedInMemorySpan] { memory.finishedSpans }
    var open: [InMemorySpan] { memory.activeSpans }

    /// The one finished span of this name.
    func span(_ name: String) -> FinishedInMemorySpan? {
        let found = finished.filter { $0.operationName == name }
        return found.count == 1 ? found[0] : nil
    }

    func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> InMemorySpan {
        memory.startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID,
            line: line)
    }

    func forceFlush() {}

    func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let span = context.inMemorySpanContext else { return }
        injector.inject("00-\(span.traceID)-\(span.spanID)-01", forKey: "traceparent", into: &carrier)
        if let state { injector.inject(state, forKey: "tracestate", into: &carrier) }
    }

    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let parts = extractor.extract(key: "traceparent", from: carrier)?.split(separator: "-"), parts.count == 4
        else { return }
        context.inMemorySpanContext = InMemorySpanContext(
            traceID: String(parts[1]), spanID: String(parts[2]), parentSpanID: nil)
    }
}

extension FinishedInMemorySpan {
    /// As `traceparent` says it.
    var header: String { "00-\(traceID)-\(spanID)-01" }
    func text(_ key: String) -> String? { attributes.get(key).map { "\($0)" } }
}

extension TraceHeaders {
    static let sampleParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    init(_ headers: [String: String]) {
        self.init()
        for (key, value) in headers.sorted(by: { $0.key < $1.key }) { set(value, for: key) }
    }

    static let sample = TraceHeaders(["traceparent": sampleParent, "tracestate": "a=1,b=2"])
}
