/// Web and mail addresses. They are made of what lies between two spaces, so they are read from the bytes, not from the
/// words, and the marks that a sentence puts around them are taken off.
enum AddressRules {
    static func urls(in prose: Prose) -> [Mention] {
        chunks(of: prose).compactMap { chunk in
            let start = ["https://", "http://", "ftp://", "www."].lazy
                .compactMap { prefix in index(of: prefix, in: prose, chunk) }.min()
            guard let start else { return nil }
            let address = prose.bytes[start..<chunk.end].prefix { !"<>\"|".utf8.contains($0) }
            guard let span = trimmed(Span(start, address.endIndex), prose) else { return nil }
            let name = prose.text(span)
            let host = name.drop { $0 != "/" }.drop { $0 == "/" }
            let isWhole =
                name.hasPrefix("www.") ? name.count > 6 : host.first.map { $0.isLetter || $0.isNumber } ?? false
            return isWhole ? Mention(name: name, span: span) : nil
        }
    }

    static func emails(in prose: Prose) -> [Mention] {
        chunks(of: prose).compactMap { chunk in
            guard let at = prose.bytes[chunk.start..<chunk.end].firstIndex(of: UInt8(ascii: "@")) else { return nil }
            var start = at
            while start > chunk.start, isLocal(prose.bytes[start - 1]) { start -= 1 }
            var end = at + 1
            while end < chunk.end, isLetterOrDigit(prose.bytes[end]) || "-.".utf8.contains(prose.bytes[end]) {
                end += 1
            }
            while end > at + 1, !isLetterOrDigit(prose.bytes[end - 1]) { end -= 1 }
            while start < at, !isLetterOrDigit(prose.bytes[start]) { start += 1 }
            let host = prose.text(Span(at + 1, end)).split(separator: ".", omittingEmptySubsequences: false)
            let isHost =
                host.count >= 2 && host.allSatisfy { !$0.isEmpty } && (host.last?.count ?? 0) >= 2
                && host.last?.allSatisfy(\.isLetter) == true
            guard start < at, isHost else { return nil }
            let span = Span(start, end)
            return Mention(name: prose.text(span), span: span)
        }
    }

    /// What lies between white space.
    private static func chunks(of prose: Prose) -> [Span] {
        var chunks: [Span] = []
        var start = 0
        for (index, byte) in prose.bytes.enumerated() where isSpace(byte) {
            if index > start { chunks.append(Span(start, index)) }
            start = index + 1
        }
        if start < prose.bytes.count { chunks.append(Span(start, prose.bytes.count)) }
        return chunks
    }

    private static func index(of prefix: String, in prose: Prose, _ chunk: Span) -> Int? {
        let mark = Array(prefix.utf8)
        guard chunk.count > mark.count else { return nil }
        var start = chunk.start
        while let first = prose.bytes[start..<chunk.end].firstIndex(of: mark[0]) {
            let isBoundary = first == chunk.start || !isLetterOrDigit(prose.bytes[first - 1])
            if isBoundary, prose.bytes[first..<chunk.end].starts(with: mark) { return first }
            start = first + 1
        }
        return nil
    }

    /// Marks at the end belong to the sentence; a bracket does unless it opened inside the address.
    private static func trimmed(_ span: Span, _ prose: Prose) -> Span? {
        var end = span.end
        while end > span.start {
            let last = prose.bytes[end - 1]
            let isMark = ".,;:!?'`*\\".utf8.contains(last)
            let isCloser =
                (last == UInt8(ascii: ")") && !prose.bytes[span.start..<end].contains(UInt8(ascii: "(")))
                || (last == UInt8(ascii: "]") && !prose.bytes[span.start..<end].contains(UInt8(ascii: "[")))
                || last == UInt8(ascii: "}")
            guard isMark || isCloser else { break }
            end -= 1
        }
        return end > span.start ? Span(span.start, end) : nil
    }

    private static func isLocal(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || ".!#$%&'*+/=?^_`{|}~-".utf8.contains(byte)
    }
}
