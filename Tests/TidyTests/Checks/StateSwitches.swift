/// A switch over the state of a job spells every state out: the compiler then names each place to visit
/// when a state is added. `default:` would swallow the new one silently.
enum StateSwitches {
    static let states: Set = ["waiting", "scheduled", "ready", "leased", "completed", "dead", "cancelled"]

    static func findings(in file: SourceFile) -> [Finding] {
        guard file.path.hasPrefix("Sources/StintCore/"), file.isSwift, file.text.contains("default") else { return [] }
        let code = Array(file.code.joined(separator: "\n").utf8)
        return code.indices.compactMap { start in
            guard isWord("switch", at: start, in: code), let labels = labels(ofSwitchAt: start, in: code) else {
                return nil
            }
            let named = labels.cases.flatMap(memberNames).filter(states.contains)
            guard let line = labels.defaultLine, let state = named.first else { return nil }
            return Finding(
                file.path, line,
                "a switch that names the state .\(state) must name them all; write the others out in place of `default:`"
            )
        }
    }

    private struct Labels {
        var cases: [String] = []
        var defaultLine: Int?
    }

    /// The labels of one switch, without those of the switches inside it; nil when its braces do not close.
    private static func labels(ofSwitchAt start: Int, in code: [UInt8]) -> Labels? {
        var labels = Labels()
        var braces = 0, parentheses = 0, position = start
        while position < code.count {
            switch code[position] {
            case UInt8(ascii: "("), UInt8(ascii: "["): parentheses += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"): parentheses -= 1
            case UInt8(ascii: "{") where parentheses == 0: braces += 1
            case UInt8(ascii: "}") where parentheses == 0:
                braces -= 1
                if braces == 0 { return labels }
            case UInt8(ascii: "c") where braces == 1 && parentheses == 0 && beginsStatement(at: position, in: code):
                if isWord("case", at: position, in: code) { labels.cases.append(pattern(from: position, in: code)) }
            case UInt8(ascii: "d") where braces == 1 && parentheses == 0 && beginsStatement(at: position, in: code):
                if isWord("default", at: position, in: code) {
                    labels.defaultLine = 1 + code[..<position].count { $0 == UInt8(ascii: "\n") }
                }
            default: break
            }
            position += 1
        }
        return nil
    }

    /// The text between `case` and the colon that ends the label; labels of tuples stand in parentheses.
    private static func pattern(from start: Int, in code: [UInt8]) -> String {
        var parentheses = 0
        let rest = code[start...].prefix { byte in
            if byte == UInt8(ascii: "(") || byte == UInt8(ascii: "[") { parentheses += 1 }
            if byte == UInt8(ascii: ")") || byte == UInt8(ascii: "]") { parentheses -= 1 }
            return byte != UInt8(ascii: ":") || parentheses > 0
        }
        return String(decoding: rest, as: UTF8.self)
    }

    /// `["leased", "ready"]` for `case .leased(let lease), JobState.ready`.
    private static func memberNames(in pattern: String) -> [String] {
        pattern.split(separator: ".").dropFirst().map { part in
            String(decoding: part.utf8.prefix(while: \.isIdentifier), as: UTF8.self)
        }
    }

    /// First on its line, or right after a brace or a semicolon: a label, not the `case` of an `if case`.
    private static func beginsStatement(at position: Int, in code: [UInt8]) -> Bool {
        let before = code[..<position].last { $0 != UInt8(ascii: " ") }
        return before == nil || [UInt8(ascii: "\n"), UInt8(ascii: "{"), UInt8(ascii: ";")].contains(before)
    }

    private static func isWord(_ word: String, at position: Int, in code: [UInt8]) -> Bool {
        guard code[position...].starts(with: word.utf8) else { return false }
        let end = position + word.utf8.count
        let before = position > 0 ? code[position - 1] : UInt8(ascii: " ")
        return !before.isIdentifier && before != UInt8(ascii: ".") && (end == code.count || !code[end].isIdentifier)
    }
}
