import Foundation
import InMemoryTracing
import Logging
import StintCore
import StintTransport
import Testing
import Tracing

@testable import Stint

// Goal: a trace goes on through an attempt, and the attempt's span says how it ended. Method: attempts run as a worker runs
// them, without a broker, under a tracer that keeps its spans.
@Suite("Tracing of attempts") struct AttemptTracingTests {
    private let logger = Logger(label: "test")

    private func attempt(_ trace: TraceHeaders) -> Attempt {
        var attempt = Attempt.sample(number: 2)
        attempt.trace = trace
        return attempt
    }

    /// Runs an attempt as the worker's queue would let it run, to its end.
    @discardableResult
    private func run(
        _ tracer: (any Tracer)?, _ trace: TraceHeaders, channel: RecordingChannel = RecordingChannel(),
        _ runner: AttemptRunner
    ) async -> AttemptEnd {
        let tracing = AttemptTracing(spans: SpanSource(tracer), worker: "tools-1", pool: "tools")
        let (end, span) = await tracing.run(attempt(trace), channel, logger, runner)
        span?.end(as: end)
        return end
    }

    @Test("the span of an attempt is a child of the enqueue, and describes the attempt")
    func span() async throws {
        let tracer = W3CTracer()
        await run(tracer, .sample) { _, _, _ in .completed(result: Data()) }
        let span = try #require(tracer.span("run test.exec"))
        #expect(span.traceID == "4bf92f3577b34da6a3ce929d0e0e4736" && span.parentSpanID == "00f067aa0ba902b7")
        #expect(span.kind == .consumer)
        #expect(
            span.attributes
                == [
                    "messaging.system": "stint", "messaging.operation.name": "run",
                    "messaging.operation.type": "process", "messaging.destination.name": "test.exec",
                    "messaging.message.id": "01980000-0000-7000-8000-000000000001", "messaging.client.id": "tools-1",
                    "messaging.consumer.group.name": "tools", "stint.attempt": 2, "stint.attempts_max": 4,
                    "stint.outcome": "completed",
                ])
        #expect(span.errors.isEmpty && span.status == nil)
    }

    @Test("a job without a trace begins one")
    func noParent() async throws {
        let tracer = W3CTracer()
        await run(tracer, TraceHeaders()) { _, _, _ in .completed(result: Data()) }
        #expect(try #require(tracer.span("run test.exec")).parentSpanID == nil)
    }

    @Test("a handler runs in the attempt's context; its children carry on from there, or from a span it opened")
    func handler() async throws {
        let tracer = W3CTracer()
        let channel = RecordingChannel()
        var handlers = HandlerRegistry()
        handlers.register("test.exec") { (_: [String: Int], context: JobContext) -> NoResult in
            try context.enqueue(NewJob(type: "first", json: Data("1".utf8)))
            try tracer.withSpan("inner") { _ in
                _ = try context.enqueue(NewJob(type: "second", json: Data("2".utf8)))
            }
            // Outside of any task of the handler, as the threads that read a program's output are.
            await withCheckedContinuation { continuation in
                Thread.detachNewThread {
                    _ = try? context.enqueue(NewJob(type: "third", json: Data("3".utf8)))
                    continuation.resume()
                }
            }
            return NoResult()
        }
        let end = await run(tracer, .sample, channel: channel, try #require(handlers.runners["test.exec"]))
        #expect(spelled(end) == "completed {}")
        let run = try #require(tracer.span("run test.exec")), inner = try #require(tracer.span("inner"))
        #expect(inner.parentSpanID == run.spanID)
        #expect(channel.children.map(\.type) == ["first", "second", "third"])
        #expect(channel.children.map { $0.trace["traceparent"] } == [run.header, inner.header, run.header])
    }

    @Test("a worker without a tracer hands on what its jobs brought, and nothing else", arguments: [nil, NoOpTracer()])
    func untraced(tracer: NoOpTracer?) async throws {
        let tracing = AttemptTracing(spans: SpanSource(tracer), worker: "w", pool: "p")
        #expect(tracing.isIdle(for: attempt(TraceHeaders())) && !tracing.isIdle(for: attempt(.sample)))
        for trace in [TraceHeaders(), .sample] {
            let channel = RecordingChannel()
            await run(tracer, trace, channel: channel) { _, channel, _ in
                _ = try? channel.enqueue(NewJob(type: "child", json: Data("1".utf8)))
                return .completed(result: Data())
            }
            #expect(channel.children.map(\.trace) == [trace])
        }
    }

    @Test("a program finds the attempt's span in its environment, and its children carry it on")
    func program() async throws {
        let tracer = W3CTracer(state: "a=1")
        let channel = RecordingChannel()
        let end = try await runProgram(tracer, .sample, channel)
        let run = try #require(tracer.span("run test.exec"))
        #expect(run.parentSpanID == "00f067aa0ba902b7")
        #expect(end == #"completed "\#(run.header) a=1""#)
        #expect(channel.children.map(\.trace) == [TraceHeaders(["traceparent": run.header, "tracestate": "a=1"])])
    }

    @Test("without a tracer a program finds what the job brought; without either, no variable at all")
    func untracedProgram() async throws {
        let channel = RecordingChannel()
        #expect(
            try await runProgram(nil, .sample, channel) == #"completed "\#(TraceHeaders.sampleParent) a=1,b=2""#)
        #expect(channel.children.map(\.trace) == [.sample])
        #expect(try await runProgram(nil, TraceHeaders(), RecordingChannel()) == #"completed "unset unset""#)
        #expect(
            try await runProgram(nil, TraceHeaders(["traceparent": "x"]), RecordingChannel())
                == #"completed "unset unset""#)
    }

    private func runProgram(
        _ tracer: W3CTracer?, _ trace: TraceHeaders, _ channel: RecordingChannel
    ) async throws -> String {
        let folder = try ScriptFolder()
        let script = try await folder.script(
            #"""
            echo '{"stint":"enqueue","jobs":[{"type":"child","payload":1}]}'
            echo "{\"stint\":\"result\",\"value\":\"${TRACEPARENT-unset} ${TRACESTATE-unset}\"}"
            """#)
        var handlers = HandlerRegistry()
        handlers.exec("test.exec", ExecSpec(argv: [script]), guard: .off())
        return spelled(await run(tracer, trace, channel: channel, try #require(handlers.runners["test.exec"])))
    }
}
