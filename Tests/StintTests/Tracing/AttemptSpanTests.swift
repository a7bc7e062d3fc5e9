import Foundation
import InMemoryTracing
import Logging
import StintCore
import StintTransport
import Testing
import Tracing

@testable import Stint

// Goal: a span says how its attempt was taken, not what the handler would have had of it. Method: every end there is, and
// attempts that are stopped in a worker's queue while they run.
@Suite("Spans of attempts") struct AttemptSpanTests {
    private struct Sunburn: Error {}

    private func ended(as end: AttemptEnd?) throws -> FinishedInMemorySpan {
        let tracer = W3CTracer()
        AttemptSpan(span: tracer.startSpan("run")).end(as: end)
        #expect(tracer.open.isEmpty)
        return try #require(tracer.span("run"))
    }

    @Test(
        "an end that is no failure leaves no error",
        arguments: [
            (AttemptEnd.completed(result: Data()), "completed"), (.cancelled, "cancelled"),
            (.snoozed(.seconds(1)), "snoozed"), (.released(withdraws: true, reason: "no file"), "released"),
        ])
    func harmless(end: AttemptEnd, outcome: String) throws {
        let span = try ended(as: end)
        #expect(span.attributes == ["stint.outcome": .string(outcome)])
        #expect(span.errors.isEmpty && span.status == nil)
    }

    @Test(
        "a failure is recorded with its reason",
        arguments: [
            (AttemptEnd.failed(message: "no such file", permanent: true, retryAfter: nil), "failed", "no such file"),
            (.errored(message: "a mistake"), "errored", "a mistake"),
            (.timedOut, "timed_out", "the attempt passed its timeout"),
            (.crashed(message: "ended by signal 9"), "crashed", "ended by signal 9"),
            (nil, "lease_lost", "the lease was lost; the answer does not count"),
        ])
    func failure(end: AttemptEnd?, outcome: String, reason: String) throws {
        let span = try ended(as: end)
        #expect(span.attributes == ["stint.outcome": .string(outcome), "error.type": .string(outcome)])
        #expect(span.errors.map { $0.error as? AttemptFailure } == [AttemptFailure(description: reason)])
        #expect(span.status == SpanStatus(code: .error, message: reason))
    }

    @Test("what a handler threw is recorded itself")
    func thrown() throws {
        let span = try ended(as: AttemptEnd(thrown: Sunburn()))
        #expect(span.attributes == ["stint.outcome": "errored", "error.type": "Sunburn"])
        #expect(span.errors.map { $0.error is Sunburn } == [true])
        #expect(span.status == SpanStatus(code: .error, message: "Sunburn()"))
        let said = try ended(as: AttemptEnd(thrown: JobError.permanent("no such customer")))
        #expect(said.attributes.get("error.type") == "failed")
        #expect(said.status == SpanStatus(code: .error, message: "no such customer"))
    }

    @Test(
        "an attempt that is stopped ends as what it was stopped for; a result that came all the same as completed",
        arguments: [
            (RunQueue.StopReason.timedOut, false, "timed_out"), (.jobCancelled, false, "cancelled"),
            (.drained, false, "released"), (.leaseLost, false, "lease_lost"), (.timedOut, true, "completed"),
            (.leaseLost, true, "lease_lost"),
        ])
    func stopped(reason: RunQueue.StopReason, answers: Bool, outcome: String) async throws {
        let tracer = W3CTracer()
        let waker = try Waker()
        let queue = RunQueue(slots: 1, waker: waker)
        let tracing = AttemptTracing(spans: SpanSource(tracer), worker: "w", pool: "p")
        let (running, begins) = AsyncStream.makeStream(of: Int.self)
        queue.start { run in
            await tracing.run(run.attempt, run.channel, Logger(label: "test")) { attempt, _, _ in
                begins.yield(attempt.number)
                if attempt.number == 1 {
                    // Until it is told to stop.
                    for await _ in AsyncStream(Void.self, { _ in }) {}
                }
                return answers ? .completed(result: Data()) : .errored(message: "stopped")
            }
        }
        var begun = running.makeAsyncIterator()
        let first = run(1, waker)
        queue.push([first])
        #expect(await begun.next() == 1)
        queue.stop(first.lease, reason)
        // There is one slot, so when the second begins the first is over and done with.
        queue.push([run(2, waker)])
        #expect(await begun.next() == 2)
        queue.close()

        let span = try #require(tracer.finished.first { $0.attributes.get("stint.attempt") == 1 })
        #expect(span.attributes.get("stint.outcome") == .string(outcome))
        let settled = queue.takeFinished().first { $0.run.attempt.number == 1 }
        #expect((settled?.end.name ?? "lease_lost") == outcome)
    }

    private func run(_ number: Int, _ waker: Waker) -> RunQueue.Run {
        let attempt = Attempt.sample(number: number)
        let lease = LeaseReference(id: attempt.id, token: FencingToken(epoch: 1, sequence: UInt64(number)))
        return RunQueue.Run(
            lease: lease, attempt: attempt, channel: RunChannel(lease: lease, outbox: ReportOutbox(waker: waker)))
    }
}
