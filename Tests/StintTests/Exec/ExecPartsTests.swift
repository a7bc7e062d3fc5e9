import Foundation
import StintCore
import Testing

@testable import Stint

@Suite("Argument templates") struct ArgumentTemplateTests {
    private func filled(_ template: String, _ payload: String, dashes: Bool = false) -> String {
        do {
            let payload = try #require(JSONText(validating: Array(payload.utf8)))
            return try ArgumentTemplate(template)
                .filled(for: .sample(number: 2), payload: payload, allowDashValues: dashes)
        } catch let problem as ArgumentTemplate.Problem {
            return problem.sentence
        } catch {
            return "\(error)"
        }
    }

    @Test(
        "places are filled, whole or inside an argument",
        arguments: [
            ("plain", "{}", "plain"), ("", "{}", ""), ("{{payload}}", "7", "7"),
            ("{{ payload.a }}", #"{"a":"b"}"#, "b"),
            ("{{payload.a.b}}", #"{"a":{"b":"x y"}}"#, "x y"), ("<{{payload.a.1}}>", #"{"a":[1,2.50]}"#, "<2.50>"),
            ("{{payload.a}}{{payload.b}}", #"{"a":true,"b":""}"#, "true"), ("{{payload.0}}", #"{"0":"key"}"#, "key"),
            ("{{job.id}}", "{}", "01980000-0000-7000-8000-000000000001"), ("{{job.attempt}}", "{}", "2"),
            ("{{job.fence}}", "{}", "00000000000000030000000000000009"), ("{{{{.Names}}", "{}", "{{.Names}}"),
            (#"{"id":{{payload.a}}}"#, #"{"a":1e3}"#, #"{"id":1e3}"#), ("{{payload.a}}", #"{"a":"\u00e4\n"}"#, "ä\n"),
        ])
    func places(template: String, payload: String, expected: String) {
        #expect(filled(template, payload) == expected)
    }

    @Test("a value that begins an argument with a dash is refused, unless it is allowed")
    func dashes() {
        #expect(filled("{{payload.a}}", #"{"a":"-rf"}"#).contains("begins with \"-\""))
        #expect(filled("{{payload.b}}{{payload.a}}", #"{"a":-5,"b":""}"#).contains("begins with \"-\""))
        #expect(filled("{{payload.a}}", #"{"a":"-rf"}"#, dashes: true) == "-rf")
        #expect(filled("--name={{payload.a}}", #"{"a":"-rf"}"#) == "--name=-rf")
        #expect(filled("{{payload.a}}", #"{"a":"x-"}"#) == "x-")
        // The advice of the sentence, taken.
        #expect(filled("{{payload.a}}", #"{"a":"-rf"}"#).contains(#"such as "./{{payload.a}}" for"#))
        #expect(filled("./{{payload.a}}", #"{"a":"-rf"}"#) == "./-rf")
    }

    @Test(
        "what cannot stand in an argument is refused, and the field named",
        arguments: [
            (#"{"a":null}"#, "null"), (#"{"a":{}}"#, "an object"), (#"{"a":[1]}"#, "an array"),
            (#"{"a":"x\u0000y"}"#, "NUL"), ("{}", "lacks"), ("[]", "lacks"), (#"{"a":"\ud800"}"#, "payload"),
        ])
    func refusals(payload: String, expected: String) {
        let text = JSONText(validating: Array(payload.utf8)) == nil ? "payload" : filled("{{payload.a}}", payload)
        #expect(text.contains(expected) && text.contains("payload"), "\(text)")
    }

    @Test("a specification tells all that is wrong with it at once")
    func problems() {
        let spec = ExecSpec(
            argv: ["{{payload.program}}", "{{paylod.a}}", "{{open", "{{job.name}}", "{{payload..a}}"],
            environment: ["1X": "", "A=B": "", "OK": "a\0b"])
        #expect(spec.problems.count == 8)
        #expect(ExecSpec(argv: []).problems.count == 1)
        #expect(ExecSpec(argv: ["ls", "{{payload.a}}"], environment: ["A_1": "x"]).problems.isEmpty)
    }
}

@Suite("JSON as text") struct JSONTextTests {
    @Test("values are cut out as they were spelled")
    func cutting() throws {
        let text = #" { "a" : [ 1.10 , "x,\"]}" , {"b":null} ] , "c\u0064" : -0 , "a2":"" } "#
        let value = try #require(JSONText(validating: Array(text.utf8)))
        let list = try #require(value.member("a"))
        #expect(list.elements.map(\.text) == ["1.10", #""x,\"]}""#, #"{"b":null}"#])
        #expect(list.element(at: 1)?.string == #"x,"]}"#)
        #expect(list.element(at: 2)?.member("b")?.kind == .null)
        #expect(list.element(at: 3) == nil && list.element(at: -1) == nil)
        #expect(value.member("cd")?.text == "-0" && value.member("a2")?.string == "" && value.member("z") == nil)
    }

    @Test("empty containers have nothing in them", arguments: ["{}", "[]", "{ }", "[\n]"])
    func empty(text: String) throws {
        let value = try #require(JSONText(validating: Array(text.utf8)))
        #expect(value.members.isEmpty && value.elements.isEmpty)
    }

    @Test(
        "what is no JSON is refused",
        arguments: [
            "", " ", "{", "}", "[1,]", "[,1]", "{\"a\":1,}", "{\"a\"}", "{a:1}", "nul", "nulll", "'a'", "1 2",
            "{\"a\":1}}",
            "\u{FEFF}1", "01", "1.", ".5", "+1", "-", "1e", "0x1", "NaN", "\"\t\"", #""\x""#, #""\u12g4""#, "\"a",
            "// x\n1",
            String(repeating: "[", count: 514) + String(repeating: "]", count: 514),
        ])
    func refused(text: String) {
        #expect(JSONText(validating: Array(text.utf8)) == nil)
    }

    @Test(
        "what is JSON is taken",
        arguments: [
            "0", "-0", "-0.0e+10", "1E-2", "10", #""\u00e4\/\b""#, "\r\n\t true ", #"{"":[{},[]]}"#,
            String(repeating: "[", count: 512) + "1" + String(repeating: "]", count: 512),
        ])
    func taken(text: String) {
        #expect(JSONText(validating: Array(text.utf8)) != nil)
    }

    @Test("other encodings are refused")
    func encodings() {
        #expect(JSONText(validating: [0x22, 0xFF, 0x22]) == nil)
        #expect(JSONText(validating: Array("[1]".utf16.flatMap { [UInt8($0), 0] })) == nil)
    }
}

@Suite("Lines of output") struct LineSplitterTests {
    private func lines(_ pieces: [String], bytesMax: Int = 100) -> [String] {
        var splitter = LineSplitter(bytesMax: bytesMax)
        var lines: [LineSplitter.Line] = []
        for piece in pieces { Array(piece.utf8).withUnsafeBytes { lines += splitter.feed($0) } }
        if let last = splitter.end() { lines.append(last) }
        return lines.map { $0.text + ($0.isCut ? "…" : "") }
    }

    @Test("lines are cut at any break, wherever the pieces end")
    func breaks() {
        #expect(lines(["a\nb\r\nc\rd"]) == ["a", "b", "c", "d"])
        #expect(lines(["a", "b\n", "\n", "c"]) == ["ab", "c"])
        #expect(lines(["", "\n\n"]) == [])
    }

    @Test("the longest line passes whole, a longer one is cut and marked")
    func limit() {
        #expect(lines(["12345\n"], bytesMax: 5) == ["12345"])
        #expect(lines(["123456\n7"], bytesMax: 5) == ["12345…", "7"])
        #expect(lines(["123", "45", "67", "\nx"], bytesMax: 5) == ["12345…", "x"])
    }
}

@Suite("Raw output") struct RawOutputTests {
    private func output(_ bytes: [UInt8]...) -> RawOutput {
        var output = RawOutput()
        for piece in bytes { piece.withUnsafeBytes { output.take($0) } }
        return output
    }

    @Test("up to the limit everything is kept, beyond it the end, and that is noted")
    func tail() {
        let limit = RawOutput.bytesMax
        let whole = output([UInt8](repeating: 0x61, count: limit))
        #expect(whole.text.utf8.count == limit && whole.notes.isEmpty)
        let more = output([0x62], [UInt8](repeating: 0x61, count: limit))
        #expect(more.text == whole.text && more.notes.count == 1)
        let much = output(contentsOf: (0..<10).map { [UInt8](repeating: 0x61 + $0, count: limit) })
        #expect(much.text == String(repeating: "j", count: limit))
    }

    @Test("a character that the cut goes through is dropped, not replaced")
    func cutCharacter() {
        let text = output(Array("ä".utf8), [UInt8](repeating: 0x61, count: RawOutput.bytesMax - 1))
        #expect(text.text.utf8.count == RawOutput.bytesMax - 1)
        #expect(text.notes.count == 1)
    }

    private func output(contentsOf pieces: [[UInt8]]) -> RawOutput {
        var output = RawOutput()
        for piece in pieces { piece.withUnsafeBytes { output.take($0) } }
        return output
    }
}

@Suite("Handler messages") struct HandlerMessageTests {
    private func progress(_ line: String) throws -> String? {
        guard case .progress(let report) = try HandlerMessage(Array(line.utf8)) else { return nil }
        return String(decoding: report, as: UTF8.self)
    }

    @Test(
        "progress is brought into one form",
        arguments: [
            (#"{"stint":"progress"}"#, "{}"),
            (#"{"stint":"progress","fraction":1.0000000000000002}"#, #"{"fraction":1.0}"#),
            (#"{"stint":"progress","fraction":-1,"message":null}"#, #"{"fraction":0.0}"#),
            (#"{"stint":"progress","done":3,"total":0}"#, #"{"step":3,"steps":0}"#),
            (#"{"stint":"progress","done":0.5,"total":2}"#, #"{"fraction":0.25,"steps":2}"#),
            (
                #"{"stint":"progress","step":1.0,"steps":2,"fields":{"a":1.10},"b":[]}"#,
                #"{"step":1,"steps":2,"fields":{"a":1.10,"b":[]}}"#
            ),
        ])
    func progressForms(line: String, expected: String) throws {
        #expect(try progress(line) == expected)
    }

    @Test("a child may start later; its fields have the ranges of any job")
    func children() throws {
        let line =
            #"{"stint":"enqueue","jobs":[{"type":"a","payload":null,"delay_ms":500,"#
            + #""id":"01980000-0000-7000-8000-000000000001"}]}"#
        guard case .enqueue(let jobs) = try HandlerMessage(Array(line.utf8)) else {
            Issue.record("not taken for a message \"enqueue\"")
            return
        }
        #expect(jobs[0].options.start == .after(.milliseconds(500)))
        #expect(jobs[0].id == JobID("01980000-0000-7000-8000-000000000001"))
        #expect(String(decoding: jobs[0].payload, as: UTF8.self) == "null")
        for field in [#""priority":101"#, #""attempts":0"#, #""delay_ms":-1"#, #""id":"7""#, #""priority":1.5"#] {
            let line = #"{"stint":"enqueue","jobs":[{"type":"a","payload":1,\#(field)}]}"#
            #expect(throws: HandlerMessage.Malformed.self) { try HandlerMessage(Array(line.utf8)) }
        }
    }

    @Test("only a line that begins as a message is one")
    func marks() {
        #expect(HandlerMessage.isMessage(Array(#"{"stint":"x""#.utf8)))
        for line in [#" {"stint":"#, #"{ "stint":"#, #"{"stints":"#, "stint", ""] {
            #expect(!HandlerMessage.isMessage(Array(line.utf8)))
        }
    }
}
