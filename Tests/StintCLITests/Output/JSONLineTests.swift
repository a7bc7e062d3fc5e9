import Foundation
import Testing

@testable import StintCLI

@Suite("JSON lines") struct JSONLineTests {
    private func line(json text: String) -> String {
        var line = JSONLine()
        line.add("value", json: Data(text.utf8))
        return line.description
    }

    @Test(
        "a value that is JSON stands in the line as it came, without the space between its tokens",
        arguments: [
            ("{\n  \"a\" : [ 1.10,\r\n\t2 ]\n}\n", #"{"a":[1.10,2]}"#), (" null ", "null"),
            (#"{"a b": " \" , \\", "c" : "\\\" "}"#, #"{"a b":" \" , \\","c":"\\\" "}"#), (#""""#, #""""#),
        ])
    func compact(text: String, expected: String) { #expect(line(json: text) == "{\"value\":\(expected)}") }

    @Test(
        "a value that is no JSON stands in the line as a string",
        arguments: [("{\"a\":1,}\n", #""{\"a\":1,}\n""#), ("", #""""#), ("ok\u{7}", #""ok\u0007""#)])
    func quoted(text: String, expected: String) { #expect(line(json: text) == "{\"value\":\(expected)}") }

    @Test("bytes that are no text are a string too, and nothing is null")
    func bytes() throws {
        var line = JSONLine()
        line.add("value", json: Data([0x22, 0xFF, 0x22]))
        line.add("none", json: nil)
        let object = try JSONSerialization.jsonObject(with: Data(line.description.utf8)) as? [String: Any]
        #expect(object?["value"] as? String == "\"\u{FFFD}\"")
        #expect(object?["none"] is NSNull)
    }
}
