/// One thing that `stint doctor` has to say, with what to do about it.
struct Finding: Hashable, Sendable {
    enum Severity: String, Comparable, Sendable {
        /// Worth knowing; nothing needs to be done now.
        case note
        /// It works, and something should be done.
        case warning
        /// Something is broken or will be soon; the exit code is 1.
        case problem

        private var rank: Int {
            switch self {
            case .note: 0
            case .warning: 1
            case .problem: 2
            }
        }

        static func < (left: Severity, right: Severity) -> Bool { left.rank < right.rank }
    }

    /// For programs: `clock.behind-store`. Never changes its meaning; the list is in docs/OPERATING.md.
    let code: String
    let severity: Severity
    /// What is the matter, without a full stop.
    let sentence: String
    /// What to do, beginning with a verb, without a full stop.
    let fix: String

    init(_ severity: Severity, _ code: String, _ sentence: String, fix: String) {
        self.code = code
        self.severity = severity
        self.sentence = sentence
        self.fix = fix
    }

    var jsonLine: JSONLine {
        var line = JSONLine()
        line.add("code", code)
        line.add("severity", severity.rawValue)
        line.add("sentence", sentence)
        line.add("fix", fix)
        return line
    }
}

extension String {
    /// As a part of a finding: other sentences of Stint end with one.
    var withoutFullStop: String { hasSuffix(".") ? String(dropLast()) : self }
}
