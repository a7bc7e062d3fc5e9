/// The text of a Markdown file: the marks of headings, quotes, emphasis and links go, their words stay.
///
/// Code goes as well, fenced or in front matter: it claims nothing. A list keeps its dashes, because they are what
/// tells one point from the next.
public enum MarkdownText {
    public static func strip(_ source: String) -> String {
        var output: [String] = []
        var fence: Substring?
        let lines = source.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for line in lines.dropFirst(frontMatter(of: lines)) {
            let body = line.drop(while: \.isWhitespace)
            let mark = body.prefix { $0 == "`" || $0 == "~" }
            if let open = fence {
                // A fence ends with a mark of the same kind that is at least as long, alone on its line.
                if mark.hasPrefix(open) && body.dropFirst(mark.count).allSatisfy(\.isWhitespace) { fence = nil }
            } else if mark.count >= 3 && Set(mark).count == 1 {
                fence = mark
                output.append("")
            } else if isRule(body) {
                output.append("")
            } else if body.first == "#" {
                output += [
                    "", inline(body.drop { $0 == "#" || $0 == " " }.dropLast(while: { $0 == "#" || $0 == " " })), "",
                ]
            } else {
                output.append(inline(body.drop { $0 == ">" || $0 == " " }))
            }
        }
        return output.joined(separator: "\n")
    }

    /// How many lines the block of settings takes that some tools put in front.
    private static func frontMatter(of lines: [Substring]) -> Int {
        guard lines.first == "---", let end = lines.dropFirst().firstIndex(of: "---") else { return 0 }
        return end + 1
    }

    /// A line under a title, between sections or under the head of a table.
    private static func isRule(_ line: Substring) -> Bool {
        let marks = line.filter { !$0.isWhitespace }
        return marks.count >= 3 && marks.allSatisfy { "-=*_|:".contains($0) }
    }

    /// Marks within a line. What does not pair up stays: an asterisk can also be one.
    private static func inline(_ line: Substring) -> String {
        var output = ""
        var rest = line
        while let first = rest.first {
            if let (text, end) = link(in: rest) {
                output += inline(text)
                rest = rest[end...]
            } else if first == "<", let address = address(in: rest) {
                output += address
                rest = rest.dropFirst(address.count + 2)
            } else if first == "<", HTMLText.Tag(at: &rest) != nil {
                continue
            } else if first == "\\", let next = rest.dropFirst().first, next.isPunctuation || next.isSymbol {
                output.append(next)
                rest = rest.dropFirst(2)
            } else if first == "`" || first == "*" {
                // "2 * 3" and the bullet of a list touch no word, a mark does.
                let touches = [output.last, rest.dropFirst().first].contains { $0.map { !$0.isWhitespace } ?? false }
                if first == "*" && !touches { output.append(first) }
                rest = rest.dropFirst()
            } else if first == "_" {
                // Inside a word (`snake_case`) it is a letter like any other.
                let next = rest.drop { $0 == "_" }.first
                let insideWord = isPartOfWord(output.last) && isPartOfWord(next)
                if insideWord { output += rest.prefix { $0 == "_" } }
                rest = rest.drop { $0 == "_" }
            } else {
                output.append(first)
                rest = rest.dropFirst()
            }
        }
        return HTMLEntities.decode(output[...])
    }

    private static func isPartOfWord(_ character: Character?) -> Bool {
        character.map { $0.isLetter || $0.isNumber } ?? false
    }

    /// The words of `[words](address)`, `![words](address)` or `[words][mark]` at the front, and where it ends.
    private static func link(in text: Substring) -> (words: Substring, end: Substring.Index)? {
        let body = text.first == "!" ? text.dropFirst() : text
        guard body.first == "[", let close = closing("[", "]", in: body) else { return nil }
        let after = body[body.index(after: close)...]
        let brackets: (open: Character, close: Character)? =
            after.first == "(" ? ("(", ")") : after.first == "[" ? ("[", "]") : nil
        guard let brackets, let end = closing(brackets.open, brackets.close, in: after) else { return nil }
        return (body[body.index(after: body.startIndex)..<close], after.index(after: end))
    }

    private static func closing(_ open: Character, _ close: Character, in text: Substring) -> Substring.Index? {
        var depth = 0
        for index in text.indices {
            if text[index] == open { depth += 1 }
            if text[index] == close { depth -= 1 }
            if depth == 0 { return index }
        }
        return nil
    }

    /// The address of `<https://example.org>`, which looks like a tag.
    private static func address(in text: Substring) -> String? {
        guard let end = text.firstIndex(of: ">") else { return nil }
        let body = text[text.index(after: text.startIndex)..<end]
        let isAddress = body.contains("://") || (body.contains("@") && !body.contains(" "))
        return isAddress && !body.contains(" ") ? String(body) : nil
    }
}

extension Substring {
    fileprivate func dropLast(while predicate: (Character) -> Bool) -> Substring {
        guard let last = lastIndex(where: { !predicate($0) }) else { return self[startIndex..<startIndex] }
        return self[...last]
    }
}
