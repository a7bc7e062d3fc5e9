/// Numbers by which a work is found again: `RFC 2119`, `CVE-2021-44228`, `ISBN 0-201-63361-2`, `ISO 8601`,
/// `doi:10.1000/182`, `arXiv:1706.03762`.
enum IdentifierRules {
    static func find(in prose: Prose) -> [Mention] {
        var mentions: [Mention] = []
        for (position, word) in prose.words.enumerated() {
            guard let span = span(at: position, word, in: prose) else { continue }
            mentions.append(Mention(name: prose.line(span), span: span))
        }
        return mentions
    }

    private static func span(at position: Int, _ word: Prose.Word, in prose: Prose) -> Span? {
        let words = prose.words
        if isVulnerability(word.text) { return word.span }
        // 10.1000/182: the prefix of every DOI is "10." and at least four digits.
        if word.key.hasPrefix("10."), word.key.dropFirst(3).allSatisfy(\.isNumber), word.key.count >= 7,
            word.span.end < prose.bytes.count, prose.bytes[word.span.end] == UInt8(ascii: "/")
        {
            let rest = prose.bytes[word.span.end...].prefix { !isSpace($0) && !"<>\"".utf8.contains($0) }
            let end = rest.lastIndex { !".,;)]".utf8.contains($0) } ?? word.span.end
            return end > word.span.end ? Span(word.span.start, end + 1) : nil
        }
        guard position + 1 < words.count else { return nil }
        let next = words[position + 1]
        let gap = prose.bytes[word.span.end..<next.span.start]
        guard gap.elementsEqual(" ".utf8) || gap.elementsEqual(":".utf8) || gap.elementsEqual(": ".utf8) else {
            return nil
        }
        let isNumbered = series.contains(word.text) && next.isNumber && next.text.count >= 2
        let isBook = word.text.hasPrefix("ISBN") && next.text.filter(\.isNumber).count >= 9
        let isPreprint = word.key == "arxiv" && next.isNumber && next.text.contains(".")
        return isNumbered || isBook || isPreprint ? Span(word.span.start, next.span.end) : nil
    }

    private static func isVulnerability(_ text: String) -> Bool {
        let parts = text.split(separator: "-")
        return parts.count == 3 && parts[0] == "CVE" && parts[1].count == 4 && parts[2].count >= 4
            && parts.dropFirst().allSatisfy { $0.allSatisfy(\.isNumber) }
    }

    private static let series: Set<String> = [
        "RFC", "ISO", "IEC", "IEEE", "ANSI", "DIN", "ECMA", "PEP", "NIST", "FIPS", "PMID",
    ]
}
