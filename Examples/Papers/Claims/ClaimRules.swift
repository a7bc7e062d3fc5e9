/// The words by which a sentence is recognised as a claim, each list with its weight.
///
/// A list counts once per sentence, however many of its words occur: a sentence that says *must* three times does not
/// claim more than one that says it once.
struct ClaimRule: Sendable {
    let name: String
    /// The kind a sentence becomes when this rule weighs most in it. Nil for rules that only strengthen or weaken.
    let kind: ClaimKind?
    let weight: Int
    /// Sequences of words in lower case.
    let phrases: [[String]]

    init(_ name: String, _ kind: ClaimKind?, _ weight: Int, _ phrases: String) {
        self.name = name
        self.kind = kind
        self.weight = weight
        self.phrases = phrases.split(separator: ",").map { $0.split(whereSeparator: \.isWhitespace).map(String.init) }
    }

    static let all: [ClaimRule] = [
        // Modal verbs, as RFC 2119 and contracts use them.
        ClaimRule(
            "forbids", .prohibition, 4,
            """
            must not, may not, shall not, cannot, can not, mustn't, is prohibited, are prohibited, not permitted, not
            allowed, forbidden, without any warranty, without warranty, no warranty, no warranties, in no event, under
            no circumstances, disclaims, disclaim, neither
            """),
        ClaimRule(
            "obliges", .obligation, 3,
            """
            must, shall, required, requires, require, obliged, have to, has to, is responsible, are responsible,
            provided that, on the condition, is necessary, are necessary, ought to, needs to
            """),
        ClaimRule(
            "permits", .permission, 3,
            """
            may, permitted, permission is, permission to, permits, allows, allowed, is hereby granted, hereby grants,
            grants, grant you, you can, free to, entitled to, is free, at your option
            """),

        // Verbs of assertion, as papers use them.
        ClaimRule(
            "asserts", .finding, 3,
            """
            show that, shows that, showed that, shown that, demonstrate, demonstrates, demonstrated, prove, proves,
            proved, proven, found that, find that, finds that, we find, we found, we show, suggest, suggests,
            suggested, indicate, indicates, indicated, imply, implies, conclude, concludes, concluded, confirm,
            confirms, confirmed, reveal, reveals, revealed, establish, establishes, argue, argues, claim that, claims
            that, observe that, observed that, report that, reported that, evidence that, evidence for, evidence of,
            hypothesize
            """),
        ClaimRule(
            "explains", .finding, 2,
            """
            because, therefore, consequently, causes, caused by, leads to, led to, results in, resulted in, due to,
            depends on, as a result, hence, increases, increased, decreases, decreased, reduces, reduced, improves,
            improved, affects, prevents, associated with, correlated with, correlates with
            """),
        ClaimRule(
            "compares", .comparison, 2,
            """
            more than, less than, fewer than, greater than, higher than, lower than, larger than, smaller than, better
            than, worse than, faster than, slower than, longer than, shorter than, rather than, compared with,
            compared to, in contrast, as well as, at least, at most, twice, outperforms, exceeds, superior to, equal
            to, the most, the least, the best, the same as, unlike
            """),
        ClaimRule(
            "defines", .definition, 2,
            """
            means, refers to, is defined as, are defined as, is called, are called, consists of, consist of, is known
            as, is a, is an, is the, are the, denotes, stands for, includes
            """),

        // Words that make a claim stronger or weaker without being one.
        ClaimRule(
            "stresses", nil, 1, "all, every, always, never, any, only, none, each, solely, entirely, significantly"),
        ClaimRule(
            "hedges", nil, -1, "perhaps, maybe, possibly, might, probably, seems, appears to, apparently, we think"),
    ]
}

/// The rules as a tree by first word, so that a sentence is read once for all of them.
struct ClaimLexicon: Sendable {
    private let entries: [String: [(rule: Int, phrase: [String])]]

    static let shared = ClaimLexicon(ClaimRule.all)

    init(_ rules: [ClaimRule]) {
        var entries: [String: [(rule: Int, phrase: [String])]] = [:]
        for (index, rule) in rules.enumerated() {
            for phrase in rule.phrases { entries[phrase[0], default: []].append((index, phrase)) }
        }
        // The longest phrase is asked first: "must not" hides the "must" in it.
        self.entries = entries.mapValues { $0.sorted { $0.phrase.count > $1.phrase.count } }
    }

    /// Which rules the words meet, each with the first phrase that met it.
    func matches(in words: ArraySlice<Prose.Word>) -> [(rule: Int, phrase: String)] {
        var found: [(rule: Int, phrase: String)] = []
        var position = words.startIndex
        while position < words.endIndex {
            let hit = entries[words[position].key]?.first { candidate in
                candidate.phrase.count <= words.endIndex - position
                    && words[position..<position + candidate.phrase.count].map(\.key) == candidate.phrase
            }
            if let hit, !found.contains(where: { $0.rule == hit.rule }) {
                found.append((hit.rule, hit.phrase.joined(separator: " ")))
            }
            position += hit?.phrase.count ?? 1
        }
        return found
    }
}
