import Foundation
import Testing

extension EndToEnd {
    /// What commands print, and where it cannot be printed.
    @Suite("Output") struct OutputTests {
        @Test("output that cannot be written ends with exit code 1 and a sentence", arguments: [">/dev/full", ">&-"])
        func unwritable(_ redirection: String) async throws {
            let cluster = try Cluster()
            let broker = try await cluster.broker()
            let waiting = try await cluster.enqueue("t")
            for words in [
                "status", "status --json", "jobs", "jobs --json", "job \(waiting)", "cancel \(waiting)", "--help",
            ] {
                let output = try await cluster.shell("$stint \(words) \(redirection)")
                #expect(output.code == 1, "\(words): \(output.errorText)")
                #expect(output.errorText.contains("stint: the output cannot be written: "), "\(words)")
            }
            // The job exists, so its id must not be lost.
            let id = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000"
            let enqueue = try await cluster.shell("$stint enqueue t --id \(id) \(redirection)")
            #expect(enqueue.code == 1)
            #expect(enqueue.errorText.contains("job \(id) is enqueued, but"), "\(enqueue.errorText)")
            #expect(try await cluster.job(id)["state"] == "ready")
            try await broker.terminate()
        }

        @Test("a reader that had enough is no news, where the signal for it is ignored")
        func readerGone() async throws {
            let cluster = try Cluster()
            let broker = try await cluster.broker()
            _ = try await cluster.enqueue("t")
            let output = try await cluster.shell(
                #"trap '' PIPE; { $stint jobs --json; echo "code $?" >&2; } | true"#)
            #expect(output.errorLines == ["code 1"])
            try await broker.terminate()
        }

        @Test("--wait --json prints what was enqueued, then how it ended, each as one object a line")
        func waitedFor() async throws {
            let cluster = try Cluster(
                #""pools": { "tools": { "handlers": { "good": { "exec": ["echo", "hi"], "output": "raw" }, "bad": { "exec": ["false"] } } } }"#
            )
            let up = try await cluster.up()
            let good = try await cluster.stint("enqueue", "good", "--wait", "--json")
            try #require(good.code == 0 && good.lines.count == 2, "\(good.errorText)")
            let (first, last) = (try JSON(good.lines[0]), try JSON(good.lines[1]))
            #expect(first == .object(["id": last["id"], "duplicate": false]))
            #expect(last.names == ["id", "state", "result", "error"])
            #expect(last["state"] == "completed" && last["result"] == "hi\n" && last["error"] == .null, "\(last)")

            let bad = try await cluster.stint("enqueue", "bad", "--attempts", "1", "--wait", "--json")
            try #require(bad.code == 9 && bad.lines.count == 2)
            let ending = try JSON(bad.lines[1])
            #expect(
                ending["state"] == "dead" && ending["result"] == .null && ending["error"].string != nil, "\(ending)")
            try await up.terminate()
        }

        @Test(
            "a page that is not the last says on standard error how to go on, in either form",
            arguments: ["", "--json"])
        func nextPage(_ json: String) async throws {
            let cluster = try Cluster()
            let broker = try await cluster.broker()
            for number in 0..<3 { _ = try await cluster.enqueue("t", "\(number)") }
            let page = try await cluster.shell("$stint jobs --limit 2 \(json)")
            #expect(page.lines.count == (json.isEmpty ? 3 : 2))
            let hint = try #require(page.errorLines.first)
            #expect(hint.hasPrefix("stint: more: add --cursor ") && page.errorLines.count == 1)
            let cursor = try #require(hint.split(separator: " ").last)
            let rest = try await cluster.shell("$stint jobs --limit 2 \(json) --cursor \(cursor)")
            #expect(rest.lines.count == (json.isEmpty ? 2 : 1) && rest.errorLines.isEmpty)
            let none = try await cluster.shell("$stint jobs --type other \(json)")
            #expect(none.code == 0 && none.lines.isEmpty)
            #expect(none.errorLines == (json.isEmpty ? ["stint: no jobs"] : []))
            try await broker.terminate()
        }

        @Test("status --watch outlives the broker and goes on with the next")
        func watching() async throws {
            let cluster = try Cluster()
            let watch = try cluster.start("status", "--watch", "--json")
            try await watch.errorLine("word of the absence") { $0.contains("no broker at ipc://\(cluster.folder)/c") }
            let first = try await cluster.broker()
            try await watch.outputCount(atLeast: 2)
            try await first.terminate()
            let second = try await cluster.broker()
            let count = watch.outputLines.count
            try await watch.outputCount(atLeast: count + 1)
            watch.signal(SIGINT)
            #expect(try await watch.end() == .signalled(SIGINT))
            #expect(try watch.outputLines.allSatisfy { try JSON($0)["counts"]["ready"] == 0 })
            try await second.terminate()
        }
    }
}
