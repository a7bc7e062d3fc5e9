import Foundation
import Glibc
import StintCore
import StintTestKit
import Testing

@testable import Stint

// Goal: nothing that a handler does or fails to do hangs the worker, ends it, or leaves a process behind.
@Suite("Exec handlers in hardship") struct ExecHardshipTests {
    let folder: ScriptFolder

    init() throws { folder = try ScriptFolder() }

    @Test("a program that cannot be started gives the job back and withdraws the type")
    func unusableProgram() async throws {
        let plain = try await folder.file("plain", "#!/bin/sh\n", mode: "644")
        let lost = try await folder.file("lost", "#!/no/such/interpreter -x\n")
        let windows = try await folder.file("windows", "#!/bin/sh\r\nexit 0\r\n")
        let nothing = try await folder.file("nothing", "this is no program\n")
        for (argv, reason) in [
            ([folder.path + "/missing"], "does not exist or cannot be reached"),
            (["no-such-program-anywhere"], "is in no folder of PATH"),
            ([plain], "is not executable: run chmod +x on it"),
            ([folder.path + "/"], "is no regular file"),
            ([lost], "needs the interpreter \"/no/such/interpreter\""),
            ([windows], "has Windows line endings"),
            ([nothing], "is no program for this machine"),
        ] {
            let text = spelled(try await runAttempt(ExecSpec(argv: argv)))
            #expect(text.hasPrefix("released, withdraws: ") && text.contains(reason), "\(text)")
        }
        let text = spelled(try await runAttempt(ExecSpec(argv: ["true"], directory: folder.path + "/gone")))
        #expect(text.hasPrefix("released, withdraws: the working directory"), "\(text)")
    }

    @Test("a name that is found but cannot be run does not end the search in PATH")
    func searchGoesOn() async throws {
        _ = try await folder.file("true", "", mode: "644")
        let end = try await runAttempt(ExecSpec(argv: ["true"], environment: ["PATH": "\(folder.path):/usr/bin:/bin"]))
        #expect(spelled(end) == "completed null")
    }

    @Test("arguments that are too long for the system fail the job for good")
    func argumentsTooLong() async throws {
        let payload = #"{"a":"\#(String(repeating: "x", count: 200_000))"}"#
        let end = try await runAttempt(ExecSpec(argv: ["true", "{{payload.a}}"]), .sample(payload: payload))
        #expect(spelled(end).hasPrefix("failed for good: the arguments of \"true\" are longer"))
    }

    @Test("a payload of a megabyte is no matter for a handler that does not read it")
    func unreadInput() async throws {
        let payload = #""\#(String(repeating: "x", count: 1 << 20))""#
        #expect(spelled(try await runAttempt(ExecSpec(argv: ["true"]), .sample(payload: payload))) == "completed null")
        let closes = try await folder.script("exec 0<&-; echo done")
        let channel = RecordingChannel()
        let end = try await runAttempt(ExecSpec(argv: [closes]), .sample(payload: payload), channel: channel)
        #expect(spelled(end) == "completed null" && channel.texts == ["done"])
    }

    @Test("a handler that writes a megabyte before it reads one does not deadlock")
    func writesBeforeReading() async throws {
        let script = try await folder.script("head -c 1048576 /dev/zero | tr '\\0' '\\n'; echo x; wc -c")
        let payload = #""\#(String(repeating: "x", count: 1 << 20))""#
        let channel = RecordingChannel()
        let end = try await runAttempt(ExecSpec(argv: [script]), .sample(payload: payload), channel: channel)
        #expect(spelled(end) == "completed null")
        #expect(channel.texts.first == "x")
        #expect(channel.texts.last.flatMap { Int($0) } ?? 0 > 1 << 20)
    }

    @Test("a handler that closes its output and runs on is waited for")
    func closesOutput() async throws {
        let watch = try folder.deathWatch()
        let script = try await folder.script("exec 9>'\(watch.path)' 1>&- 2>&-; read line; echo late >&9; exit 75")
        async let written = watch.wait()
        let end = try await runAttempt(ExecSpec(argv: [script]))
        #expect(spelled(end) == "failed: exited with code 75")
        #expect(await written == "late\n")
    }

