import Foundation

/// The table of `docs/SIMULATION.md` that says how soon each planted bug was found.
struct ResultTable {
    struct Row: Equatable {
        var bug: String
        var room: String
        /// The seed, counted from 1; nil: not found.
        var lives: UInt64?
        var rule: String

        var text: String { "| `\(bug)` | \(room) | \(lives.map { "\($0)" } ?? "–") | \(rule) |" }
    }

    static let page = "docs/SIMULATION.md"
    private static let head = "| planted bug | room | found in life | by |"
    private static let line = "|---|---|---:|---|"

    private(set) var rows: [Row] = []

    /// Reads what the page says.
    init(page: String) {
        let lines = page.split(separator: "\n", omittingEmptySubsequences: false).drop { $0 != Self.head }.dropFirst(2)
        for line in lines {
            guard line.hasPrefix("| `") else { break }
            let cells = line.split(separator: "|", omittingEmptySubsequences: true).map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            guard cells.count >= 4 else { break }
            rows.append(
                Row(
                    bug: cells[0].trimmingCharacters(in: ["`"]), room: cells[1], lives: UInt64(cells[2]),
                    rule: cells[3...].joined(separator: "|")))
        }
    }

    /// Takes new results in; bugs that are not in the catalogue any more leave.
    mutating func update(_ results: [Row], catalogue: [PlantedBug]) {
        var known: [String: Row] = [:]
        for row in rows + results { known[row.bug] = row }
        rows = catalogue.compactMap { bug in
            var row = known[bug.name]
            row?.room = bug.room
            return row
        }
    }

    /// The page with this table in the place of its own.
    func written(into page: String) -> String? {
        var lines = page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard let first = lines.firstIndex(of: Self.head) else { return nil }
        let end = lines[first...].firstIndex { !$0.hasPrefix("|") } ?? lines.count
        lines.replaceSubrange(first..<end, with: [Self.head, Self.line] + rows.map(\.text))
        return lines.joined(separator: "\n")
    }

    /// How many were found within how many lives.
    var summary: String {
        let found = rows.compactMap(\.lives).sorted()
        func share(_ lives: UInt64) -> String { "\(found.count { $0 <= lives }) within \(lives)" }
        return """
            \(found.count) of \(rows.count) planted bugs were found: \(share(1)), \(share(10)), \(share(100)), \
            \(share(1_000)), \(share(10_000)) lives
            """
    }
}
