/// What is said at the end of a run, and the exit code it ends with.
public struct RunSummary: Sendable {
    public var documents: Int
    public var jobs: Int
    public var retries: Int
    public var seconds: Double
    /// Nil when it could not be written.
    public var report: String?
    public var failures: [RunTracker.Failure]
    /// The document that was put there to fail: its number and where it would have to be.
    public var broken: (document: Int, path: String)?
    /// How the reader's shell finds `stint`.
    public var stint: String

    public init(
        tracker: RunTracker, seconds: Double, report: String?, broken: (document: Int, path: String)?,
        stint: String = "stint"
    ) {
        self.stint = stint
        documents = tracker.documents
        jobs = tracker.ended
        retries = tracker.retries
        self.seconds = seconds
        self.report = report
        failures = tracker.failures
        self.broken = broken
    }

    /// Failures of the user's own documents, not of the one that is there to fail.
    public var unexpected: [RunTracker.Failure] { failures.filter { $0.job.document != broken?.document } }

    /// More failures than this are counted, not listed.
    static let failuresShown = 5

    public var text: String {
        let rate = seconds > 0 ? Double(jobs) / seconds : 0
        var lines = [
            "",
            row("documents", Figure.text(documents)),
            row("jobs", "\(Figure.text(jobs)), of which \(failures.count) in the dead letters"),
            row("retries", Figure.text(retries)),
            row("wall time", "\(Figure.text(seconds, decimals: 2)) s"),
            row("jobs a second", Figure.text(rate, decimals: 0)),
            row("report", report ?? "not written; see the dead letters"),
        ]
        if !unexpected.isEmpty {
            lines += [
                "", unexpected.count == 1 ? "One job failed for good:" : "\(unexpected.count) jobs failed for good:",
            ]
            for failure in unexpected.prefix(Self.failuresShown) {
                lines += ["  \(failure.job.step.type) \(failure.job.id)", "    \(failure.error)"]
            }
            if unexpected.count > Self.failuresShown {
                lines.append("  … and \(unexpected.count - Self.failuresShown) more: \(stint) dead list")
            }
            lines.append("  Try one again: \(stint) dead replay \(unexpected[0].job.id)")
        }
        if let broken, let failure = failures.first(where: { $0.job.document == broken.document }) {
            lines += [
                "",
                "One document was left out on purpose, to show what failure looks like: it was tried, tried again with",
                "growing pauses, and put among the dead letters.",
                "  \(failure.error)",
                "  See it:       \(stint) dead list",
                "  Mend it:      cp /usr/share/common-licenses/BSD \(quoted(broken.path))",
                "  Try it again: \(stint) dead replay \(failure.job.id)",
            ]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// 9 when a job ended badly, as the commands of `stint` have it. The document that was made to fail is no failure.
    public func exitCode(keepGoing: Bool) -> Int32 {
        if report == nil { return 9 }
        return unexpected.isEmpty || keepGoing ? 0 : 9
    }

    private func row(_ name: String, _ value: String) -> String { "\(name.padded(to: 15))\(value)" }

    /// A path as a shell takes it.
    private func quoted(_ path: String) -> String {
        let isPlain = path.utf8.allSatisfy { isLetterOrDigit($0) || "/._-".utf8.contains($0) }
        return isPlain
            ? path : "'" + path.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
