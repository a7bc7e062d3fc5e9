/// Durations and sizes as people write them: `"500ms"`, `"1h30m"`, `"64KiB"`. The same words in
/// `cluster.json`, in flags (`--delay 5s`) and in what the commands print.
///
/// Exact: whole numbers only, nothing is rounded, and what is printed reads back as the same value.
enum HumanUnits {
    struct Mistake: Error, Hashable, CustomStringConvertible {
        let description: String
    }

    static let durationExamples = #""500ms", "5s", "2m", "1h30m" or "7d""#
    static let sizeExamples = #""512B", "64KiB", "1MiB" or "10MB""#

    // From the largest: a text names each unit once at most, in this order.
    private static let durationUnits: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
    ]
    private static let sizeUnits: [(name: String, bytes: Int)] = [
        ("TiB", 1 << 40), ("TB", 1_000_000_000_000), ("GiB", 1 << 30), ("GB", 1_000_000_000),
        ("MiB", 1 << 20), ("MB", 1_000_000), ("KiB", 1 << 10), ("KB", 1_000), ("B", 1),
    ]

    /// Days, hours, minutes, seconds and milliseconds: `d`, `h`, `m`, `s`, `ms`.
    static func duration(_ text: String) throws(Mistake) -> Duration {
        func mistake(_ reason: String) -> Mistake { wrong("a duration such as \(durationExamples)", text, reason) }
        var total: Int64 = 0
        var unitsLeft = durationUnits[...]
        var rest = text[...]
        repeat {
            let (digits, name) = takeNumberAndUnit(from: &rest)
            guard !digits.isEmpty else { throw mistake("") }
            guard !name.isEmpty else { throw mistake(rest.isEmpty ? ", which has no unit" : "") }
            guard let unit = durationUnits.first(where: { $0.name == name }) else { throw mistake("") }
            guard let position = unitsLeft.firstIndex(where: { $0.name == name }) else {
                throw mistake(", in which \"\(name)\" is not in its place: the larger unit stands first, each once")
            }
            unitsLeft = unitsLeft[(position + 1)...]
            guard let sum = multiplyAdd(digits, unit.milliseconds, total) else {
                throw mistake(", which is longer than \(string(.milliseconds(Int64.max)))")
            }
            total = sum
        } while !rest.isEmpty
        return .milliseconds(total)
    }

    /// One number and `B`, `KB`, `MB`, `GB`, `TB` (powers of 1000) or `KiB`, `MiB`, `GiB`, `TiB` (of 1024).
    static func size(_ text: String) throws(Mistake) -> Int {
        func mistake(_ reason: String) -> Mistake { wrong("a size such as \(sizeExamples)", text, reason) }
        var rest = text[...]
        let (digits, name) = takeNumberAndUnit(from: &rest)
        guard !digits.isEmpty, rest.isEmpty else { throw mistake("") }
        guard !name.isEmpty else { throw mistake(", which has no unit") }
        guard let unit = sizeUnits.first(where: { $0.name == name }) else { throw mistake("") }
        guard let bytes = multiplyAdd(digits, Int64(unit.bytes), 0) else {
            throw mistake(", which is larger than \(Int64.max) bytes")
        }
        return Int(bytes)
    }

    /// The largest units first: 90 minutes are `1h30m`. What is finer than a millisecond is not printed.
    static func string(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = attoseconds / 1_000_000_000_000_000
        guard seconds != 0 || milliseconds != 0 else { return "0s" }
        var text = seconds < 0 || milliseconds < 0 ? "-" : ""
        var rest = seconds.magnitude
        for (name, inMilliseconds) in durationUnits where inMilliseconds >= 1_000 {
            let (count, remainder) = rest.quotientAndRemainder(dividingBy: UInt64(inMilliseconds / 1_000))
            if count > 0 { text += "\(count)\(name)" }
            rest = remainder
        }
        return milliseconds == 0 ? text : "\(text)\(milliseconds.magnitude)ms"
    }

    /// In the largest unit that divides the size: 1 048 576 bytes are `1MiB`, 1 500 are `1500B`.
    static func string(bytes: Int) -> String {
        precondition(bytes >= 0, "a size is never negative")
        // Between 1000ⁿ and 1024ⁿ the shorter number is the one that was meant.
        let fitting = sizeUnits.filter { bytes >= $0.bytes && bytes % $0.bytes == 0 }
        guard let unit = fitting.max(by: { $0.bytes < $1.bytes }) else { return "\(bytes)B" }
        return "\(bytes / unit.bytes)\(unit.name)"
    }

    private static func takeNumberAndUnit(from text: inout Substring) -> (digits: Substring, unit: Substring) {
        let digits = text.prefix { "0" <= $0 && $0 <= "9" && $0.isASCII }
        let unit = text[digits.endIndex...].prefix { $0.isASCII && $0.isLetter }
        text = text[unit.endIndex...]
        return (digits, unit)
    }

    /// Nil when the result does not fit.
    private static func multiplyAdd(_ digits: Substring, _ factor: Int64, _ addend: Int64) -> Int64? {
        guard let number = Int64(digits) else { return nil }
        let (product, productOverflows) = number.multipliedReportingOverflow(by: factor)
        let (sum, sumOverflows) = product.addingReportingOverflow(addend)
        return productOverflows || sumOverflows ? nil : sum
    }

    private static func wrong(_ expected: String, _ text: String, _ reason: String) -> Mistake {
        let shown = text.count > 60 ? "\(text.prefix(60))…" : text
        return Mistake(description: "expected \(expected), got \("\"\(shown)\"".escapedControls)\(reason)")
    }
}
