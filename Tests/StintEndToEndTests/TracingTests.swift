import InMemoryTracing
import Logging
import ServiceLifecycle
import Stint
import Testing
import Tracing

extension EndToEnd {
    // Goal: one trace goes from an enqueue through every attempt it leads to, and an untraced job carries nothing. Method: a
    // real broker, with client and worker in this process under a tracer that keeps its spans; then programs only.
    @Suite("Tracing") struct TracingTests {
        struct Empty: Codable, Sendable {}
        struct Broken: Error {}

        struct Parent: JobHandler {
            static let type = "parent"
            func run(_ payload: Empty, _ context: JobContext) async throws -> JobID {
                try context.enqueue(Child.self, Empty())
            }
        }

        struct Child: JobHandler {
            static let type = "child"
            func run(_ payload: Empty, _ context: JobContext) async throws -> Empty { payload }
        }

        /// Fails, and works at its second attempt.
        struct Careless: JobHandler {
            static let type = "careless"
            func run(_ payload: Empty, _ context: JobContext) async throws -> Empty {
                if context.attempt == 1 { throw Broken() }
                return payload
            }
        }

        /// A cluster whose worker and client live in this process, for as long as the body runs.
        private func run(
            _ tracer: (any Tracer)?, _ body: (Cluster, StintClient) async throws -> Void
        ) async throws {
            let cluster = try Cluster(#""jobs": { "*": { "backoff": { "first": "1ms", "most": "1ms" } } }"#)
            let broker = try await cluster.broker()
            var handlers = HandlerRegistry()
            handlers.register(Parent())
            handlers.register(Child())
            handlers.register(Careless())
            var options = try Worker.Options(environment: [:])
            options.endpoint = "ipc://\(cluster.folder)/w"
            (options.pool, options.name, options.slots) = ("here", "here-1", 2)
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let worker = try Worker(handlers: handlers, options: options, logger: logger, tracer: tracer)
            let group = ServiceGroup(services: [worker], logger: logger)
            let client = try StintClient(connectingTo: "ipc://\(cluster.folder)/c", tracer: tracer)
            defer { client.close() }
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                try await body(cluster, client)
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
            try await broker.terminate()
        }

        @Test("enqueue, attempt and the attempt of a child are one trace, each within the one before")
        func chain() async throws {
            let tracer = InMemoryTracer()
            try await run(tracer) { cluster, client in
                let parent = try await tracer.withSpan("request") { _ in
                    try await client.enqueue(Parent.self, Empty())
                }
                let child = client.handle(try await parent.value, as: Empty.self)
                _ = try await child.value

                // Who has the result finds the span ended.
                #expect(tracer.finishedSpans.count == 4)
                let request = try #require(tracer.spans("request").first)
                let enqueue = try #require(tracer.spans("enqueue parent").first)
                let first = try #require(tracer.spans("run parent").first)
                let second = try #require(tracer.spans("run child").first)
                #expect(enqueue.parentSpanID == request.spanID)
                #expect(first.parentSpanID == enqueue.spanID)
                #expect(second.parentSpanID == first.spanID)
                #expect(Set(tracer.finishedSpans.map(\.traceID)) == [request.traceID])
                #expect([enqueue, first, second].map(\.kind) == [.producer, .consumer, .consumer])
                let ids = [enqueue, first].map { $0.attributes.get("messaging.message.id") }
                #expect(ids == [.string("\(parent.id)"), .string("\(parent.id)")])
                #expect(second.attributes.get("messaging.message.id") == .string("\(child.id)"))
                #expect(second.attributes.get("messaging.client.id") == "here-1")

                // The headers are the tracer's own, whatever they are called.
                let shown = try await cluster.job("\(child.id)")["trace"]
                #expect(
                    shown
                        == .object([
                            "in-memory-trace-id": .string(first.traceID), "in-memory-span-id": .string(first.spanID),
                        ]))
            }
        }

