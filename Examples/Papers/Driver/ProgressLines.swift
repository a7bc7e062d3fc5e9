/// A run as lines of text, one for each type of job. Pure: the terminal is elsewhere (``LiveDisplay``).
///
///     parse_paper      ██████████████░░░░░░  512/748  8 running  1 retrying   1 dead  203/s
public struct ProgressLines: Sendable {
    public struct Style: Hashable, Sendable {
        public var colour: Bool
        /// Whether the terminal shows more than ASCII.
        public var unicode: Bool
        public var width: Int

        public init(colour: Bool = false, unicode: Bool = true, width: Int = 100) {
            self.colour = colour
            self.unicode = unicode
            self.width = width
        }
    }

    public let style: Style

    public init(style: Style) { self.style = style }

    /// - Parameter seconds: Since the run began.
    public func lines(_ steps: [RunTracker.Progress], seconds: Double) -> [String] {
        let nameWidth = steps.map(\.step.type.count).max() ?? 0
        let digits = String(steps.map(\.total).max() ?? 0).count
        return steps.map { line($0, nameWidth, digits, seconds) }
    }

    private func line(_ step: RunTracker.Progress, _ nameWidth: Int, _ digits: Int, _ seconds: Double) -> String {
        let name = step.step.type.padded(to: nameWidth)
        let figures = "\(String(step.ended).leading(digits))/\(String(step.total).padded(to: digits))"
        var notes: [(text: String, colour: Int?)] = []
        if step.running > 0 { notes.append(("\(step.running) running", nil)) }
        if step.retrying > 0 { notes.append(("\(step.retrying) retrying", 33)) }
        if step.failed > 0 { notes.append(("\(step.failed) dead", 31)) }
        // The mean since the run began.
        let rate = seconds > 0 ? Int(Double(step.ended) / seconds) : 0
        if rate > 0 { notes.append(("\(Figure.text(rate))/s", nil)) }

        // The bar takes what the words leave, so that a line never wraps: a wrapped line cannot be redrawn in place.
        let plain = ([name, figures] + notes.map(\.text)).joined(separator: "  ")
        let room = min(28, style.width - plain.count - 3)
        guard room >= 5 else { return String(plain.prefix(max(1, style.width - 1))) }
        let done = step.total == 0 ? room : min(room, step.ended * room / step.total)
        let full = String(repeating: style.unicode ? "█" : "#", count: done)
        let rest = String(repeating: style.unicode ? "░" : ".", count: room - done)
        let bar = coloured(full, 36) + coloured(rest, 90)
        let words = notes.map { coloured($0.text, $0.colour) }
        return ([name, bar, words.isEmpty ? figures.trimmedEnd : figures] + words).joined(separator: "  ")
    }

    private func coloured(_ text: String, _ code: Int?) -> String {
        guard style.colour, let code, !text.isEmpty else { return text }
        return "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }
}

/// What is written to show lines: in place on a terminal, one after the other elsewhere.
public struct LiveDisplay: Sendable {
    /// Whether lines that were written can be written over.
    public let redraws: Bool
    private var shown = 0
    private var lastPlain: Duration?

    public init(redraws: Bool) { self.redraws = redraws }

    /// How often it is worth looking: ten times a second where it is seen, once a second where it is kept.
    public var interval: Duration { redraws ? .milliseconds(100) : .milliseconds(250) }

    /// A line on its own every few seconds is enough for a log.
    static let plainInterval: Duration = .seconds(2)

    /// The text that shows these lines now; empty when it is not time yet.
    ///
    /// - Parameters:
    ///   - elapsed: Since the run began.
    ///   - isLast: Shows them whatever the time.
    public mutating func show(_ lines: [String], elapsed: Duration, isLast: Bool = false) -> String {
        guard redraws else {
            if let last = lastPlain, elapsed - last < Self.plainInterval, !isLast { return "" }
            lastPlain = elapsed
            return lines.map { $0 + "\n" }.joined()
        }
        // Up over the lines shown before, then each cleared as it is written, also those that have no successor.
        let up = shown > 0 ? "\u{1B}[\(shown)A" : ""
        shown = max(shown, lines.count)
        let all = lines + Array(repeating: "", count: shown - lines.count)
        return up + all.map { "\r\u{1B}[2K" + $0 + "\n" }.joined()
    }
}

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
    fileprivate var trimmedEnd: String { lastIndex { $0 != " " }.map { String(self[...$0]) } ?? "" }
    func leading(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
