/// Puts all bugs into the sources at once, each behind a switch.
struct Planting {
    /// What becomes of the lines of one file.
    private struct Plan {
        let lines: [String]
        /// By the number of the line, and who wants it.
        var removed: [Int: String] = [:]
        /// Before the line of this number.
        var added: [Int: (name: String, lines: [String])] = [:]
    }
    private var plans: [String: Plan] = [:]

    /// - Parameter source: The text of a file of the checkout; nil when it is not there.
    init(_ bugs: [PlantedBug], _ source: (String) -> String?) throws(CatalogueProblem) {
        for (index, bug) in bugs.enumerated() {
            for change in bug.changes { try plant(change, of: bug, number: index + 1, source) }
        }
    }

    /// The files that are changed.
    var paths: [String] { plans.keys.sorted() }

    func text(of path: String) -> String? {
        guard let plan = plans[path] else { return nil }
        var lines: [String] = []
        for index in 0...plan.lines.count {
            lines += plan.added[index]?.lines ?? []
            if index < plan.lines.count, plan.removed[index] == nil { lines.append(plan.lines[index]) }
        }
        let imports = Self.imports(path, plan.lines)
        return (imports + lines).joined(separator: "\n")
    }

    private mutating func plant(
        _ change: PlantedBug.Change, of bug: PlantedBug, number: Int, _ source: (String) -> String?
    ) throws(CatalogueProblem) {
        if plans[change.path] == nil {
            guard let text = source(change.path) else {
                throw CatalogueProblem(bug, "changes \(change.path), which is not there")
            }
            plans[change.path] = Plan(
                lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
        }
        guard var plan = plans[change.path] else { return }
        var place = try Self.place(of: change, in: plan.lines, bug)
        for line in change.lines {
            switch line {
            case .kept: place += 1
            case .removed:
                if let other = plan.removed[place] { throw Self.overlap(bug, other, change.path, place) }
                plan.removed[place] = bug.name
                place += 1
            case .added(let text):
                if let other = plan.added[place], other.name != bug.name {
                    throw Self.overlap(bug, other.name, change.path, place)
                }
                let switched = text.replacing(PlantedBug.placeholder, with: "(plantedBug == \(number))")
                plan.added[place, default: (bug.name, [])].lines.append(switched)
            }
        }
        plans[change.path] = plan
    }

    private static func overlap(_ bug: PlantedBug, _ other: String, _ path: String, _ line: Int) -> CatalogueProblem {
        CatalogueProblem(bug, "and \"\(other)\" both change line \(line + 1) of \(path); plant one of them elsewhere")
    }

    private static func place(
        of change: PlantedBug.Change, in lines: [String], _ bug: PlantedBug
    ) throws(CatalogueProblem) -> Int {
        let original = change.original
        guard !original.isEmpty else { throw CatalogueProblem(bug, "has a change that says not where it belongs") }
        let last = lines.count - original.count
        let places =
            last < 0
            ? []
            : (0...last).filter { lines[$0] == original[0] && lines[$0..<$0 + original.count].elementsEqual(original) }
        guard let place = places.first else {
            throw CatalogueProblem(bug, "is about lines that are not in \(change.path) any more; write it anew")
        }
        guard places.count == 1 else {
            throw CatalogueProblem(
                bug, "is about lines that stand in \(change.path) \(places.count) times; add some of those around them")
        }
        return place
    }

    // MARK: The switch

    /// The rooms above StintCore see the switch by an import, which some files have already.
    private static func imports(_ path: String, _ lines: [String]) -> [String] {
        path.hasPrefix("Sources/StintCore/") || lines.contains("import StintCore") ? [] : ["import StintCore"]
    }

    static let switchPath = "Sources/StintCore/PlantedBug.swift"

    /// Which bug is awake, by a variable of the environment.
    static func switchText(_ bugs: [PlantedBug]) -> String {
        """
        // Written by stint-planted. No product has this file.
        import Glibc

        private let plantedBugs = [\(bugs.map { "\"\($0.name)\"" }.joined(separator: ", "))]

        /// The bug of this process; 0 for none.
        package let plantedBug: Int = {
            guard let wanted = getenv("\(variable)") else { return 0 }
            let name = String(cString: wanted)
            guard let place = plantedBugs.firstIndex(of: name) else { fatalError("no planted bug is called \\(name)") }
            return place + 1
        }()

        """
    }

    static let variable = "STINT_PLANTED"
}
