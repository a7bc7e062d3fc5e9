/// A place in a text, in bytes of its UTF-8 form. That is what other programs count as well:
/// `tail -c +START+1 FILE | head -c LENGTH` prints it.
public struct Span: Codable, Hashable, Sendable {
    public var start: Int
    public var end: Int

    public init(_ start: Int, _ end: Int) {
        precondition(0 <= start && start <= end)
        self.start = start
        self.end = end
    }

    public var count: Int { end - start }
}

/// A text as the rules of this example see it: bytes, and the words in them.
///
/// Rules look at words instead of searching the text once per pattern, so that a hundred rules cost little more than
/// one, and a place is a number that needs no conversion.
public struct Prose: Sendable {
    public struct Word: Sendable {
        public let span: Span
        public let text: String
        /// In lower case: what rules compare.
        public let key: String

        public var isCapitalized: Bool { text.first?.isUppercase ?? false }
        public var isNumber: Bool { text.utf8.first.map(isDigit) ?? false }
    }

    public let bytes: [UInt8]
    public let words: [Word]

    public init(_ text: String) {
        bytes = Array(text.utf8)
        words = Prose.words(of: text, bytes)
    }

    public func text(_ span: Span) -> String { String(decoding: bytes[span.start..<span.end], as: UTF8.self) }

    /// The text with every line break and run of spaces made one space.
    public func line(_ span: Span) -> String {
        text(span).split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    /// Which line a place is in, from 1. Give places in rising order and it reads the text once.
    public struct LineCounter {
        private var line = 1
        private var position = 0

        public init() {}

        public mutating func line(of offset: Int, in prose: Prose) -> Int {
            precondition(offset >= position && offset <= prose.bytes.count)
            for index in position..<offset where prose.bytes[index] == UInt8(ascii: "\n") { line += 1 }
            position = offset
            return line
        }
    }

    /// The words that lie in this part of the text.
    public func words(in span: Span) -> ArraySlice<Word> {
        let first = words.partitioningIndex { $0.span.start >= span.start }
        return words[first...].prefix { $0.span.end <= span.end }
    }

    /// Whether nothing but spaces, with at most one line break, lies between two words.
    public func areNeighbours(_ left: Word, _ right: Word) -> Bool {
        var breaks = 0
        for byte in bytes[left.span.end..<right.span.start] {
            if byte == UInt8(ascii: "\n") { breaks += 1 } else if byte != UInt8(ascii: " ") { return false }
        }
        return breaks <= 1
    }

    /// A word is a run of letters and digits; an apostrophe, hyphen, dot, underscore or ampersand belongs to it when it
    /// stands between two of them: `don't`, `GPL-2.0`, `U.S.C`, `AT&T`.
    private static func words(of text: String, _ bytes: [UInt8]) -> [Word] {
        var words: [Word] = []
        var start: Int?
        var lastInside = 0
        var offset = 0
        func close() {
            guard let begin = start else { return }
            start = nil
            let word = String(decoding: bytes[begin..<lastInside], as: UTF8.self)
            words.append(Word(span: Span(begin, lastInside), text: word, key: word.lowercased()))
        }
        var joiner = false
        for scalar in text.unicodeScalars {
            let length = UTF8.width(scalar)
            if isWordScalar(scalar) {
                if start == nil { start = offset }
                lastInside = offset + length
                joiner = false
            } else if start != nil && !joiner && "'’-._&".unicodeScalars.contains(scalar) {
                joiner = true
            } else {
                close()
                joiner = false
            }
            offset += length
        }
        close()
        return words
    }
}

func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

func isLetterOrDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
}

private func isWordScalar(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return isLetterOrDigit(UInt8(scalar.value)) }
    return scalar.properties.isAlphabetic || scalar.properties.generalCategory == .nonspacingMark
}

extension Array {
    /// The first place from which on the predicate holds, in an array that is sorted by it.
    func partitioningIndex(where belongsAfter: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if belongsAfter(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
