/// One text file of the repository: where it stands, what it says, and, for Swift, what of it is code.
///
/// Every check is a function of such values, so that it can be tried on a sample that breaks it.
struct SourceFile: Sendable, CustomStringConvertible {
    /// From the root of the repository, with `/` between folders: `Sources/StintCore/Model/JobID.swift`.
    let path: String
    let text: String
    let lines: [String]
    /// For Swift the lines without comments and string literals, else the lines as they are. Words are
    /// banned as code; in prose they may be needed, if only to say why they are banned.
    let code: [String]

    init(_ path: String, _ text: String) {
        self.path = path
        self.text = text
        lines = Self.split(text)
        code = path.hasSuffix(".swift") ? Self.split(SwiftLexer.codeOnly(text)) : lines
    }

    var description: String { path }
    var name: String { String(path.split(separator: "/").last ?? "") }
    var isSwift: Bool { path.hasSuffix(".swift") }
    var isMarkdown: Bool { path.hasSuffix(".md") }
    /// Written by a generator; its form is not ours.
    var isGenerated: Bool { path.contains("/Generated/") }

    /// `StintCore` for `Sources/StintCore/Model/JobID.swift`, `Papers` for `Examples/Papers/Parse.swift`.
    var target: String? {
        let parts = path.split(separator: "/")
        guard parts.count > 2, parts[0] == "Sources" || parts[0] == "Examples" else { return nil }
        return String(parts[1])
    }

    /// The numbers, from 1, of the lines in which a word stands.
    func lines(with word: String, inCode: Bool = true) -> [Int] {
        guard text.contains(word) else { return [] }
        return (inCode ? code : lines).enumerated().compactMap { $1.contains(word: word) ? $0 + 1 : nil }
    }

    private static func split(_ text: String) -> [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
}

/// Something that is not in order, said so that the reader knows what to do about it.
struct Finding: Equatable, Sendable, CustomStringConvertible {
    let path: String
    let line: Int?
    let message: String

    init(_ path: String, _ message: String) {
        self.init(path, nil, message)
    }

    init(_ path: String, _ line: Int?, _ message: String) {
        self.path = path
        self.line = line
        self.message = message
    }

    var description: String { path + (line.map { ":\($0)" } ?? "") + ": " + message }
}

extension String {
    /// Does this word stand here on its own? `print(` is not found in `blueprint(`, nor `.now` in
    /// `.nowhere`: where the word begins or ends like an identifier, it must not go on as one.
    func contains(word: String) -> Bool {
        let here = Array(utf8), word = Array(word.utf8)
        guard let first = word.first, let last = word.last, here.count >= word.count else { return false }
        return (0...here.count - word.count).contains { start in
            let end = start + word.count
            guard here[start] == first, here[start..<end].elementsEqual(word) else { return false }
            if first.isIdentifier, start > 0, here[start - 1].isIdentifier { return false }
            if last.isIdentifier, end < here.count, here[end].isIdentifier { return false }
            return true
        }
    }
}

extension UInt8 {
    var isIdentifier: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: self >= 0x80
        }
    }
}
