/// The planted bugs, as the pages of `Tests/PlantedBugs` tell them:
///
///     # Leases                          the room, once a page
///     ## skip-the-fence                 the name of a bug
///     A settlement under any token …    what it breaks
///     ```diff
///     --- Sources/StintCore/Broker/BrokerState+Settle.swift
///      lines that stay
///     -the lines as they are
///     +the lines as they would be, with PLANTED in one of them
///     ```
enum Catalogue {
    static let folder = "Tests/PlantedBugs"

    static func read(_ text: String, file: String) throws(CatalogueProblem) -> [PlantedBug] {
        var reader = PageReader(file: file)
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            try reader.take(String(line), number: index + 1)
        }
        try reader.end()
        return reader.bugs
    }

    /// All pages together: names are names of one bug each.
    static func read(_ pages: [(file: String, text: String)]) throws(CatalogueProblem) -> [PlantedBug] {
        var bugs: [PlantedBug] = []
        var names: Set<String> = []
        for page in pages {
            for bug in try read(page.text, file: page.file) {
                guard names.insert(bug.name).inserted else {
                    throw CatalogueProblem(bug, "has the name of another bug")
                }
                bugs.append(bug)
            }
        }
        return bugs
    }
}

private struct PageReader {
    let file: String
    var bugs: [PlantedBug] = []
    private var room = ""
    private var bug: PlantedBug?
    private var isInDiff = false

    init(file: String) { self.file = file }

    mutating func take(_ line: String, number: Int) throws(CatalogueProblem) {
        if isInDiff { return try takeDiff(line, number) }
        if line.hasPrefix("## ") {
            try finishBug()
            bug = PlantedBug(name: String(line.dropFirst(3)), room: room, sentence: "", file: file, line: number)
        } else if line.hasPrefix("# ") {
            room = String(line.dropFirst(2))
        } else if line == "```diff" {
            guard bug != nil else { throw CatalogueProblem(file, number, "a change stands above the first bug") }
            isInDiff = true
        } else if !line.isEmpty, let said = bug?.sentence {
            bug?.sentence = said.isEmpty ? line : said + " " + line
        }
    }

    private mutating func takeDiff(_ line: String, _ number: Int) throws(CatalogueProblem) {
        if line == "```" {
            isInDiff = false
        } else if line.hasPrefix("--- ") {
            bug?.changes.append(PlantedBug.Change(path: String(line.dropFirst(4))))
        } else if let last = bug?.changes.indices.last {
            let rest = String(line.dropFirst())
            let read: PlantedBug.Line
            switch line.first {
            case " ": read = .kept(rest)
            case nil: read = .kept("")
            case "-": read = .removed(rest)
            case "+": read = .added(rest)
            default: throw CatalogueProblem(file, number, "begins with none of \" \", \"-\" and \"+\"")
            }
            bug?.changes[last].lines.append(read)
        } else {
            throw CatalogueProblem(file, number, "a change begins with \"--- \" and the file that it is about")
        }
    }

    mutating func end() throws(CatalogueProblem) {
        guard !isInDiff else { throw CatalogueProblem(file, bug?.line ?? 1, "a change is not closed with ```") }
        try finishBug()
        guard !bugs.isEmpty, !room.isEmpty else {
            throw CatalogueProblem(file, 1, "no room, or no bug, is on this page")
        }
    }

    private mutating func finishBug() throws(CatalogueProblem) {
        guard let bug else { return }
        let isName = bug.name.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || $0 == UInt8(ascii: "-")
        }
        guard isName, !bug.name.isEmpty else {
            throw CatalogueProblem(bug, "is no name: use small letters, digits and dashes")
        }
        guard !bug.sentence.isEmpty else { throw CatalogueProblem(bug, "does not say what it breaks") }
        guard !bug.changes.isEmpty else { throw CatalogueProblem(bug, "changes nothing") }
        let isAsleep = bug.changes.allSatisfy { change in
            change.lines.contains { line in
                if case .added(let text) = line { text.contains(PlantedBug.placeholder) } else { false }
            }
        }
        guard isAsleep else { throw CatalogueProblem(bug, "has a change without \(PlantedBug.placeholder) in it") }
        bugs.append(bug)
        self.bug = nil
    }
}
