/// Horizontal bars with their labels and figures, as an SVG element that stands inside a page and takes its colours.
///
/// The figures are written beside the bars, so nothing is told by length or colour alone.
struct BarChart {
    struct Bar {
        var label: String
        var value: Int
    }

    let title: String
    let bars: [Bar]

    private let width = 560
    private let labelWidth = 120
    private let rowHeight = 30

    var svg: String {
        let most = max(1, bars.map(\.value).max() ?? 0)
        let room = width - labelWidth - 72
        let described = bars.map { "\($0.label) \($0.value)" }.joined(separator: ", ")
        var rows = ""
        for (index, bar) in bars.enumerated() {
            let top = index * rowHeight
            let length = bar.value == 0 ? 0 : max(2, bar.value * room / most)
            let baseline = top + 20
            rows += """
                <text class="label" x="\(labelWidth - 12)" y="\(baseline)" text-anchor="end">\
                \(HTMLEntities.encode(bar.label))</text>\
                <rect class="track" x="\(labelWidth)" y="\(top + 7)" width="\(room)" height="18" rx="4"/>\
                <rect class="bar" x="\(labelWidth)" y="\(top + 7)" width="\(length)" height="18" rx="4"/>\
                <text class="value" x="\(labelWidth + room + 10)" y="\(baseline)">\(Figure.text(bar.value))</text>

                """
        }
        return """
            <svg viewBox="0 0 \(width) \(max(1, bars.count) * rowHeight + 4)" role="img" \
            aria-label="\(HTMLEntities.encode("\(title): \(described)"))" xmlns="http://www.w3.org/2000/svg">
            \(rows)</svg>
            """
    }
}

/// Numbers for people.
enum Figure {
    /// `1234567` as `1 234 567`, with spaces that do not break.
    static func text(_ value: Int) -> String {
        var groups: [Substring] = []
        var digits = String(value.magnitude)[...]
        while digits.count > 3 {
            groups.insert(digits.suffix(3), at: 0)
            digits = digits.dropLast(3)
        }
        groups.insert(digits, at: 0)
        return (value < 0 ? "−" : "") + groups.joined(separator: "\u{202F}")
    }

    static func text(_ value: Double, decimals: Int) -> String {
        let scale = [1.0, 10, 100, 1000][min(max(decimals, 0), 3)]
        let scaled = Int((value * scale).rounded())
        guard decimals > 0 else { return text(scaled) }
        let fraction = String(Int(scaled.magnitude) % Int(scale))
        let padded = String(repeating: "0", count: max(0, decimals - fraction.count)) + fraction
        return "\(text(scaled / Int(scale))).\(padded)"
    }
}
