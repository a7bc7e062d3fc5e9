import Foundation
import Glibc
import StintCore
import Testing

@testable import Stint

// Goal: an ordinary program is a handler. Method: real processes, written as small scripts into a temporary folder.
@Suite("Exec handlers") struct ExecRunnerTests {
    let folder: ScriptFolder

    init() throws { folder = try ScriptFolder() }

    @Test("the job arrives as one line of JSON, its payload as it was spelled, then end of file")
    func jobOnStandardInput() async throws {
        let script = try await folder.script("cat")
        let channel = RecordingChannel()
        let attempt = Attempt.sample(payload: "{\n \"n\": 1.10,\n \"s\": \"a\\nb\"}", checkpoint: "{\"page\":4}")
        let end = try await runAttempt(ExecSpec(argv: [script]), attempt, channel: channel)
        #expect(spelled(end) == "completed null")
        #expect(
            channel.texts == [
                #"{"job":{"id":"01980000-0000-7000-8000-000000000001","type":"test.exec","attempt":1,"attempts_max":4,"#
                    + #""priority":7,"fence":"00000000000000030000000000000009","timeout_ms":60000,"#
                    + #""checkpoint":{"page":4}},"payload":{  "n": 1.10,  "s": "a\nb"}}"#
            ])
    }

    @Test("without input, standard input is empty")
    func noInput() async throws {
        let script = try await folder.script("wc -c")
        let end = try await runAttempt(ExecSpec(argv: [script], input: .none, output: .raw))
        #expect(spelled(end) == #"completed "0\n""#)
    }

    @Test("the environment is an allow-list with the additions and what the job is")
    func environment() async throws {
        let end = try await runAttempt(
            ExecSpec(argv: ["env"], environment: ["EXTRA": "a=b", "TZ": "UTC"], input: .none, output: .raw))
        guard case .completed(let result) = end else {
            Issue.record("\(spelled(end))")
            return
        }
        let lines = try JSONDecoder().decode(String.self, from: result).split(separator: "\n").map(String.init)
        let names = Set(lines.compactMap { $0.split(separator: "=").first.map(String.init) })
        let allowed = Set(
            ExecEnvironment.inherited + [
                "EXTRA", "STINT_JOB", "STINT_TYPE", "STINT_ATTEMPT", "STINT_FENCE", "STINT_TIMEOUT_MS",
            ])
        #expect(names.isSubset(of: allowed))
        for line in [
            "EXTRA=a=b", "TZ=UTC", "STINT_JOB=01980000-0000-7000-8000-000000000001", "STINT_TYPE=test.exec",
            "STINT_ATTEMPT=1", "STINT_FENCE=00000000000000030000000000000009", "STINT_TIMEOUT_MS=60000",
        ] { #expect(lines.contains(line)) }
        #expect(names.contains("PATH"))
    }

    @Test("arguments are filled from the payload without a shell")
    func argumentsWithoutShell() async throws {
        let script = try await folder.script(#"printf '[%s]' "$@""#)
        let end = try await runAttempt(
            ExecSpec(argv: [script, "{{payload.a}}", "x{{payload.list.1.n}}y", "{{job.attempt}}"], output: .raw),
            .sample(payload: #"{"a":"$(id); 'q' \"d\" *","list":[0,{"n":12345678901234567890.10}]}"#))
        #expect(spelled(end) == #"completed "[$(id); 'q' \"d\" *][x12345678901234567890.10y][1]""#)
    }

    @Test("a field that is missing fails the job for good and is named")
    func missingField() async throws {
        let end = try await runAttempt(
            ExecSpec(argv: ["echo", "{{payload.path.to}}"]), .sample(payload: #"{"path":{}}"#))
        #expect(
            spelled(end) == "failed for good: the payload lacks the field \"payload.path.to\", which an argument needs."
        )
    }

    @Test("it runs in the working directory, and a relative program is found there")
    func workingDirectory() async throws {
        _ = try await folder.script("pwd -P")
        let end = try await runAttempt(ExecSpec(argv: ["./handler"], directory: folder.path, output: .raw))
        let real = URL(fileURLWithPath: folder.path).resolvingSymlinksInPath().path
        #expect(spelled(end) == "completed \"\(real)\\n\"")
    }

    @Test("messages become progress, log lines, children, checkpoints and the result; other lines the log")
    func conversation() async throws {
        let script = try await folder.script(
            #"""
            echo plain
            echo oops >&2
            echo '{"stint":"progress","done":1,"total":4,"message":"page 1","colour":"red"}'
            echo '{"stint":"log","level":"error","message":"careful"}'
            echo '{"stint":"enqueue","jobs":[{"type":"mail","payload":{"to":1.10},"priority":5,"attempts":2}]}'
            echo '{"stint":"checkpoint","state":{"page":1}}'
            echo '{"stint":"checkpoint","state":{"page":2}}'
            echo '{"stint":"heartbeat"}'
            printf '{"stint": "result", "value": {"pages": 12345678901234567890}}'
            """#)
        let channel = RecordingChannel()
        let end = try await runAttempt(ExecSpec(argv: [script]), channel: channel)
        #expect(spelled(end) == #"completed {"pages": 12345678901234567890}"#)
        #expect(
            channel.reports
                == [#"{"fraction":0.25,"message":"page 1","step":1,"steps":4,"fields":{"colour":"red"}}"#])
        #expect(channel.checkpoints == [#"{"page":1}"#, #"{"page":2}"#])
        #expect(channel.lines.contains(.init(level: .info, text: "plain")))
        #expect(channel.lines.contains(.init(level: .notice, text: "oops")))
        #expect(channel.lines.contains(.init(level: .error, text: "careful")))
        let child = try #require(channel.children.first)
        #expect(child.type == "mail" && child.options.priority == 5 && child.options.attempts == 2)
        #expect(String(decoding: child.payload, as: UTF8.self) == #"{"to":1.10}"#)
    }

    @Test("raw output becomes the result, as a JSON string")
    func rawOutput() async throws {
        let script = try await folder.script(#"printf '{"stint":"fail"}\n\303\244\377\\'; echo aside >&2"#)
        let channel = RecordingChannel()
        let end = try await runAttempt(ExecSpec(argv: [script], output: .raw), channel: channel)
        #expect(spelled(end) == #"completed "{\"stint\":\"fail\"}\nä�\\""#)
        #expect(
            channel.texts.sorted()
                == ["aside", "standard output is not UTF-8: the result has U+FFFD wherever it does not decode."])
    }

    @Test(
        "an exit code says whether to try again",
        arguments: [
            ("exit 0", "completed null"),
            ("exit 1", "failed: exited with code 1"),
            ("echo first >&2; echo 'no disk' >&2; exit 1", "failed: exited with code 1: no disk"),
            ("exit 75", "failed: exited with code 75"),
            ("exit 64", "failed for good: exited with code 64"),
            ("exit 65", "failed for good: exited with code 65"),
            ("exit 78", "failed for good: exited with code 78"),
            ("exit 126", "failed: exited with code 126"),
            ("exit 127", "failed: exited with code 127"),
            ("kill -9 $$", "crashed: ended by signal 9 (SIGKILL); out of memory?"),
            ("kill -11 $$", "crashed: ended by signal 11 (SIGSEGV)"),
        ])
    func exitCodes(body: String, expected: String) async throws {
        let end = try await runAttempt(ExecSpec(argv: [folder.script(body)]))
        #expect(spelled(end) == expected)
    }

    @Test(
        "what the handler says weighs more than how it exits, unless both say that it is done",
        arguments: [
            (#"{"stint":"fail","message":"bad input","permanent":true}"#, 0, "failed for good: bad input"),
            (#"{"stint":"fail","message":"later","retry_after_ms":1500}"#, 0, "failed after 1500: later"),
            (#"{"stint":"snooze","for_ms":2000}"#, 1, "snoozed 2000"),
            (#"{"stint":"result","value":1}"#, 1, "failed: exited with code 1"),
            (#"{"stint":"result","value":null}"#, 0, "completed null"),
        ])
    func wordsAndCodes(line: String, code: Int, expected: String) async throws {
        let end = try await runAttempt(ExecSpec(argv: [folder.script("echo '\(line)'; exit \(code)")]))
        #expect(spelled(end) == expected)
    }

    @Test(
        "a mistake in the protocol makes the attempt errored and is told in the log",
        arguments: [
            ([#"{"stint":"result","value":1}"#, #"{"stint":"result","value":1}"#], "after \"result\""),
            ([#"{"stint":"result","value":1}"#, #"{"stint":"snooze","for_ms":1}"#], "after \"result\""),
            ([#"{"stint":"result","value":}"#], "is not JSON"),
            ([#"{"stint":"result"}"#], "lacks the field \"value\""),
            ([#"{"stint":"reslut","value":1}"#], "\"reslut\" is no message"),
            ([#"{"stint":5}"#], "is not a string"),
            ([#"{"stint":"snooze","for_ms":-1}"#], "a whole number from 0"),
            ([#"{"stint":"enqueue","jobs":[{"type":"a b","payload":1}]}"#], "jobs.0.type"),
        ])
    func mistakes(lines: [String], expected: String) async throws {
        let script = try await folder.script(lines.map { "echo '\($0)'" }.joined(separator: "\n"))
        let channel = RecordingChannel()
        let end = try await runAttempt(ExecSpec(argv: [script]), channel: channel)
        let text = spelled(end)
        #expect(text.hasPrefix("errored: ") && text.contains(expected), "\(text)")
        #expect(channel.lines.contains { $0.level == .warning && $0.text.contains(expected) })
    }

    @Test("a child or a checkpoint that is refused makes the attempt errored")
    func refusals() async throws {
        let child = try await folder.script(
            #"echo '{"stint":"enqueue","jobs":[{"type":"a","payload":1}]}'"#, name: "child")
        let refusing = RecordingChannel(refusesCheckpoints: true, refusesChildren: true)
        #expect(
            spelled(try await runAttempt(ExecSpec(argv: [child]), channel: refusing))
                == "errored: job 0 of a message \"enqueue\" was refused: the payload is too large")
        let saver = try await folder.script(#"echo '{"stint":"checkpoint","state":1}'"#, name: "saver")
        #expect(
            spelled(try await runAttempt(ExecSpec(argv: [saver]), channel: refusing))
                == "errored: a checkpoint was not saved: the lease is lost")
    }
}
