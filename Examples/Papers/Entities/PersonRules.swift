/// People, where a text gives them away.
///
/// 1. Two to four capitalised words directly before an address in angle brackets: `Jane Q. Doe <jane@example.org>`.
/// 2. Such words after a mark of authorship: `Copyright (C) 2001 Jane Doe`, `Author: Jane Doe`, `written by Jane Doe`.
/// 3. A given name of the list followed by one or two capitalised words: `Marie Curie`.
/// 4. A title followed by a capitalised word: `Dr. Curie`.
///
/// What contains a word of organisations (`Foundation`, `Inc`) is left to ``OrganizationRules``, and so is a name with
/// which an organisation of the same text begins: `Copyright Red Hat`, where `Red Hat, Inc` is named as well.
enum PersonRules {
    static func find(in prose: Prose) -> [Mention] {
        let organizations = Set(OrganizationRules.find(in: prose).map { $0.name.firstWords(2) })
        return candidates(in: prose).filter { !organizations.contains($0.name.firstWords(2)) }
    }

    private static func candidates(in prose: Prose) -> [Mention] {
        var mentions: [Mention] = []
        var position = 0
        let words = prose.words
        while position < words.count {
            let start = startOfName(at: position, in: prose)
            let length = start.map { nameLength(at: $0.first, in: prose) } ?? 0
            guard let start, length >= start.wordsMin, !isOrganization(start.first, length, in: prose) else {
                position += 1
                continue
            }
            let span = Span(words[start.first].span.start, words[start.first + length - 1].span.end)
            mentions.append(Mention(name: prose.line(span), span: span))
            position = start.first + length
        }
        return mentions
    }

    /// Where a name would begin if the word here announces one, and how many words it needs to count.
    private static func startOfName(at position: Int, in prose: Prose) -> (first: Int, wordsMin: Int)? {
        let words = prose.words
        let word = words[position]
        if titles.contains(word.key), word.isCapitalized, position + 1 < words.count {
            return followsDotOrSpace(position, in: prose) ? (position + 1, 1) : nil
        }
        if marks.contains(word.key) {
            let first = skipYears(after: position, in: prose)
            return first.map { ($0, 2) }
        }
        guard word.isCapitalized else { return nil }
        if givenNames.contains(word.text) { return (position, 2) }
        let length = nameLength(at: position, in: prose)
        return length >= 2 && isBeforeAddress(position + length - 1, in: prose) ? (position, 2) : nil
    }

    /// How many words of a name begin here: capitalised, not shouted, side by side on one line or joined by an
    /// initial's dot. Particles (`van`, `de`) count when a capitalised word follows.
    private static func nameLength(at first: Int, in prose: Prose) -> Int {
        let words = prose.words
        var length = 0
        while first + length < words.count, length < 4 {
            let word = words[first + length]
            if length > 0, !areJoined(words[first + length - 1], word, prose) { break }
            let isParticle = length > 0 && particles.contains(word.text)
            // A single letter first is an initial only with its dot: "I" and "A" are words.
            let isWord = length == 0 && word.text.count == 1 && !isBeforeDot(word, prose)
            guard isParticle || (isNamePart(word) && !isWord) else { break }
            length += 1
        }
        // A particle at the end belongs to what follows.
        while length > 0, particles.contains(words[first + length - 1].text) { length -= 1 }
        return length
    }

    private static func isNamePart(_ word: Prose.Word) -> Bool {
        guard word.isCapitalized else { return false }
        if word.text.count == 1 { return true }
        guard !notNames.contains(word.key) else { return false }
        let rest = word.text.dropFirst()
        return rest.contains(where: \.isLowercase) && rest.allSatisfy { $0.isLetter || "'’-.".contains($0) }
    }

    /// One space between, or an initial's dot and a space.
    private static func areJoined(_ left: Prose.Word, _ right: Prose.Word, _ prose: Prose) -> Bool {
        let gap = prose.bytes[left.span.end..<right.span.start]
        if gap.elementsEqual(" ".utf8) { return true }
        return gap.elementsEqual(". ".utf8) && left.text.count == 1
    }

    private static func isBeforeDot(_ word: Prose.Word, _ prose: Prose) -> Bool {
        word.span.end < prose.bytes.count && prose.bytes[word.span.end] == UInt8(ascii: ".")
    }

    private static func followsDotOrSpace(_ position: Int, in prose: Prose) -> Bool {
        let gap = prose.bytes[prose.words[position].span.end..<prose.words[position + 1].span.start]
        return gap.elementsEqual(". ".utf8) || gap.elementsEqual(" ".utf8)
    }