    @Test("a line of the longest length passes, one byte more is cut and fails the attempt")
    func lineLimit() async throws {
        let limits = ExecSpec.Limits(lineBytesMax: 100)
        for (bytes, expected) in [(100, "completed null"), (101, "failed: the handler wrote a line longer than 100")] {
            for redirect in ["", ">&2"] {
                let script = try await folder.script("printf '%0\(bytes)d\\n' 7 \(redirect)", name: "h\(bytes)")
                let channel = RecordingChannel()
                let end = try await runAttempt(ExecSpec(argv: [script], limits: limits), channel: channel)
                #expect(spelled(end).hasPrefix(expected), "\(spelled(end))")
                #expect(channel.texts.first?.utf8.count == 100)
            }
        }
    }

    @Test("a message that is cut is not taken for one")
    func cutMessage() async throws {
        let script = try await folder.script(#"printf '{"stint":"result","value":"%0200d"}\n' 7"#)
        let end = try await runAttempt(ExecSpec(argv: [script], limits: .init(lineBytesMax: 100)))
        #expect(spelled(end).hasPrefix("failed: the handler wrote a line longer than 100 bytes"))
    }

    @Test("a handler that writes for ever is stopped at the limit")
    func outputLimit() async throws {
        let limits = ExecSpec.Limits(outputBytesMax: 100_000)
        for output in [ExecSpec.Output.messages, .raw] {
            let end = try await runAttempt(ExecSpec(argv: ["yes"], input: .none, output: output, limits: limits))
            #expect(spelled(end).hasPrefix("failed: the handler wrote more than 100000 bytes of output"))
        }
    }

    @Test("log lines beyond the limit are counted and dropped")
    func logLimit() async throws {
        for (lines, expected) in [(3, ["1", "2", "3"]), (5, ["1", "2", "3", "2 more lines were dropped"])] {
            let script = try await folder.script("seq \(lines)", name: "h\(lines)")
            let channel = RecordingChannel()
            _ = try await runAttempt(ExecSpec(argv: [script], limits: .init(logLinesMax: 3)), channel: channel)
            #expect(channel.texts.count == expected.count)
            for (text, start) in zip(channel.texts, expected) { #expect(text.hasPrefix(start)) }
        }
    }

    @Test("cancelling tells the whole group, and what the handler says last is heard")
    func politeCancel() async throws {
        let watch = try folder.deathWatch()
        let script = try await folder.script(
            """
            trap 'echo "{\\"stint\\":\\"checkpoint\\",\\"state\\":5}"; echo stopped; exit 0' TERM
            sh -c 'exec 9>"\(watch.path)"; echo ready; sleep 1000' &
            wait
            """)
        let channel = RecordingChannel()
        let running = Task { try await runAttempt(ExecSpec(argv: [script]), channel: channel) }
        async let gone = watch.wait()
        await channel.waitForLine("ready")
        running.cancel()
        #expect(spelled(try await running.value) == "cancelled")
        #expect(channel.texts.contains("stopped") && channel.checkpoints == ["5"])
        _ = await gone
    }

    @Test("a handler that ignores the polite signal is killed after the grace, with its children")
    func forcedCancel() async throws {
        let watch = try folder.deathWatch()
        let script = try await folder.script(
            """
            trap '' TERM
            sh -c 'exec 9>"\(watch.path)"; echo ready; while :; do sleep 1000; done' &
            while :; do wait; done
            """)
        let channel = RecordingChannel()
        let running = Task {
            try await runAttempt(ExecSpec(argv: [script], grace: .milliseconds(100)), channel: channel)
        }
        async let gone = watch.wait()
        await channel.waitForLine("ready")
        let start = ContinuousClock.now
        running.cancel()
        #expect(spelled(try await running.value) == "cancelled")
        #expect(.now - start >= .milliseconds(100))
        _ = await gone
    }

    @Test("an attempt that is cancelled before it begins starts nothing")
    func cancelledBefore() async throws {
        let script = try await folder.script("touch '\(folder.path)/ran'")
        let running = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await runAttempt(ExecSpec(argv: [script]))
        }
        #expect(spelled(try await running.value) == "cancelled")
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/ran"))
    }

    @Test("output that a grandchild holds is read for one second more, then the grandchild is killed")
    func grandchildHoldsOutput() async throws {
        let watch = try folder.deathWatch()
        let gate = try folder.deathWatch("gate")
        let script = try await folder.script(
            """
            sh -c 'exec 9>"\(watch.path)"; echo ready; echo go > "\(gate.path)"; sleep 0.2; echo late; sleep 1000' &
            read line < '\(gate.path)'
            """)
        let channel = RecordingChannel()
        async let gone = watch.wait()
        let start = ContinuousClock.now
        let end = try await runAttempt(ExecSpec(argv: [script]), channel: channel)
        #expect(spelled(end) == "completed null")
        #expect(.now - start < .seconds(5 * Patience.factor))
        #expect(channel.texts == ["ready", "late"])
        _ = await gone
    }

    @Test("what the handler leaves behind is killed, even when it holds no output")
    func leftovers() async throws {
        let watch = try folder.deathWatch()
        let script = try await folder.script(
            """
            sh -c 'exec 9>"\(watch.path)" 1>&- 2>&-; echo up >&9; echo go > "\(watch.path).ready"; sleep 1000' &
            read line < '\(watch.path).ready'
            """)
        try #require(mkfifo(watch.path + ".ready", 0o600) == 0)
        async let gone = watch.wait()
        #expect(spelled(try await runAttempt(ExecSpec(argv: [script]))) == "completed null")
        #expect(await gone == "up\n")
    }

    @Test("a handler inherits no descriptors but its three streams")
    func descriptors() async throws {
        let leak = open("/dev/null", O_RDONLY)  // deliberately without close-on-exec
        try #require(leak >= 0)
        defer { close(leak) }
        let end = try await runAttempt(ExecSpec(argv: ["ls", "/proc/self/fd"], output: .raw))
        #expect(spelled(end) == #"completed "0\n1\n2\n3\n""#)  // 3 is the folder that ls itself reads
    }

    @Test("a handler leads its own process group and has no signal blocked or ignored")
    func processGroup() async throws {
        let script = try await folder.script(
            """
            read pid comm state parent group rest < /proc/self/stat
            [ "$group" = "$$" ] && echo leads
            grep -E '^Sig(Blk|Ign)' /proc/self/status
            """)
        let channel = RecordingChannel()
        _ = try await runAttempt(ExecSpec(argv: [script]), channel: channel)
        #expect(channel.texts.first == "leads" && channel.texts.count == 3)
        for line in channel.texts.dropFirst() {
            let mask = try #require(UInt64(line.suffix(16), radix: 16), "\(line)")
            #expect(mask & 0x7FFF_FFFF == 0, "\(line)")  // above 31 a C library keeps signals of its own
        }
    }

    @Test("a handler that saves faster than the broker is slowed down, and loses nothing")
    func manyCheckpoints() async throws {
        let script = try await folder.script(#"seq 2000 | sed 's/.*/{"stint":"checkpoint","state":&}/'"#)
        let channel = RecordingChannel()
        #expect(spelled(try await runAttempt(ExecSpec(argv: [script]), channel: channel)) == "completed null")
        #expect(channel.checkpoints == (1...2_000).map(String.init))
    }

    @Test("a worker that runs out of descriptors keeps the job for later, and recovers")
    func descriptorShortage() async throws {
        // In a process of its own, because the limit is the whole process's.
        await #expect(processExitsWith: .success) {
            #expect(spelled(try await runAttempt(ExecSpec(argv: ["true"]))) == "completed null")
            var kept = rlimit()
            try #require(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &kept) == 0)
            var ends: Set<String> = []
            for room in 0..<20 {
                // The limit is one on numbers: as many as this are free below it.
                let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
                let taken = Set(open.compactMap { Int($0) })
                let free = (0...).lazy.filter { !taken.contains($0) }.prefix(room + 1).reduce(0) { $1 }
                var limit = rlimit(rlim_cur: rlim_t(free), rlim_max: kept.rlim_max)
                try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
                for _ in 0..<5 { ends.insert(spelled(try await runAttempt(ExecSpec(argv: ["true"])))) }
                try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &kept) == 0)
            }
            #expect(ends == ["completed null", "snoozed 5000"])
            #expect(spelled(try await runAttempt(ExecSpec(argv: ["true"]))) == "completed null")
        }
    }

    @Test("many attempts at once keep apart")
    func manyAtOnce() async throws {
        let script = try await folder.script(#"echo "$1"; echo "{\"stint\":\"result\",\"value\":$1}""#)
        let spec = ExecSpec(argv: [script, "{{payload.n}}"])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<60 {
                group.addTask {
                    let channel = RecordingChannel()
                    let end = try await runAttempt(spec, .sample(payload: #"{"n":\#(number)}"#), channel: channel)
                    #expect(spelled(end) == "completed \(number)" && channel.texts == ["\(number)"])
                }
            }
            try await group.waitForAll()
        }
    }
}