        @Test("the attempts of a job are side by side, the one that failed with its error")
        func failure() async throws {
            let tracer = InMemoryTracer()
            try await run(tracer) { _, client in
                _ = try await client.enqueue(Careless.self, Empty()).value
                let enqueue = try #require(tracer.spans("enqueue careless").first)
                let attempts = tracer.spans("run careless")
                #expect(attempts.map(\.parentSpanID) == [enqueue.spanID, enqueue.spanID])
                #expect(attempts.map { $0.attributes.get("stint.attempt") } == [1, 2])
                #expect(attempts.map { $0.attributes.get("stint.outcome") } == ["errored", "completed"])
                #expect(attempts.map { $0.errors.first?.error is Broken } == [true, false])
                #expect(attempts.map { $0.status?.code } == [.error, nil])
            }
        }

        @Test("jobs of one request share its span")
        func batch() async throws {
            let tracer = InMemoryTracer()
            try await run(tracer) { _, client in
                let jobs = try (0..<5).map { _ in try NewJob(type: Child.type, payload: Empty()) }
                for job in try await client.enqueueAll(jobs) {
                    _ = try await client.handle(job.id, as: Empty.self).value
                }
                let enqueue = try #require(tracer.spans("enqueue child").first)
                #expect(enqueue.attributes.get("messaging.batch.message_count") == .int64(5))
                let attempts = tracer.spans("run child")
                #expect(attempts.count == 5 && attempts.allSatisfy { $0.parentSpanID == enqueue.spanID })
            }
        }

        @Test("without a tracer nothing is stored with a job or its children")
        func untraced() async throws {
            try await run(nil) { cluster, client in
                let parent = try await client.enqueue(Parent.self, Empty())
                let child = try await parent.value
                for id in [parent.id, child] {
                    #expect(try await client.job(id).trace.isEmpty)
                    #expect(try await !cluster.job("\(id)").names.contains("trace"))
                }
            }
        }

        @Test("a trace passes through the terminal and through programs, with no tracer anywhere")
        func programs() async throws {
            let cluster = try Cluster(
                #""pools": { "tools": { "handlers": { "shows": { "exec": ["./shows"] } } } }"#)
            try cluster.script(
                "shows",
                #"""
                [ "$STINT_TYPE" = shows ] && echo '{"stint":"enqueue","jobs":[{"type":"child","payload":1}]}'
                echo "{\"stint\":\"result\",\"value\":\"${TRACEPARENT-none} ${TRACESTATE-none}\"}"
                """#)
            let broker = try await cluster.broker()
            let worker = try await cluster.worker()
            let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            let environment = ["TRACEPARENT": parent, "TRACESTATE": "a=1"]
            let traced = try await cluster.stint("enqueue", "shows", "--wait", environment: environment)
            #expect(traced.text == #""\#(parent) a=1""#)
            let lines = try await cluster.stint("enqueue", "shows", "-", environment: environment, input: "1\n2\n")
            #expect(lines.lines.count == 2)
            for id in lines.lines {
                #expect(try await cluster.job(id, when: "completed")["result"].string == "\(parent) a=1")
            }
            let children = try await cluster.jobs("--type", "child")
            #expect(children.count == 3)
            for child in children {
                let trace = try await cluster.job(try #require(child["id"].string))["trace"]
                #expect(trace == .object(["traceparent": .string(parent), "tracestate": "a=1"]))
            }
            // What is no trace is none.
            let broken = try await cluster.stint(
                "enqueue", "shows", "--wait", environment: ["TRACEPARENT": "00-0-0-00"])
            #expect(broken.text == #""none none""#)
            try await worker.terminate()
            try await broker.terminate()
        }
    }
}

extension InMemoryTracer {
    /// The finished ones of this name, in the order in which they ended.
    fileprivate func spans(_ name: String) -> [FinishedInMemorySpan] {
        finishedSpans.filter { $0.operationName == name }
    }
}
