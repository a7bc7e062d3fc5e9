import Foundation
import InMemoryTracing
import StintCore
import Testing
import Tracing

@testable import Stint

// Goal: an enqueue is seen in the trace it happens in, and gives the trace along. Method: the span around a request, without
// a broker to answer it.
@Suite("Spans of enqueues") struct EnqueueSpanTests {
    private struct Refused: Error {}

    private func jobs(_ types: String...) -> [NewJob] {
        types.enumerated().map { index, type in
            NewJob(
                type: type, json: Data("1".utf8), id: JobID(high: 0x0198_0000_0000_7000, low: 1 << 63 | UInt64(index)))
        }
    }

    @Test("one job: a producer's span within the current one, which the job carries along")
    func one() async throws {
        let tracer = W3CTracer(state: "a=1")
        let spans = try #require(SpanSource(tracer))
        let (outer, trace) = try await tracer.withSpan("outer") { outer in
            (outer.spanID, try await spans.enqueue(jobs("parse_paper")) { $0 })
        }
        let span = try #require(tracer.span("enqueue parse_paper"))
        #expect(span.parentSpanID == outer && span.kind == .producer && span.status == nil)
        #expect(trace == TraceHeaders(["traceparent": span.header, "tracestate": "a=1"]))
        #expect(
            span.attributes
                == [
                    "messaging.system": "stint", "messaging.operation.name": "enqueue",
                    "messaging.operation.type": "send", "messaging.destination.name": "parse_paper",
                    "messaging.message.id": "01980000-0000-7000-8000-000000000000",
                ])
    }

    @Test("a batch is one span with its size; it has a type when all of its jobs have the same")
    func batch() async throws {
        let tracer = W3CTracer()
        let spans = try #require(SpanSource(tracer))
        _ = try await spans.enqueue(jobs("mail", "mail", "mail")) { $0 }
        let same = try #require(tracer.span("enqueue mail"))
        #expect(same.attributes.get("messaging.batch.message_count") == .int64(3))
        #expect(same.attributes.get("messaging.message.id") == nil)
        _ = try await spans.enqueue(jobs("mail", "log")) { $0 }
        let mixed = try #require(tracer.span("enqueue"))
        #expect(mixed.attributes.get("messaging.batch.message_count") == .int64(2))
        #expect(mixed.attributes.get("messaging.destination.name") == nil)
    }

    @Test("a request that fails is an error of its span")
    func failure() async throws {
        let tracer = W3CTracer()
        let spans = try #require(SpanSource(tracer))
        await #expect(throws: Refused.self) {
            try await spans.enqueue(jobs("mail")) { _ in throw Refused() }
        }
        let span = try #require(tracer.span("enqueue mail"))
        #expect(span.errors.count == 1 && span.status?.code == .error)
    }

    @Test("where nothing listens there is nothing to open spans with; a tracer of the task is found")
    func source() async throws {
        #expect(SpanSource(nil) == nil)
        #expect(SpanSource(NoOpTracer()) == nil)
        #expect(SpanSource(W3CTracer()) != nil)
        #expect(withTracer(W3CTracer()) { SpanSource(nil) } != nil)
        #expect(withTracer(NoOpTracer()) { SpanSource(nil) } == nil)
    }

    @Test("a job that brought a trace of its own keeps it")
    func ownTrace() {
        var job = jobs("mail")[0]
        #expect(job.continuing(.sample).trace == .sample)
        job.trace = TraceHeaders(["traceparent": "x"])
        #expect(job.continuing(.sample).trace["traceparent"] == "x")
    }
}
