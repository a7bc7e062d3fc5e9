/// Columns for people, as wide as their widest cell. What comes from outside is stripped of control characters, so that
/// no job can write to the terminal.
struct Table {
    private let header: [String]
    private var rows: [[String]] = []

    init(_ header: String...) { self.header = header }

    var isEmpty: Bool { rows.isEmpty }

    mutating func add(_ cells: String...) {
        precondition(cells.count == header.count)
        rows.append(cells.map(\.printable))
    }

    func printed() -> String {
        var widths = header.map(\.count)
        for row in rows {
            for (index, cell) in row.enumerated() { widths[index] = max(widths[index], cell.count) }
        }
        return ([header] + rows).map { row in
            var line = ""
            for (index, cell) in row.enumerated() {
                line += cell
                if index < row.count - 1 { line += String(repeating: " ", count: widths[index] - cell.count + 2) }
            }
            return line
        }.joined(separator: "\n")
    }
}

extension String {
    /// At most so many characters; the last of a longer text is `…`.
    func cut(to length: Int) -> String { count > length ? prefix(length - 1) + "…" : self }

    /// Without control characters, on one line.
    var printable: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { scalar in
                    scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
                        ? " " : scalar
                }))
    }
}
