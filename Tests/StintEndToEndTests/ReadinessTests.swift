import Foundation
import Testing

extension EndToEnd {
    /// `stint status --ready`: what a container's probe asks.
    @Suite("Readiness") struct ReadinessTests {
        @Test("without a broker it is 6, with one 0, and for a pool only when a worker of it takes jobs")
        func ready() async throws {
            let cluster = try Cluster(#""pools": { "tools": { "handlers": { "slow": { "exec": ["./slow"] } } } }"#)
            try cluster.script("slow", "echo started > events; read _ < go")
            let (events, go) = (try cluster.mailbox("events"), try cluster.gate("go"))
            #expect(try await cluster.stint("status", "--ready").code == 6)
            let broker = try await cluster.broker()
            let alone = try await cluster.stint("status", "--ready")
            #expect(alone.code == 0 && alone.text == "ready")
            let unserved = try await cluster.stint("status", "--ready", "--pool", "tools")
            #expect(unserved.code == 1)
            #expect(unserved.errorText == "stint: not ready: no worker of the pool tools takes jobs")

            let worker = try await cluster.worker()
            #expect(try await cluster.stint("status", "--ready", "--pool", "tools").code == 0)
            // One that drains takes nothing new, though it is still there.
            _ = try await cluster.enqueue("slow")
            try await events.line(0)
            worker.signal(SIGTERM)
            try await eventually("a draining worker") {
                try await cluster.stint("status", "--ready", "--pool", "tools").code == 1 ? () : nil
            }
            #expect(try await cluster.status()["workers"][0]["draining"] == .boolean(true))
            go.open()
            #expect(try await worker.end() == .exited(0))
            try await broker.terminate()
        }

        @Test("it is used alone")
        func usage() async throws {
            let cluster = try Cluster()
            #expect(try await cluster.stint("status", "--ready", "--json").code == 2)
            #expect(try await cluster.stint("status", "--pool", "tools").code == 2)
        }
    }
}
