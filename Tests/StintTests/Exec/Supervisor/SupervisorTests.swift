import Foundation
import Glibc
import Stint
import StintCore
import Synchronization
import Testing

@testable import StintCLI

// Goal: `stint up` starts its children, starts again what dies, ends them in order, and leaves nothing behind however
// it ends. Method: real processes, written as small scripts into a temporary folder.
@Suite("The supervisor") struct SupervisorTests {
    let folder: ScriptFolder
    let said = Lines()

    init() throws { folder = try ScriptFolder() }

    private func plan(
        _ name: String, _ body: String, order: Int = 1, announcesItself: Bool = false
    ) async throws -> ChildPlan {
        ChildPlan(
            name: name, argv: [try await folder.script(body, name: name)], order: order,
            announcesItself: announcesItself)
    }

    private func supervisor(
        _ plans: [ChildPlan], backoff: RestartBackoff = RestartBackoff(first: .milliseconds(1), most: .milliseconds(5)),
        drainLimit: Duration = .seconds(20)
    ) -> Supervisor {
        Supervisor(plans: plans, backoff: backoff, drainLimit: drainLimit, say: { [said] in said.add($0) })
    }

    /// A child that says when it is up, and ends in order at SIGTERM.
    private let polite = "trap 'echo draining; exit 0' TERM; echo up; while :; do sleep 1000 & wait $!; done"

    @Test("children's lines carry their names, standard output and standard error alike")
    func names() async throws {
        let body = "echo out; echo err >&2; printf unfinished; exec sleep 1000"
        let supervisor = supervisor([try await plan("pool.1", body)])
        let running = Task { try? await supervisor.run() }
        await said.wait("pool.1 | out")
        await said.wait("pool.1 | err")
        supervisor.kill()
        await running.value
        await said.wait("pool.1 | unfinished")
    }

    @Test("pools drain before the broker does")
    func drainOrder() async throws {
        let supervisor = supervisor([
            try await plan("broker", polite, order: 0), try await plan("pool.1", polite),
            try await plan("pool.2", polite),
        ])
        let running = Task { try? await supervisor.run() }
        for name in ["broker", "pool.1", "pool.2"] { await said.wait("\(name) | up") }
        supervisor.drain()
        supervisor.drain()
        await running.value
        #expect(said.all.filter { $0.contains("draining") }.last == "broker | draining")
        #expect(said.all.filter { $0.contains("draining") }.count == 3)
    }

    @Test("a child that dies is started again, also when it ends without an error")
    func restarts() async throws {
        for code in [0, 1] {
            let name = "pool.\(code)"
            let supervisor = supervisor([
                try await plan(
                    name,
                    "n=$(cat '\(folder.path)/n\(code)' 2>/dev/null); echo x >> '\(folder.path)/n\(code)'; "
                        + "[ -n \"$n\" ] && echo again && exec sleep 1000; exit \(code)")
            ])
            let running = Task { try? await supervisor.run() }
            await said.wait("\(name) exited with code \(code); it is started again in 1 ms.")
            await said.wait("\(name) | again")
            supervisor.kill()
            await running.value
        }
    }

