/// Dates, with their day or at least their month and year: `2007-06-29`, `29 June 2007`, `June 29, 2007`, `June 2007`,
/// `29/06/2007`. A bare year is a number like any other, so only a span of years (`1998-2004`) counts as a date.
enum DateRules {
    private static let months: Set<String> = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
        "december", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
    ]

    static func find(in prose: Prose) -> [Mention] {
        var mentions: [Mention] = []
        var position = 0
        while position < prose.words.count {
            if let last = lastWord(from: position, in: prose) {
                let span = Span(prose.words[position].span.start, prose.words[last].span.end)
                mentions.append(Mention(name: prose.line(span), span: span))
                position = last + 1
            } else {
                position += 1
            }
        }
        return mentions
    }

    private static func lastWord(from first: Int, in prose: Prose) -> Int? {
        let words = prose.words
        let word = words[first]
        if isWhole(word) || isSlashed(first, in: prose) { return word.isNumber && isWhole(word) ? first : first + 2 }
        if isMonth(word) {
            if first + 1 < words.count, isYear(words[first + 1]), isClose(first, in: prose) { return first + 1 }
            if first + 2 < words.count, isDay(words[first + 1]), isYear(words[first + 2]), isClose(first, in: prose),
                isClose(first + 1, in: prose)
            {
                return first + 2
            }
            return nil
        }
        if isDay(word), first + 2 < words.count, isMonth(words[first + 1]), isYear(words[first + 2]),
            isClose(first, in: prose), isClose(first + 1, in: prose)
        {
            return first + 2
        }
        return nil
    }

    private static func isMonth(_ word: Prose.Word) -> Bool { word.isCapitalized && months.contains(word.key) }

    private static func isYear(_ word: Prose.Word) -> Bool { isYear(word.key[...]) }

    private static func isYear(_ text: Substring) -> Bool {
        text.utf8.count == 4 && text.utf8.allSatisfy(isDigit) && (1500...2199).contains(Int(text) ?? 0)
    }

    /// 1…31, also as `1st`, `22nd`.
    private static func isDay(_ word: Prose.Word) -> Bool {
        let digits = word.key.prefix { $0.isNumber }
        let ending = word.key.dropFirst(digits.count)
        return (1...31).contains(Int(digits) ?? 0) && ["", "st", "nd", "rd", "th"].contains(ending)
    }

    /// `2007-06-29`, `1998-2004`: one word, because a hyphen between digits joins them.
    private static func isWhole(_ word: Prose.Word) -> Bool {
        let parts = word.key.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2 || parts.count == 3, isYear(parts[0]) else { return false }
        if parts.count == 2 { return isYear(parts[1]) && parts[1] >= parts[0] }
        return parts.dropFirst().allSatisfy { $0.utf8.count == 2 && $0.utf8.allSatisfy(isDigit) }
            && (1...12).contains(Int(parts[1]) ?? 0) && (1...31).contains(Int(parts[2]) ?? 0)
    }

    /// `29/06/2007` or `06/29/2007`: whichever way it is read, one number is a day and the other a month.
    private static func isSlashed(_ first: Int, in prose: Prose) -> Bool {
        let words = prose.words
        guard first + 2 < words.count, isYear(words[first + 2]) else { return false }
        for index in first..<first + 2 {
            let gap = prose.bytes[words[index].span.end..<words[index + 1].span.start]
            guard gap.elementsEqual("/".utf8) else { return false }
        }
        let (left, right) = (Int(words[first].key) ?? 0, Int(words[first + 1].key) ?? 0)
        return (1...31).contains(left) && (1...31).contains(right) && min(left, right) <= 12
    }

    /// Spaces, or a comma or dot and spaces: `June 29, 2007`, `29. June 2007`.
    private static func isClose(_ position: Int, in prose: Prose) -> Bool {
        let gap = prose.bytes[prose.words[position].span.end..<prose.words[position + 1].span.start]
        guard let first = gap.first, isSpace(first) || first == UInt8(ascii: ",") || first == UInt8(ascii: ".") else {
            return false
        }
        return gap.count <= 8 && gap.dropFirst().allSatisfy(isSpace)
    }
}
