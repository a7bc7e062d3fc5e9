import Foundation
import Stint
import StintCore
import Testing

@testable import StintCLI

@Suite("Payload texts") struct PayloadTextTests {
    private func refusal(of text: String) -> String? { refusal(of: Array(text.utf8)) }

    private func refusal(of bytes: [UInt8]) -> String? {
        do {
            #expect(try PayloadText.checked(bytes, of: "line 7") == Data(bytes))
            return nil
        } catch let error as CommandError {
            #expect(error.status == .usage)
            return error.message
        } catch {
            return "\(error)"
        }
    }

    @Test(
        "JSON is kept byte by byte",
        arguments: [
            #"{"a": 1.10}"#, " [1,2]\n", "null", "-0.5e+3", #""a\u00e9\n""#, "\"\u{2028}\"", "12345678901234567890",
        ]
    )
    func accepted(_ text: String) { #expect(refusal(of: text) == nil) }

    @Test(
        "what only a lax reader takes is refused, with the place of the mistake",
        arguments: [
            (#"{"a":1,}"#, "at character 8"), ("[1,2,]", "at character 6"), ("{'a':1}", "at character 2"),
            ("[1 2]", "at character 4"), ("01", "at character 2"), ("hello", "at character 1"), ("nul", "ends before"),
            (#"{"a":"#, "ends before"), (#""\x""#, "at character 3"), ("\"a\tb\"", "at character 3"),
            (#"{"é":1,}"#, "at character 8"), ("{\n  \"a\": 1,\n}", "at line 3, character 1"),
            ("1 2", "at character 3"),
            ("", "it is empty"), ("  ", "ends before"), ("NaN", "at character 1"), ("{\"a\":1}\0", "at character 8"),
        ])
    func refused(text: String, place: String) throws {
        let message = try #require(refusal(of: text))
        #expect(message.hasPrefix("line 7 is not valid JSON: "))
        #expect(message.contains(place), "\(message)")
    }

    @Test("another encoding is refused and named, and nothing of the text is shown")
    func encodings() throws {
        let utf16 = try #require("{\"secret\":1}".data(using: .utf16))
        for bytes in [Array(utf16), Array("\"caf\u{e9}\"".unicodeScalars.map { UInt8($0.value) })] {
            let message = try #require(refusal(of: bytes))
            #expect(message.contains("not UTF-8"))
            #expect(!message.contains("secret") && !message.contains("caf"))
        }
    }

    @Test("arrays in arrays are taken as deep as the limit")
    func depth() {
        let limit = JSONGrammar.depthMax
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(refusal(of: nested(limit + 1)) == nil)
        #expect(refusal(of: nested(limit + 2))?.contains("512 arrays and objects") == true)
    }

    @Test("a file is read without its byte order mark, and refused with its size when it is too large")
    func files() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data([0xEF, 0xBB, 0xBF] + Array("{}".utf8)).write(to: URL(filePath: path))
        #expect(try PayloadText.contents(ofFile: path) == Data("{}".utf8))
        try Data(count: 3 * Limits.payloadBytesMax).write(to: URL(filePath: path))
        #expect { try PayloadText.contents(ofFile: path) } throws: {
            ($0 as? CommandError)?.message.contains("\(3 * Limits.payloadBytesMax) bytes, over the limit") == true
        }
        for absent in [path + ".absent", "/"] {
            #expect { try PayloadText.contents(ofFile: absent) } throws: {
                let error = $0 as? CommandError
                return error?.status == .usage && error?.message.contains("\"\(absent)\" cannot be read: ") == true
            }
        }
    }
}
