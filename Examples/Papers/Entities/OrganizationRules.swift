/// Organisations: capitalised words that end in, or begin with, a word only organisations carry in their names.
///
/// `Free Software Foundation, Inc.`, `University of California`, `Massachusetts Institute of Technology`. An acronym
/// alone is none: too many words are written in capitals.
enum OrganizationRules {
    static func find(in prose: Prose) -> [Mention] {
        let words = prose.words
        var mentions: [Mention] = []
        var position = 0
        while position < words.count {
            guard words[position].isCapitalized, !articles.contains(words[position].key) else {
                position += 1
                continue
            }
            let last = lastWord(from: position, in: prose)
            guard let last else {
                position += 1
                continue
            }
            let span = Span(words[position].span.start, words[last].span.end)
            mentions.append(Mention(name: prose.line(span), span: span))
            position = last + 1
        }
        return mentions
    }

    /// Shouted, a long word is no mark: "INCLUDING BUT NOT LIMITED TO" is no company. "INC" is.
    static func isMark(_ word: Prose.Word) -> Bool {
        guard endings.contains(word.key) || legalForms.contains(word.key) else { return false }
        return word.isCapitalized && (word.text.count <= 4 || word.text.contains(where: \.isLowercase))
    }

    /// The last word of the organisation that begins here, or nil when none does.
    private static func lastWord(from first: Int, in prose: Prose) -> Int? {
        let words = prose.words
        var marked: Int?
        var next = first
        while next < words.count, next - first < 8 {
            if next > first, !isJoined(next, in: prose) { break }
            let word = words[next]
            if isMark(word) && (next > first || openings.contains(word.key)) {
                marked = next
            } else if !word.isCapitalized {
                // "University of California": a small word counts between capitals, after a mark.
                let isLink = links.contains(word.key) && next + 1 < words.count && words[next + 1].isCapitalized
                guard isLink, marked == next - 1 else { break }
                marked = lastCapitalized(from: next + 1, in: prose)
                if legalForms.contains(words[next - 1].key) { marked = next - 1 }
                break
            } else if word.text.dropFirst().allSatisfy({ !$0.isLetter }) && word.text.count < 2 {
                break
            }
            next += 1
        }
        guard let marked else { return nil }
        // "The University" names none in particular.
        return marked > first ? marked : nil
    }

    /// The capitalised words after "of": one or two, unless a comma or a line of its own ends them.
    private static func lastCapitalized(from first: Int, in prose: Prose) -> Int {
        let words = prose.words
        var last = first
        if words[last].key == "the", last + 1 < words.count { last += 1 }
        while last + 1 < words.count, last - first < 2, words[last + 1].isCapitalized,
            prose.areNeighbours(words[last], words[last + 1]), !articles.contains(words[last + 1].key)
        {
            last += 1
        }
        return last
    }

    /// A space, or a comma before a legal form: `Foundation, Inc`.
    private static func isJoined(_ position: Int, in prose: Prose) -> Bool {
        let (left, right) = (prose.words[position - 1], prose.words[position])
        if prose.areNeighbours(left, right) { return true }
        let gap = prose.bytes[left.span.end..<right.span.start]
        return gap.first == UInt8(ascii: ",") && gap.dropFirst().allSatisfy(isSpace) && legalForms.contains(right.key)
    }

    private static let legalForms: Set<String> = [
        "inc", "ltd", "llc", "corp", "gmbh", "ag", "bv", "plc", "co", "s.a", "sarl", "ab", "oy", "pty", "limited",
        "incorporated", "corporation", "company",
    ]
    private static let endings: Set<String> = [
        "foundation", "university", "institute", "laboratory", "laboratories", "labs", "consortium", "association",
        "society",
        "group", "team", "college", "academy", "agency", "ministry", "department", "committee", "commission", "council",
        "bank", "hospital", "museum", "press", "organization", "organisation", "federation", "alliance", "technologies",
        "systems", "networks", "solutions", "universität", "université", "regents",
    ]
    private static let openings: Set<String> = [
        "university", "institute", "department", "ministry", "bank", "academy", "college", "regents", "society",
    ]
    private static let links: Set<String> = ["of", "for", "at", "de"]
    private static let articles: Set<String> = [
        "the", "a", "an", "this", "that", "any", "each", "copyright", "by", "if", "in", "on", "and", "or", "all",
        "such",
        "other", "your", "our", "no", "from", "for", "to", "c",
    ]
}
