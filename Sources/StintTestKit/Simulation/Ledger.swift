import StintCore
import StintWire

/// What the world was promised and did, written down as it happens: against it the broker is judged.
struct Ledger {
    struct Job {
        let id: JobID
        let type: String
        /// The broker said that it is stored.
        var isAcknowledged = false
        /// May be gone once it is over: a client may discard it, or only a number of jobs is kept.
        var mayBeRemoved: Bool
        /// A client asked for it to be cancelled.
        var isCancelAsked = false
        /// The broker said that it will not run.
        var isCancelled = false
        /// The token whose completion the broker confirmed.
        var completed: FencingToken?
        /// The last lease that was sent to a worker, and to which.
        var assigned = FencingToken.none
        var worker = -1
        /// A state that the broker said is saved for the next attempt.
        var checkpoint: FencingToken?
        var reachedNobody = false
        /// By two clients, of whom one may reach the broker.
        var isAskedTwice = false
        /// Every attempt that a worker was sent or spoke of.
        var attempts: [Attempt] = []
        /// What the client asked for; nil for children.
        var wish: Wish?
        /// When a client first asked for the cancel, and a moment after which the broker decided it.
        var cancelAskedAt: Instant?
        var cancelDecidedAfter: Instant?
    }

    struct Attempt {
        let token: FencingToken
        /// Which one it was said to be, when it was sent.
        var number: Int?
        /// How its worker said that it ended, at last.
        var said: Said?
        /// A completion was sent, whatever became of it.
        var isCompletionSent = false
        /// The completion brings a child whose id is this other job's, which makes it a failure for as long as that is there.
        var failsBecauseOf: JobID?
        /// Its worker was told that its word does not count; the message may still be on its way.
        var isRefused = false
    }

    struct Wish {
        var priority: Int16 = 0
        /// 0: the policy's.
        var attempts = 0
        var start = IncomingGroup.Start.atOnce
    }

    /// What a worker said of an attempt that ended.
    struct Said {
        var outcome: Outcome
        var isPermanent: Bool
        var retryAfter: Duration?
    }

    /// A child that travels with a completion.
    struct Child {
        var parent: JobID
        var token: FencingToken
    }

    /// In the order in which they were first sent.
    private(set) var jobs: [Job] = []
    private var places: [JobID: Int32] = [:]  // for lookup only
    private(set) var children: [(id: JobID, child: Child)] = []
    /// The first answers to requests that are carried out once.
    var answers: [RequestID: UInt64] = [:]  // for lookup only
    /// Those requests, in the order of their answers.
    var carriedOut: [ClientProcess.Wish] = []
    /// How often clients asked for dead jobs to be discarded.
    var discards = 0
    /// Those of them, about jobs by their ids, that the broker said it carried out.
    var carriedOutDiscards: Set<RequestID> = []  // for lookup only
    /// Jobs of requests that were refused as a whole.
    var refused: Set<JobID> = []  // for lookup only
    /// Jobs whose id somebody offered for another job.
    var contradicted: Set<JobID> = []  // for lookup only
    var problems: [String] = []

    subscript(id: JobID) -> Job? { places[id].map { jobs[Int($0)] } }
    subscript(lease: LeaseReference) -> Attempt? {
        guard let place = places[lease.id] else { return nil }
        return jobs[Int(place)].attempts.last { $0.token == lease.token }
    }

    func pick(_ chance: inout Chance) -> Job? { chance.pick(jobs) }

    private mutating func change(_ id: JobID, _ body: (inout Job) -> Void) {
        if let place = places[id] { body(&jobs[Int(place)]) }
    }

    private mutating func change(_ lease: LeaseReference, _ body: (inout Attempt) -> Void) {
        change(lease.id) { job in
            let known = job.attempts.lastIndex { $0.token == lease.token }
            if known == nil { job.attempts.append(Attempt(token: lease.token)) }
            body(&job.attempts[known ?? job.attempts.count - 1])
        }
    }

    /// Whether some worker said so of this attempt, and the broker may have believed it.
    func isCompletion(_ lease: LeaseReference) -> Bool {
        let attempt = self[lease]
        if let taken = attempt?.failsBecauseOf { return self[taken]?.mayBeRemoved ?? true }
        return attempt?.isCompletionSent ?? false
    }

    // MARK: What was asked for

    mutating func offered(_ id: JobID, type: String, mayBeRemoved: Bool) {
        guard places[id] == nil else { return }
        places[id] = Int32(jobs.count)
        jobs.append(Job(id: id, type: type, mayBeRemoved: mayBeRemoved))
    }

    mutating func offered(_ id: JobID, as child: Child) { children.append((id, child)) }
    mutating func completionFails(_ lease: LeaseReference, becauseOf taken: JobID) {
        change(lease) { $0.failsBecauseOf = taken }
    }
    mutating func sentCompletion(_ lease: LeaseReference) { change(lease) { $0.isCompletionSent = true } }
    mutating func said(_ lease: LeaseReference, _ said: Said) { change(lease) { $0.said = said } }
    mutating func wished(_ id: JobID, _ wish: Wish) { change(id) { $0.wish = wish } }

    mutating func cancelAsked(_ id: JobID, at now: Instant) {
        change(id) {
            $0.isCancelAsked = true
            $0.cancelAskedAt = $0.cancelAskedAt ?? now
        }
    }

    /// It is on disk that the job is to be cancelled.
    mutating func cancelDecided(_ id: JobID, after begun: Instant) {
        change(id) { job in
            guard let asked = job.cancelAskedAt else { return }
            job.cancelDecidedAfter = job.cancelDecidedAfter ?? max(asked, begun)
        }
    }

    /// What was promised of it is kept; its id is free again.
    mutating func wasRemoved(_ id: JobID) { change(id) { $0.mayBeRemoved = true } }

    // MARK: What was said

    /// Its client was told that the request was never sent.
    mutating func reachedNobody(_ id: JobID) { change(id) { $0.reachedNobody = !$0.isAskedTwice } }
    mutating func askedTwice(_ id: JobID) {
        change(id) {
            $0.isAskedTwice = true
            $0.reachedNobody = false
        }
    }
    mutating func acknowledged(_ id: JobID) { change(id) { $0.isAcknowledged = true } }

    mutating func cancelled(_ id: JobID) {
        guard let job = self[id] else { return }
        if job.completed != nil, !job.mayBeRemoved {
            problems.append("\(id) was completed, and then a cancel said that it will not run")
        }
        change(id) { $0.isCancelled = true }
    }

    mutating func assigned(_ lease: LeaseReference, as number: Int, to worker: Int) {
        change(lease.id) {
            $0.assigned = lease.token
            $0.worker = worker
        }
        change(lease) { $0.number = number }
    }

    mutating func wasRefused(_ lease: LeaseReference) { change(lease) { $0.isRefused = true } }

    mutating func checkpointSaved(_ lease: LeaseReference) {
        change(lease.id) { $0.checkpoint = max($0.checkpoint ?? lease.token, lease.token) }
    }

    /// The broker said that the completion under this token is on record.
    mutating func accepted(_ lease: LeaseReference) {
        guard let job = self[lease.id] else { return }
        if let first = job.completed, first != lease.token, !job.mayBeRemoved {
            problems.append("\(lease.id) has two accepted completions, under \(first) and \(lease.token)")
        }
        change(lease.id) { $0.completed = lease.token }
    }

    /// What a handler answers under this token.
    static func result(of token: FencingToken) -> [UInt8] { Array(token.description.utf8) }
}
