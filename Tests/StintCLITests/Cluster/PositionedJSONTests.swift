import Testing

@testable import StintCLI

@Suite("Positioned JSON") struct PositionedJSONTests {
    // Goal: any bytes give a tree with exact places, or one message with the place of the mistake.
    // Method: small texts, both sides of each bound.

    private func read(_ text: String) -> (tree: PositionedJSON?, lines: [String]) {
        read(Array(text.utf8))
    }

    private func read(_ bytes: [UInt8]) -> (tree: PositionedJSON?, lines: [String]) {
        var problems: [ConfigProblem] = []
        let tree = PositionedJSONReader.read(bytes, problems: &problems)
        return (tree, problems.map { $0.line(file: "f") })
    }

    private func text(_ json: String) -> String? {
        if case .text(let text)? = read(json).tree?.value { text } else { nil }
    }

    @Test("every value and every key has the line and column of its first character")
    func places() throws {
        let tree = try #require(read("{\n  \"a\": 1,\r\n\t\"é😀\": [true,\n null]}").tree)
        let members = try #require(tree.members)
        #expect(tree.place == .file(line: 1, column: 1))
        #expect(members[0].keyPlace == .file(line: 2, column: 3))
        #expect(members[0].value.place == .file(line: 2, column: 8))
        #expect(members[1].keyPlace == .file(line: 3, column: 2))
        // A column is a character, whatever it weighs: tab, quote, é, 😀, quote, colon, space.
        #expect(members[1].value.place == .file(line: 3, column: 8))
        guard case .list(let elements) = members[1].value.value else { return #expect(Bool(false)) }
        #expect(elements.map(\.place) == [.file(line: 3, column: 9), .file(line: 4, column: 2)])
    }

    @Test("comments and a comma after the last element are accepted")
    func forgiving() throws {
        let tree = try #require(
            read("\u{FEFF}// head\n{ /* a **/ \"a\": [1, 2, /* x */ ], // end\n \"b\": {}, }\n// no newline after this")
                .tree)
        #expect(tree.members?.map(\.key) == ["a", "b"])
    }

    @Test("all escapes of JSON are understood, also outside the basic plane")
    func escapes() {
        #expect(text(#""\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00""#) == "\"\\/\u{8}\u{C}\n\r\té😀")
        #expect(text("\"é😀\"") == "é😀")
    }

