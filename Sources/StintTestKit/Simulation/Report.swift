import StintCore

extension Simulation {
    /// What happened in a life, in numbers.
    package struct Report: Hashable, Sendable {
        package var seed: UInt64
        /// What clients asked for: each job enqueued, each cancel, question, replay and discard.
        package var operations = 0
        package var faults: [Fault: Int] = [:]
        package var jobs = 0
        package var turns = 0
        package var commits = 0
        /// In both directions.
        package var frames = 0
        package var events: UInt64 = 0
        package var brokerStarts = 1
        /// How often memory was compared with the disk.
        package var quietChecks = 0
        package var simulated: Duration = .zero
        /// Of every byte received and sent, every commit and every start.
        package var digest: UInt64 = 0

        var faultsLeft: Int

        init(_ plan: LifePlan) {
            seed = plan.seed
            faultsLeft = plan.faults.count
        }

        package var faultCount: Int { faults.values.reduce(0, +) }

        mutating func mix(_ value: UInt64) { digest = Digest.mixed(digest, value) }
        mutating func mix(_ body: [UInt8]) { mix(body.withUnsafeBytes(Digest.of)) }
    }

    /// A life in which something happened that must not.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        package let plan: LifePlan
        package let problems: [String]
        package let history: [String]

        package init(plan: LifePlan, problems: [String], history: [String]) {
            self.plan = plan
            self.problems = problems
            self.history = history
        }

        package var description: String {
            """
            seed \(plan.seed) breaks a rule:
            \(problems.prefix(10).map { "  " + $0 }.joined(separator: "\n"))
            """
        }
    }
}

/// What happened, in sentences; kept only for a life that is known to fail.
struct History {
    var isKept = false
    /// Told every sentence at once, so that it is known also when the process ends.
    var tell: ((String) -> Void)?
    private(set) var lines: [String] = []

    mutating func add(_ sentence: String, at time: Duration) {
        let microseconds = time.inMicroseconds
        let digits = String(microseconds % 1_000_000)
        let zeros = String(repeating: "0", count: 6 - digits.count)
        let line = "\(microseconds / 1_000_000).\(zeros)\(digits) s: \(sentence)"
        tell?(line)
        lines.append(line)
    }
}
