import Foundation
import Testing

extension EndToEnd {
    /// What commands read: words, files and standard input.
    @Suite("Input") struct InputTests {
        @Test("what is no JSON to the letter is refused wherever it comes from, and nothing is stored")
        func strictJSON() async throws {
            let cluster = try Cluster()
            let broker = try await cluster.broker()
            try cluster.write("bad.json", "{\"a\":1,\n}")
            for (words, input) in [
                (#"'{"a":1,}'"#, ""), ("@bad.json", ""), ("-", #"1\n2\n[1,2,]\n"#), ("-", #"1\n"caf\351"\n"#),
                (#""$(printf '"caf\351"')""#, ""), ("@bad.json", ""),
            ] {
                let output = try await cluster.shell("printf '\(input)' | $stint enqueue t \(words)")
                #expect(output.code == 2, "\(words) \(input): \(output.errorText)")
                #expect(output.lines.isEmpty)
                #expect(output.errorLines.count == 1 && output.errorText.hasPrefix("stint: "), "\(output.errorText)")
            }
            #expect(try await cluster.shell("printf '\\377\\376[\\0]\\0' | $stint enqueue t -").code == 2)
            #expect(try await cluster.status()["counts"]["ready"] == 0)

            // A mark at the beginning is no part of the text.
            let marked = try await cluster.shell("printf '\\357\\273\\2771\\r\\n2\\r\\n' | $stint enqueue t -")
            try #require(marked.code == 0 && marked.lines.count == 2, "\(marked.errorText)")
            #expect(try await cluster.job(marked.lines[0])["payload"] == 1)
            try await broker.terminate()
        }

        @Test("a payload with line breaks is one line in --json")
        func oneLine() async throws {
            let cluster = try Cluster()
            let broker = try await cluster.broker()
            try cluster.write("payload.json", "{\n  \"a\": [1,\n 2]\n}\n")
            let id = try await cluster.enqueue("t", "@payload.json")
            let output = try await cluster.stint("job", id, "--json")
            #expect(output.lines.count == 1)
            #expect(output.text.contains(#""payload":{"a":[1,2]},"#), "\(output.text)")
            try await broker.terminate()
        }

        @Test("a bulk load that breaks off names the line and how far it came")
        func brokenOff() async throws {
            let cluster = try Cluster(#""limits": { "payload": "1KiB" }"#)
            let broker = try await cluster.broker()
            let lines = (1...1_200).map(String.init)
            func load(_ lines: [String], _ words: String = "") async throws -> Output {
                try cluster.write("lines", lines.map { $0 + "\n" }.joined())
                return try await cluster.shell("$stint enqueue t - \(words) <lines")
            }
            #expect(try await load(lines, "--run monday").code == 0)
            var changed = lines
            changed[1_099] = "\"other\""
            let conflict = try await load(changed, "--run monday")
            #expect(conflict.code == 5 && conflict.lines.count == 1_000)
            #expect(conflict.errorText.contains("line 1100 has changed since"), "\(conflict.errorText)")

            changed[1_099] = "\"" + String(repeating: "x", count: 1_023) + "\""
            let large = try await load(changed)
            #expect(large.code == 2 && large.lines.count == 1_000)
            #expect(large.errorText.contains("line 1100 is refused"), "\(large.errorText)")
            #expect(large.errorText.contains("tail -n +1001 FILE | "), "\(large.errorText)")

            // The advice works as it is printed.
            let advice = try #require(large.errorLines.last).replacing("FILE", with: "lines")
            changed[1_099] = "1100"
            try cluster.write("lines", changed.map { $0 + "\n" }.joined())
            let rest = try await cluster.shell(advice)
            #expect(rest.code == 0 && rest.lines.count == 200, "\(rest.errorText)")
            #expect(try await cluster.status()["counts"]["ready"] == 2_400)
            try await broker.terminate()
        }

        @Test("a bulk load whose reader is gone says how far it came")
        func closedReader() async throws {
            let cluster = try Cluster()
            let broker = try await cluster.broker()
            try cluster.write("lines", String(repeating: "1\n", count: 20_000))
            let output = try await cluster.shell(
                #"{ $stint enqueue t - <lines; echo "code $?" >&2; } | true"#)
            #expect(output.errorLines.last == "code 1")
            #expect(output.errorText.contains("the ids cannot be written: Broken pipe. Lines 1 to "))
            try await broker.terminate()
        }

        @Test("standard input that cannot be read is an error", arguments: ["</", "<&-"])
        func unreadable(_ redirection: String) async throws {
            let cluster = try Cluster()
            let broker = try await cluster.broker()
            let output = try await cluster.shell("$stint enqueue t - \(redirection)")
            #expect(output.code == 1)
            #expect(output.lines.isEmpty)
            #expect(output.errorText.contains("standard input cannot be read"), "\(output.errorText)")
            try await broker.terminate()
        }
    }
}