    @Test("numbers keep their digits", arguments: ["0", "-0", "10", "1.50", "-2e10", "1E+3", "9007199254740993"])
    func numbers(digits: String) throws {
        guard case .number(let read)? = read(digits).tree?.value else { return #expect(Bool(false)) }
        #expect(read == digits)
    }

    private static let aValue =
        #"expected a value (text in double quotes, a number, true, false, null, "{" or "[")"#

    @Test(
        "broken syntax says where, what was expected and what was there",
        arguments: [
            (
                "",
                "f:1:1: \(Self.aValue), got the end of the file"
            ),
            ("{\"a\": 1", "f:1:8: expected \",\" or \"}\" after the value of \"a\", got the end of the file"),
            ("{\"a\": 1\n \"b\": 2}", "f:2:2: expected \",\" or \"}\" after the value of \"a\", got \"\"\""),
            ("{a: 1}", "f:1:2: expected a key in double quotes or \"}\", got \"a\""),
            ("{,}", "f:1:2: expected a key in double quotes or \"}\", got \",\""),
            ("{\"a\" 1}", "f:1:6: expected \":\" after the key \"a\", got \"1\""),
            (
                "[1,,2]",
                "f:1:4: \(Self.aValue), got \",\""
            ),
            ("[1 2]", "f:1:4: expected \",\" or \"]\" after an element of the list, got \"2\""),
            (
                "[True]",
                "f:1:2: \(Self.aValue), got \"True\""
            ),
            ("{} {}", "f:1:4: expected the end of the file, got \"{\""),
            ("[15s]", "f:1:4: expected the end of the number, got \"s\". A value with a unit is text: \"15s\""),
            ("[01]", "f:1:3: expected \",\" or \"]\" after an element of the list, got \"1\""),
            ("[1.]", "f:1:4: expected a digit, got \"]\""),
            ("[-]", "f:1:3: expected a digit, got \"]\""),
            ("[\"a\nb\"]", "f:1:2: expected a closing double quote in the line where the text begins"),
            ("[\"a", "f:1:2: expected a closing double quote, got the end of the file"),
            ("[\"\t\"]", "f:1:3: expected control characters in text as escapes, such as \\t, got \"\\t\""),
            ("[\"\\x\"]", "f:1:4: expected one of \" \\ / b f n r t u after a backslash, got \"x\""),
            ("[\"\\u12g4\"]", "f:1:7: expected four hexadecimal digits after \\u, got \"g\""),
            ("[\"\\uD800\"]", "f:1:4: expected a character, got half of a surrogate pair"),
            ("[\"\\uDC00\"]", "f:1:4: expected a character, got half of a surrogate pair"),
            ("[\"\\uD800\\u0041\"]", "f:1:4: expected a character, got half of a surrogate pair"),
            ("{ /* x", "f:1:3: expected */ at the end of this comment, got the end of the file"),
            ("{ / }", "f:1:4: expected // or /* for a comment, got \" \""),
            (
                "[é]",
                "f:1:2: \(Self.aValue), got \"é\""
            ),
        ])
    func brokenSyntax(json: String, line: String) {
        let (tree, lines) = read(json)
        #expect(tree == nil)
        #expect(lines == [line])
    }

    @Test("text that is not UTF-8 is refused where it begins")
    func notUTF8() {
        #expect(
            read([0x5B, 0x22, 0xFF, 0x22, 0x5D]).lines
                == ["f:1:2: expected text in UTF-8, got bytes that are not. Save the file as UTF-8"])
    }

    @Test("a key given twice is refused with both places, and does not hide a later mistake")
    func duplicates() {
        let (tree, lines) = read("{\"a\": {\"b.c\": 1, \"d\": 2,\n\"b.c\": 3}}")
        #expect(tree != nil)
        #expect(
            lines == [
                "f:2:1: a.\"b.c\": given twice; it already stands in line 1, column 8. Keep one of the two"
            ])
        #expect(read("{\"a\": 1, \"a\": 2, }]").lines.count == 2)
    }

    @Test("64 levels are read and 65 are not")
    func depth() {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(read(nested(64)).tree != nil)
        #expect(
            read(nested(65)).lines == ["f:1:65: expected at most 64 levels of lists and objects, got one more"])
        // Far deeper must not exhaust the stack.
        #expect(read(String(repeating: "[", count: 1_000_000)).lines.count == 1)
        #expect(read(String(repeating: "{\"a\":", count: 500_000)).lines.count == 1)
    }

    @Test("4 MiB are read and one byte more is not")
    func size() {
        let space = [UInt8](repeating: UInt8(ascii: " "), count: PositionedJSONReader.bytesMax - 2)
        #expect(read(space + Array("{}".utf8)).tree != nil)
        #expect(read(space + Array("{} ".utf8)).lines == ["f: the file is larger than 4 MiB, the most that is read"])
    }

    @Test("every beginning of a valid file, and every file with one byte changed, is judged without a trap")
    func total() {
        let whole = Array("{\"a\": [1.5e3, \"\\uD83D\\uDE00é\", true, null], /* c */ \"b\": {\"c\": -1}, // d\n}".utf8)
        #expect(read(whole).tree != nil)
        for count in 0..<whole.count { #expect(read(Array(whole.prefix(count))).tree == nil) }
        for index in whole.indices {
            for byte in [0x00, 0x22, 0x2C, 0x2F, 0x5C, 0x7B, 0x80, 0xFF] as [UInt8] {
                var changed = whole
                changed[index] = byte
                let (tree, lines) = read(changed)
                #expect((tree == nil) == !lines.isEmpty)
            }
        }
    }
}