    /// After `Copyright`: over `(C)`, years and `by`, on the same line.
    private static func skipYears(after position: Int, in prose: Prose) -> Int? {
        let words = prose.words
        for next in position + 1..<min(position + 8, words.count) {
            let gap = prose.bytes[words[next - 1].span.end..<words[next].span.start]
            guard !gap.contains(UInt8(ascii: "\n")) else { return nil }
            let word = words[next]
            if word.isNumber || ["c", "by", "copyright", "present", "and"].contains(word.key) { continue }
            return next
        }
        return nil
    }

    private static func isBeforeAddress(_ last: Int, in prose: Prose) -> Bool {
        let end = prose.words[last].span.end
        guard prose.bytes[end...].prefix(2).elementsEqual(" <".utf8) else { return false }
        return prose.bytes[end...].prefix(80).prefix { $0 != UInt8(ascii: ">") }.contains(UInt8(ascii: "@"))
    }

    private static func isOrganization(_ first: Int, _ length: Int, in prose: Prose) -> Bool {
        // One word more, because "Jane Doe, Inc." ends in it.
        let last = min(first + length, prose.words.count - 1)
        return prose.words[first...last].contains { OrganizationRules.isMark($0) }
    }

    private static let titles: Set<String> = ["mr", "mrs", "ms", "dr", "prof", "professor", "sir"]
    private static let marks: Set<String> = ["copyright", "author", "authors", "by", "maintainer", "contributor", "©"]
    private static let particles: Set<String> = ["van", "von", "de", "der", "den", "da", "di", "du", "la", "le", "bin"]
    /// Capitalised words of notices and addresses that are no part of a name.
    private static let notNames: Set<String> = [
        "copyright", "license", "licence", "the", "this", "all", "rights", "reserved", "public", "version", "free",
        "software", "general", "permission", "files", "source", "debian", "gnu", "linux", "unix", "street", "avenue",
        "boston", "cambridge", "library", "lesser", "upstream", "author", "authors", "contributors", "project",
        "portions",
        "new", "no", "see", "if", "in", "on", "and", "or", "a", "an", "of", "to", "for", "by", "redistribution",
        "comment",
        "various", "others", "is", "it", "you", "your", "any", "not", "program", "package", "work", "section",
        "january",
        "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
    ]

    private static let givenNames = Set(
        """
        Adam Alan Albert Alexander Alice Andrea Andreas Andrew Anna Anne Anthony Antonio Arthur Barbara Benjamin
        Bernard Bjarne Bob Brian Bruce Bruno Carl Carlos Caroline Catherine Charles Chris Christian Christine
        Christoph Christopher Claude Colin Craig Daniel David Dennis Diana Dmitry Donald Dorothy Douglas Edward Elena
        Elizabeth Emily Emma Eric Ernst Eva Felix Fernando Florian Francesco Francis Francois Frank Frederick Gary
        Geoffrey George Gerald Giovanni Grace Graham Greg Gregory Guido Gustav Hans Harald Harold Helen Henry Herbert
        Howard Hugo Ian Igor Ingrid Isaac Ivan Jack Jacob James Jan Jane Janet Jason Jean Jeff Jeffrey Jennifer Jeremy
        Jessica Joan Joel Johan Johann Johannes John Jonathan Jose Joseph Juan Juergen Julia Julian Julie Justin Karen
        Karl Kate Katherine Keith Kenneth Kevin Kurt Larry Lars Laura Lawrence Leon Leonard Leonardo Lewis Linda Linus
        Lisa Louis Louise Lucas Luis Luke Marc Marco Margaret Maria Marie Mario Mark Markus Martin Mary Matthew
        Matthias Max Michael Michel Michelle Miguel Mike Nancy Nathan Neil Niels Nicholas Nicolas Nikolai Nina Noah
        Oliver Olga Oscar Otto Pablo Patricia Patrick Paul Pedro Peter Petr Philip Philipp Pierre Rachel Ralf Ralph
        Raymond Rebecca Richard Robert Roger Roland Ronald Rosalind Ruth Ryan Samuel Sandra Sarah Scott Sean Sebastian
        Sergei Sergey Simon Sophie Stefan Stephan Stephen Steve Steven Stuart Susan Sven Theodore Theo Thomas Tim
        Timothy Tobias Todd Tom Tony Ulrich Ursula Victor Vincent Vladimir Walter Warren Werner Wilhelm William
        Wolfgang Yann Yuri
        """.split(whereSeparator: \.isWhitespace).map(String.init))
}

extension String {
    fileprivate func firstWords(_ count: Int) -> String {
        split(whereSeparator: { $0 == " " || $0 == "," }).prefix(count).joined(separator: " ")
    }
}
