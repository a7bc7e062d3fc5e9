/// Where a value of the configuration was written: in the file, or outside of it, in a variable of
/// the environment or a flag. Orders as a reader works: down the file, then the rest by name.
enum ConfigPlace: Hashable, Comparable, Sendable {
    /// Both from 1; a column is one Unicode scalar, also when that is a tab.
    case file(line: Int, column: Int)
    /// The name of the variable (`STINT_CLIENTS`) or of the flag (`--connect`).
    case outside(String)
}

/// One mistake: where it stands, which key it concerns, and one sentence with what was expected and
/// what was given.
struct ConfigProblem: Error, Hashable, Sendable {
    /// Nil when the mistake is about the file as a whole.
    let place: ConfigPlace?
    /// The key with all keys above it (`jobs.parse_paper.attempts`); empty for mistakes of syntax.
    let path: String
    let message: String

    init(_ place: ConfigPlace?, path: String = "", _ message: String) {
        self.place = place
        self.path = path
        self.message = message
    }

    /// `cluster.json:14:23: jobs.parse_paper.attempts: expected a whole number from 1 to 1000, got 0`,
    /// the form that editors and terminals turn into a link.
    func line(file: String) -> String {
        let origin =
            switch place {
            case nil: file
            case .file(let line, let column): "\(file):\(line):\(column)"
            case .outside(let name): name
            }
        return path.isEmpty ? "\(origin): \(message)" : "\(origin): \(path): \(message)"
    }
}

/// Everything that is wrong with a configuration, in one go. Nothing of it was applied. The same file
/// fails the same way again: correct the lines and start the command again.
struct ConfigError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The path as it was given, so that the lines name the file as the reader does.
    let file: String
    /// Never empty, sorted by place.
    let problems: [ConfigProblem]

    init(file: String, problems: [ConfigProblem]) {
        precondition(!problems.isEmpty)
        self.file = file
        self.problems = problems.sorted { left, right in
            switch (left.place, right.place) {
            case (let left?, let right?): left < right
            case (nil, .some): true
            case (_, nil): false
            }
        }
    }

    /// One line for each problem.
    var description: String { problems.map { $0.line(file: file) }.joined(separator: "\n") }
}

/// Finds the word that a mistyped one was meant to be.
enum Spelling {
    /// The candidate with the smallest distance, when that is at most a third of the word (at least
    /// one letter); the first of equals. Upper and lower case count as the same letter.
    static func closest(to word: String, among candidates: [String]) -> String? {
        let allowed = max(1, word.count / 3)
        let ranked = candidates.map { (word: $0, distance: distance(word.lowercased(), $0.lowercased())) }
        return ranked.filter { $0.distance <= allowed }.min { $0.distance < $1.distance }?.word
    }

    /// How many letters have to be inserted, removed, replaced or swapped with their neighbour
    /// (optimal string alignment). The swap counts once because it is the most frequent slip.
    static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.prefix(64)), right = Array(right.prefix(64))
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            for column in right.indices {
                let replaced = last[column] + (left[row] == right[column] ? 0 : 1)
                var best = min(replaced, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    best = min(best, beforeLast[column - 1] + 1)
                }
                current.append(best)
            }
            (beforeLast, last) = (last, current)
        }
        return last[right.count]
    }
}
