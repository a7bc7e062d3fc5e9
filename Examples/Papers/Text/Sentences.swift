/// Splits a text into sentences and keeps where each lies.
///
/// The rules, in the order in which they are asked:
/// 1. A paragraph ends at an empty line, or at a line that holds only a dot (Debian's copyright files).
/// 2. A line that begins with a bullet or a counter (`- `, `* `, `1.`, `(a)`), or with a name and a colon
///    (`License: GPL-2`), begins a sentence.
/// 3. `.`, `!`, `?` and `…` end one when white space follows and then something that can begin a sentence, unless the
///    word before is an abbreviation (`Inc.`, `e.g.`), an initial (`J.`), or the counter of a list.
public enum Sentences {
    public static func split(_ prose: Prose) -> [Span] {
        var sentences: [Span] = []
        for paragraph in paragraphs(of: prose) {
            var start = paragraph.start
            for position in paragraph.start..<paragraph.end {
                let end: Int?
                if prose.bytes[position] == UInt8(ascii: "\n") && beginsPoint(prose, position + 1, paragraph.end) {
                    end = position
                } else {
                    end = endOfSentence(prose, position, from: start, limit: paragraph.end)
                }
                if let end, let sentence = trimmed(prose, Span(start, end)) {
                    sentences.append(sentence)
                    start = end
                }
            }
            if let sentence = trimmed(prose, Span(start, paragraph.end)) { sentences.append(sentence) }
        }
        return sentences
    }

    // MARK: Paragraphs

    static func paragraphs(of prose: Prose) -> [Span] {
        var paragraphs: [Span] = []
        var start: Int?
        var lineStart = 0
        while lineStart < prose.bytes.count {
            let lineEnd = prose.bytes[lineStart...].firstIndex(of: UInt8(ascii: "\n")) ?? prose.bytes.count
            let content = trimmed(prose, Span(lineStart, lineEnd))
            if let content, !(content.count == 1 && prose.bytes[content.start] == UInt8(ascii: ".")) {
                if start == nil { start = content.start }
            } else if let begin = start {
                paragraphs.append(Span(begin, lineStart))
                start = nil
            }
            lineStart = lineEnd + 1
        }
        if let begin = start { paragraphs.append(Span(begin, prose.bytes.count)) }
        return paragraphs
    }

    /// Without white space at both ends; nil when nothing is left.
    private static func trimmed(_ prose: Prose, _ span: Span) -> Span? {
        var (start, end) = (span.start, span.end)
        while start < end, isSpace(prose.bytes[start]) { start += 1 }
        while end > start, isSpace(prose.bytes[end - 1]) { end -= 1 }
        return start < end ? Span(start, end) : nil
    }

    // MARK: Points of a list

    /// Whether the line that begins here is a point of its own.
    private static func beginsPoint(_ prose: Prose, _ lineStart: Int, _ limit: Int) -> Bool {
        let line = prose.bytes[lineStart..<limit].prefix { $0 != UInt8(ascii: "\n") }.drop(while: isSpace).prefix(40)
        let mark = line.prefix { !isSpace($0) }
        guard let first = mark.first, mark.count < line.count else { return false }
        switch first {
        case UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "+"): return mark.count == 1
        case UInt8(ascii: "("): return mark.count <= 5 && mark.last == UInt8(ascii: ")")
        case 0xE2: return mark.elementsEqual("•".utf8)
        default:
            let last = mark.last ?? 0
            let body = mark.dropLast()
            if last == UInt8(ascii: ":") { return body.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "-") } }
            let isCounter = last == UInt8(ascii: ".") || last == UInt8(ascii: ")")
            return isCounter && !body.isEmpty && body.count <= 5
                && (body.allSatisfy { isDigit($0) || $0 == UInt8(ascii: ".") }
                    || (body.count == 1 && isLetterOrDigit(first)))
        }
    }

    // MARK: Ends

    private static func endOfSentence(_ prose: Prose, _ position: Int, from start: Int, limit: Int) -> Int? {
        let bytes = prose.bytes
        let isEllipsis: Bool
        switch bytes[position] {
        case UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "?"): isEllipsis = false
        case 0xE2: isEllipsis = bytes[position..<min(position + 3, limit)].elementsEqual("…".utf8)
        default: return nil
        }
        guard bytes[position] != 0xE2 || isEllipsis else { return nil }
        var end = position + (isEllipsis ? 3 : 1)
        // Quotes and brackets that close here belong to the sentence.
        while let closer = closers.first(where: { bytes[end..<limit].starts(with: $0.utf8) }) {
            end += closer.utf8.count
        }
        guard end < limit, isSpace(bytes[end]) else { return nil }
        guard let next = bytes[end..<limit].first(where: { !isSpace($0) }), canBegin(next) else { return nil }
        if bytes[position] == UInt8(ascii: "."), isAbbreviated(prose, position, from: start) { return nil }
        return end
    }

    private static let closers = ["\"", "'", ")", "]", "”", "’", "»"]

    /// Capitals, digits, opening quotes and brackets, and every letter outside ASCII, where case is not worth a table.
    private static func canBegin(_ byte: UInt8) -> Bool {
        (byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")) || isDigit(byte) || "\"'([<".utf8.contains(byte)
            || byte >= 0x80
    }

    private static func isAbbreviated(_ prose: Prose, _ dot: Int, from start: Int) -> Bool {
        var first = dot
        while first > start, isLetterOrDigit(prose.bytes[first - 1]) || prose.bytes[first - 1] == UInt8(ascii: ".") {
            first -= 1
        }
        let word = prose.bytes[first..<dot]
        if word.count == 1, let letter = word.first, !isDigit(letter) { return true }
        // "1." opens the sentence that it counts.
        if first == start, word.count <= 5, word.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: ".") }) { return true }
        return abbreviations.contains(String(decoding: word, as: UTF8.self).lowercased())
    }

    private static let abbreviations: Set<String> = [
        "mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "inc", "ltd", "co", "corp", "no", "nos", "vol", "fig",
        "figs",
        "eq", "sec", "ch", "pp", "ed", "eds", "et", "al", "vs", "cf", "e.g", "i.e", "eg", "ie", "viz", "approx", "dept",
        "univ", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "u.s", "u.k",
        "u.s.c",
    ]
}

func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || (byte >= 9 && byte <= 13) }
