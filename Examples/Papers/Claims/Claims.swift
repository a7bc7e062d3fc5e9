/// Finds the sentences that claim something, by rules that anyone can read and nobody has to trust.
///
/// A sentence is given points:
/// - the lists of ``ClaimRule``: obligation, permission, assertion, comparison and so on, 2 to 4 points a list, and one
///   for or against by words that stress or hedge;
/// - 2 for a number with a unit or a percent sign, 1 for any other number;
/// - 1 for a citation: `[12]`, `(Smith, 2001)`, `(Smith et al., 2001)`, `Section 4`;
/// - −3 for a question, −2 for fewer than five words or more than sixty (the longer, the more lists it meets by
///   chance), −2 for a line that is mostly not words (tables, code, indexes).
///
/// It is a claim from ``pointsMin`` points on, of the kind of its heaviest rule. The rules are English; in a text of
/// another language they find numbers and little else.
public enum Claims {
    public static let pointsMin = 3
    /// A longer "sentence" is a table or a list of names that has no full stop.
    static let wordsMax = 150

    public static func find(in prose: Prose) -> [Claim] {
        var lines = Prose.LineCounter()
        return Sentences.split(prose).compactMap { sentence in
            let line = lines.line(of: sentence.start, in: prose)
            return judge(sentence, line: line, in: prose)
        }
    }

    static func judge(_ sentence: Span, line: Int, in prose: Prose) -> Claim? {
        let words = prose.words(in: sentence)
        guard !words.isEmpty, words.count <= wordsMax else { return nil }
        var score = 0
        var signals: [String] = []
        var weights: [ClaimKind: Int] = [:]
        func count(_ points: Int, _ signal: String, for kind: ClaimKind? = nil) {
            score += points
            signals.append(signal)
            if let kind { weights[kind, default: 0] += points }
        }

        for match in ClaimLexicon.shared.matches(in: words) {
            let rule = ClaimRule.all[match.rule]
            count(rule.weight, "\(rule.name): \(match.phrase)", for: rule.kind)
        }
        // Stress alone claims nothing: "All rights reserved."
        guard let kind = weights.max(by: { ($0.value, $1.key) < ($1.value, $0.key) })?.key ?? quantityKind(words) else {
            return nil
        }
        if let number = measure(words, prose) {
            count(2, "measures: \(number)")
        } else if let number = words.dropFirst().first(where: \.isNumber) {
            count(1, "counts: \(number.text)")
        }
        if let citation = citation(in: words, prose) { count(1, "cites: \(citation)") }

        if prose.bytes[sentence.start..<sentence.end].last == UInt8(ascii: "?") { count(-3, "asks") }
        if words.count < 5 { count(-2, "is short") }
        if words.count > 60 { count(-2, "is long") }
        let letters = words.reduce(0) { $0 + ($1.isNumber ? 0 : $1.span.count) }
        if letters * 2 < sentence.count { count(-2, "is mostly not words") }

        guard score >= pointsMin else { return nil }
        return Claim(
            sentence: prose.line(sentence), span: sentence, line: line, kind: kind, score: score, signals: signals)
    }

    private static func quantityKind(_ words: ArraySlice<Prose.Word>) -> ClaimKind? {
        words.dropFirst().contains(where: \.isNumber) ? .quantity : nil
    }

    // MARK: Numbers

    private static let units: Set<String> = [
        "percent", "times", "fold", "ms", "seconds", "second", "minutes", "minute", "hours", "hour", "days", "day",
        "weeks",
        "months", "month", "years", "year", "bytes", "byte", "bits", "bit", "kb", "mb", "gb", "kib", "mib", "gib", "hz",
        "khz", "mhz", "ghz", "mm", "cm", "m", "km", "kg", "g", "mg", "patients", "participants", "samples", "people",
        "copies", "dollars", "euros", "degrees", "pages", "points",
    ]

    /// A number that measures: with a unit after it or a percent or currency sign beside it.
    private static func measure(_ words: ArraySlice<Prose.Word>, _ prose: Prose) -> String? {
        for (index, word) in zip(words.indices, words) where word.isNumber {
            if word.span.end < prose.bytes.count, prose.bytes[word.span.end] == UInt8(ascii: "%") {
                return word.text + "%"
            }
            if word.span.start > 0, prose.bytes[word.span.start - 1] == UInt8(ascii: "$") { return "$" + word.text }
            let next = index + 1
            if next < words.endIndex, units.contains(words[next].key), prose.areNeighbours(word, words[next]) {
                return "\(word.text) \(words[next].text)"
            }
        }
        return nil
    }

    // MARK: Citations

    private static let parts: Set<String> = ["section", "sections", "clause", "article", "figure", "table", "chapter"]

    private static func citation(in words: ArraySlice<Prose.Word>, _ prose: Prose) -> String? {
        for (index, word) in zip(words.indices, words) {
            let before = word.span.start > 0 ? prose.bytes[word.span.start - 1] : 0
            let after = word.span.end < prose.bytes.count ? prose.bytes[word.span.end] : 0
            if word.isNumber, before == UInt8(ascii: "["), after == UInt8(ascii: "]") { return "[\(word.text)]" }
            if word.isNumber, word.span.count == 4, after == UInt8(ascii: ")"), index > words.startIndex,
                isAuthor(words[words.startIndex..<index], prose)
            {
                return word.text
            }
            if parts.contains(word.key), index + 1 < words.endIndex, words[index + 1].isNumber {
                return "\(word.text) \(words[index + 1].text)"
            }
        }
        return nil
    }

    /// Whether the words before a year in brackets name who is cited: the bracket opens before a capital or "et al".
    private static func isAuthor(_ before: ArraySlice<Prose.Word>, _ prose: Prose) -> Bool {
        for word in before.suffix(6).reversed() {
            if word.span.start > 0, prose.bytes[word.span.start - 1] == UInt8(ascii: "(") {
                return word.isCapitalized && before.last?.key != "c"
            }
        }
        return false
    }
}
