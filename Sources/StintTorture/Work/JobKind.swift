/// The kinds of jobs that are loaded; the name is the job's type. Between them they end in every way a job can.
enum JobKind: String, CaseIterable, Sendable {
    /// Completes at once.
    case quick
    /// Enqueues a child with an id made in this very run, and notes it: the child is stored with the accepted answer or
    /// not at all, so the store shows which run was believed.
    case parent
    /// What a parent enqueues.
    case child
    /// Throws in each attempt whose number is 1 modulo 3, so it lives through a backoff.
    case flaky
    /// Runs for as long as its payload says, up to several leases, and saves a checkpoint half-way.
    case slow
    /// Fails for good: it has to end as a dead letter.
    case doomed
    /// Is not to run before a delay.
    case later
    /// Runs as an executable of `stint worker`.
    case shell
    /// Long, and never a part of the mix: what a scenario holds while it does something to the broker.
    case held
    /// Never ends in its first attempt, and at once in every other; never a part of the mix.
    case herd

    /// How many of a thousand jobs of the mix are of this kind.
    var weight: Int {
        switch self {
        case .quick: 560
        case .parent: 200
        case .flaky: 100
        case .slow: 20
        case .doomed: 10
        case .later: 100
        case .shell: 10
        case .child, .held, .herd: 0
        }
    }

    /// A kind of the mix.
    ///
    /// - Parameter draw: 0 to 999.
    static func ofMix(_ draw: Int) -> JobKind {
        var rest = draw
        for kind in allCases {
            rest -= kind.weight
            if rest < 0 { return kind }
        }
        preconditionFailure("the weights do not make a thousand")
    }
}

/// What every job carries.
struct JobPayload: Codable, Sendable {
    /// How long a slow or held one runs.
    var milliseconds: Int
    /// So that jobs differ in size.
    var padding: String
}

/// What every completed job answers: the token under which the handler ran. The judge holds it against the job's row.
struct JobAnswer: Codable, Sendable {
    var fence: String
}
