import Foundation
import Glibc
import StintCore
import Synchronization
import Testing

@testable import Stint

// Goal: when the worker dies, its handlers die. Method: the real guard (`stint guard`) as a real process, and a second
// process that plays the worker and is killed with SIGKILL.
@Suite("The guard of a worker's processes") struct ProcessGuardTests {
    let folder: ScriptFolder

    init() throws { folder = try ScriptFolder() }

    @Test("a worker that is killed takes its handlers and their children with it")
    func workerIsKilled() async throws {
        let watch = try folder.deathWatch()
        let script = try await folder.script(
            """
            trap '' TERM
            exec 9>'\(watch.path)'
            sh -c 'sleep 1000' &
            echo ready
            sleep 1000
            """)
        async let gone = watch.wait()
        await #expect(processExitsWith: .signal(SIGKILL)) { [script = script as String] in
            let channel = RecordingChannel()
            let guardian = ProcessGuard(argv: [try stintExecutable(), "guard"])
            let running = Task {
                try await runAttempt(ExecSpec(argv: [script]), channel: channel, guardian: guardian)
            }
            await channel.waitForLine("ready")
            kill(getpid(), SIGKILL)
            _ = try await running.value
        }
        _ = await gone
    }

    @Test("a worker that ends in order leaves no guard behind, and the polite signals do not take it away")
    func guardEnds() async throws {
        let watch = try folder.deathWatch()
        // The guard behind a script that holds the pipe in its place: `exec` keeps the descriptor open.
        let wrapper = try await folder.script("exec 9>'\(watch.path)'; exec '\(try stintExecutable())' guard")
        async let gone = watch.wait()
        let guardian = ProcessGuard(argv: [wrapper])
        #expect(spelled(try await runAttempt(ExecSpec(argv: ["true"]), guardian: guardian)) == "completed null")
        let process = try #require(guardian.processID)
        #expect(getsid(process) == process)
        for polite in [SIGHUP, SIGINT, SIGQUIT] { kill(process, polite) }
        #expect(spelled(try await runAttempt(ExecSpec(argv: ["true"]), guardian: guardian)) == "completed null")
        guardian.stop()
        _ = await gone
    }

    @Test("a guard that cannot be started withdraws the type")
    func guardIsMissing() async throws {
        let guardian = ProcessGuard(argv: [folder.path + "/missing", "guard"])
        let text = spelled(try await runAttempt(ExecSpec(argv: ["true"]), guardian: guardian))
        #expect(text.hasPrefix("released, withdraws: the guard of this worker's processes cannot be started"))
    }

    @Test("a guard that is killed is started again and told what runs")
    func guardIsKilled() async throws {
        let watch = try folder.deathWatch()
        let script = try await folder.script("exec 9>'\(watch.path)'; echo ready; sleep 1000")
        let wrapper = try await folder.script("exec '\(try stintExecutable())' guard", name: "guard")
        let channel = RecordingChannel()
        let guardian = ProcessGuard(argv: [wrapper])
        async let gone = watch.wait()
        let running = Task { try await runAttempt(ExecSpec(argv: [script]), channel: channel, guardian: guardian) }
        await channel.waitForLine("ready")
        let first = try #require(guardian.processID)
        kill(first, SIGKILL)
        // Its end is noticed by itself; `prepare` then waits for the next one.
        while guardian.processID == first { await Task.yield() }
        try await guardian.prepare()
        #expect(guardian.processID != nil)
        guardian.stop()
        _ = await gone
        #expect(spelled(try await running.value).hasPrefix("crashed: ended by signal 9"))
    }

    @Test(
        "only groups that are registered and not gone are left at the end",
        arguments: [
            ("", ""), ("+100\n+200\n-100\n", "200"), ("+100\n+100\n-100\n", ""), ("+300\n\n+301\n", "300 301"),
            // A last line without its end is cut: the number could be the beginning of another one.
            ("+1\n+0\n+-1\n-5\n+ 7\n+99999999999\nrubbish\n+300\n+40", "300"),
        ])
    func survivors(input: String, expected: String) async throws {
        let file = try await folder.file("input", input)
        let descriptor = open(file, O_RDONLY)
        defer { close(descriptor) }
        let groups = GuardProcess.survivors(input: descriptor)
        #expect(groups.sorted().map(String.init).joined(separator: " ") == expected)
    }
}