    @Test("a child that keeps failing at its start is told of once, in one sentence, and tried on")
    func keepsFailing() async throws {
        let supervisor = supervisor([try await plan("pool.1", "exit 2")])
        let running = Task { try? await supervisor.run() }
        await said.wait(count: 8, of: "pool.1 exited with code 2")
        supervisor.drain()
        await running.value
        let sentences = said.all.filter { $0.contains("5 times in a row") }
        #expect(
            sentences == [
                "pool.1 has failed 5 times in a row, at last it exited with code 2 (a mistake in its command line or "
                    + "configuration: see its lines above); it is started again in 5 ms."
            ])
    }

    @Test("a program that does not exist is said and tried again")
    func missingProgram() async throws {
        let supervisor = supervisor([ChildPlan(name: "pool.1", argv: ["no-such-program-anywhere"], order: 1)])
        let running = Task { try? await supervisor.run() }
        await said.wait(
            count: 2, of: "pool.1 did not start, because \"no-such-program-anywhere\" is in no folder of PATH")
        supervisor.drain()
        await running.value
    }

    @Test("a child that does not drain is killed at the limit, with its children")
    func drainLimit() async throws {
        let watch = try folder.deathWatch()
        let supervisor = supervisor(
            [
                try await plan(
                    "pool.1", "trap '' TERM; exec 9>'\(watch.path)'; sleep 1000 & echo up; while :; do wait; done")
            ],
            drainLimit: .milliseconds(50))
        async let gone = watch.wait()
        let running = Task { try? await supervisor.run() }
        await said.wait("pool.1 | up")
        supervisor.drain()
        await running.value
        _ = await gone
        #expect(said.all.last == "pool.1 was ended by signal 9 (SIGKILL), instead of draining to its end.")
    }

    @Test("the second interrupt ends everything at once")
    func secondInterrupt() async throws {
        let stubborn = "trap '' TERM; echo up; while :; do sleep 1000; done"
        let supervisor = supervisor([try await plan("broker", stubborn, order: 0), try await plan("pool.1", stubborn)])
        let running = Task { try? await supervisor.run() }
        await said.wait("broker | up")
        await said.wait("pool.1 | up")
        supervisor.interrupt()
        supervisor.interrupt()
        await running.value
    }

    @Test("a drain ends the wait for the next start")
    func drainWhileWaiting() async throws {
        let supervisor = supervisor(
            [try await plan("pool.1", "exit 1")], backoff: RestartBackoff(first: .seconds(3_600), most: .seconds(3_600))
        )
        let running = Task { try? await supervisor.run() }
        await said.wait("pool.1 exited with code 1; it is started again in 3600 s.")
        supervisor.drain()
        await running.value
    }

    @Test("drained or killed before it runs, it starts nothing")
    func endedBefore() async throws {
        for ending in [Supervisor.drain, Supervisor.kill] {
            let supervisor = supervisor([try await plan("pool.1", polite)])
            ending(supervisor)()
            try await supervisor.run()
        }
        #expect(said.all.filter { $0.hasSuffix("| up") }.count == 0)
    }

    @Test("readiness is asked again until it succeeds, and told once")
    func readiness() async throws {
        let supervisor = supervisor([try await plan("broker", polite, order: 0)])
        let asked = Mutex(0)
        struct NotYet: Error {}
        try await supervisor.run(
            readiness: {
                let count = asked.withLock { asked in
                    asked += 1
                    return asked
                }
                if count < 3 { throw NotYet() }
            },
            onReady: { [said] in
                said.add("ready")
                supervisor.drain()
            })
        #expect(said.all.filter { $0 == "ready" }.count == 1)
        #expect(asked.withLock { $0 } == 3)
    }

    @Test("pools start when the broker says that it is ready, and so does the cluster")
    func poolsWaitForTheBroker() async throws {
        let gate = try folder.deathWatch().path  // a named pipe: the broker is ready when it has read a line
        let broker = try await plan(
            "broker", "echo up; read -r _ <'\(gate)'; echo ready; \(polite)", order: 0, announcesItself: true)
        let supervisor = supervisor([broker, try await plan("pool.1", polite)])
        let running = Task { try? await supervisor.run(onReady: { [said] in said.add("open") }) }
        await said.wait("broker | up")
        #expect(!said.all.contains { $0.hasPrefix("pool.1") || $0 == "open" })
        try "go\n".write(toFile: gate, atomically: false, encoding: .utf8)
        await said.wait("pool.1 | up")
        await said.wait("open")
        supervisor.drain()
        await running.value
    }

    @Test(
        "a broker that keeps failing before it is ready ends the cluster with its exit code, and no pool ever starts",
        arguments: [(code: 1, lives: 5), (code: 2, lives: 1)])
    func brokerNeverReady(code: Int32, lives: Int) async throws {
        let supervisor = supervisor([
            try await plan("broker", "echo up; exit \(code)", order: 0, announcesItself: true),
            try await plan("pool.1", polite),
        ])
        let failure = await #expect(throws: Supervisor.Failure.self) { try await supervisor.run() }
        #expect(failure?.exitCode == code)
        #expect(said.all.filter { $0 == "broker | up" }.count == lives)
        #expect(!said.all.contains { $0.hasPrefix("pool.1") })
    }

    @Test("when the supervisor is killed, its children see the end of their lifeline")
    func supervisorIsKilled() async throws {
        let watch = try folder.deathWatch()
        // `cat` ends at the end of standard input, as a child that watches its lifeline does; then it drains.
        let script = try await folder.script(
            "exec 9>'\(watch.path)'; echo \"up $STINT_LIFELINE\"; cat; echo drained >&9")
        async let written = watch.wait()
        await #expect(processExitsWith: .signal(SIGKILL)) { [script = script as String] in
            let said = Lines()
            let supervisor = Supervisor(
                plans: [ChildPlan(name: "pool.1", argv: [script], order: 1)], say: { said.add($0) })
            let running = Task { try? await supervisor.run() }
            await said.wait("pool.1 | up stdin")
            kill(getpid(), SIGKILL)
            await running.value
        }
        #expect(await written == "drained\n")
    }

    @Test("a child that does not end with its lifeline ends at the limit")
    func lifelineLimit() async throws {
        await #expect(processExitsWith: .exitCode(1)) {
            var ends: [Int32] = [-1, -1]
            try #require(pipe(&ends) == 0 && dup2(ends[0], STDIN_FILENO) == STDIN_FILENO)
            close(ends[1])
            let end = AsyncStream.makeStream(of: Void.self)
            #expect(!Lifeline.watch(environment: [:]) { Issue.record("there is no lifeline") })
            #expect(
                Lifeline.watch(environment: ["STINT_LIFELINE": "stdin"], limit: .zero) { end.continuation.yield() })
            for await _ in end.stream {}  // hangs: never finished
        }
    }

    @Test("the wait doubles up to the longest, and a long life forgives")
    func backoff() {
        var backoff = RestartBackoff()
        let quick = Duration.milliseconds(29_999)
        #expect((1...4).map { _ in backoff.wait(after: quick).wait } == [100, 200, 400, 800].map { .milliseconds($0) })
        #expect(backoff.wait(after: quick) == (.seconds(10), true))
        #expect(backoff.wait(after: quick) == (.seconds(10), false))
        #expect(backoff.wait(after: .seconds(30)) == (.milliseconds(100), false))
    }
}

/// Collects lines, and lets a test wait for them.
final class Lines: Sendable {
    private struct State {
        var lines: [String] = []
        var waiting: [(text: String, count: Int, continuation: CheckedContinuation<Void, Never>)] = []

        func has(_ text: String, _ count: Int) -> Bool {
            lines.count { $0.contains(text) } >= count
        }
    }

    private let state = Mutex(State())

    var all: [String] { state.withLock { $0.lines } }

    func add(_ line: String) {
        let due = state.withLock { state in
            state.lines.append(line)
            let waiting = state.waiting
            state.waiting = waiting.filter { !state.has($0.text, $0.count) }
            return waiting.filter { state.has($0.text, $0.count) }
        }
        for waiter in due { waiter.continuation.resume() }
    }

    /// Returns when this many lines contain this text.
    func wait(count: Int = 1, of text: String) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.has(text, count) { return true }
                state.waiting.append((text, count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    func wait(_ text: String) async { await wait(count: 1, of: text) }
}
