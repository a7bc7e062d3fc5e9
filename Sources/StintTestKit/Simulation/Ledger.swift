import StintCore

/// What the world outside the broker was promised and did, written down as it happens: against it the broker's store is
/// judged after every crash and at the end of a life.
struct Ledger {
    struct Job {
        var type: String
        var payload: [UInt8]
        /// The broker said that it is stored.
        var isAcknowledged = false
        /// May be removed for good by a client's wish.
        var mayBeDiscarded = false
        var isCancelled = false
        /// The token whose completion the broker confirmed.
        var completed: FencingToken?
        /// The greatest token that any worker was sent.
        var assigned = FencingToken.none
        /// Completions that were sent, whatever became of them.
        var completions: Set<FencingToken> = []
    }

    /// A child that travels with a completion.
    struct Child {
        var parent: JobID
        var token: FencingToken
    }

    /// In the order in which they were first sent; dictionaries are for lookup only.
    private(set) var ids: [JobID] = []
    private var jobs: [JobID: Job] = [:]
    private(set) var children: [(id: JobID, child: Child)] = []
    private(set) var problems: [String] = []

    subscript(id: JobID) -> Job? { jobs[id] }

    mutating func offered(_ id: JobID, type: String, payload: [UInt8]) {
        guard jobs[id] == nil else { return }
        ids.append(id)
        jobs[id] = Job(type: type, payload: payload)
    }

    mutating func offered(_ id: JobID, as child: Child) { children.append((id, child)) }

    mutating func acknowledged(_ id: JobID) { jobs[id]?.isAcknowledged = true }
    mutating func mayBeDiscarded(_ id: JobID) { jobs[id]?.mayBeDiscarded = true }

    mutating func cancelled(_ id: JobID) {
        guard let job = jobs[id] else { return }
        expect(job.completed == nil, "\(id) was completed, and then a cancel said that it will not run")
        jobs[id]?.isCancelled = true
    }

    mutating func assigned(_ assignment: SimulatedPeer.Assignment) {
        guard let job = jobs[assignment.id] else { return problem("\(assignment.id) was never enqueued, and runs") }
        expect(assignment.token > job.assigned, "\(assignment.id): the token \(assignment.token) does not rise")
        expect(assignment.payload == job.payload, "\(assignment.id) is run with another payload")
        expect(job.completed == nil, "\(assignment.id) is completed and is run again")
        jobs[assignment.id]?.assigned = assignment.token
    }

    mutating func sentCompletion(_ lease: LeaseReference) { jobs[lease.id]?.completions.insert(lease.token) }

    /// The broker says that the completion under this token is on record.
    mutating func accepted(_ lease: LeaseReference) {
        guard let job = jobs[lease.id] else { return }
        if let first = job.completed, first != lease.token {
            problem("\(lease.id) has two accepted completions, under \(first) and \(lease.token)")
        }
        jobs[lease.id]?.completed = lease.token
    }

    // MARK: Judgement

    /// Judges what a store holds: nothing that was promised is missing.
    mutating func judge(_ rows: [JobRow], results: (JobID) -> [UInt8]?, when: String) {
        var found: [JobID: JobRow] = [:]
        for row in rows { found[row.id] = row }
        expect(found.count == rows.count, "\(when): a job is in the store twice")
        for id in ids {
            guard let job = jobs[id], !job.mayBeDiscarded else { continue }
            guard let row = found[id] else {
                expect(!job.isAcknowledged, "\(when): \(id) was acknowledged and is lost")
                expect(job.completed == nil, "\(when): \(id) was completed and is lost")
                continue
            }
            if let token = job.completed {
                expect(
                    row.state == .completed && row.token == token,
                    "\(when): \(id) was completed under \(token) and is \(row.state.name) under \(row.token)")
            }
            if job.isCancelled {
                expect(row.state == .cancelled, "\(when): \(id) was cancelled and is \(row.state.name)")
            }
            if row.state == .completed {
                expect(
                    job.completions.contains(row.token),
                    "\(when): \(id) is completed under \(row.token), which nobody said")
                expect(results(id) == Ledger.result(of: row.token), "\(when): \(id) has the result of another attempt")
            }
        }
        judgeChildren(found, when: when)
    }

    /// Children are stored with the completion of their parent, or not at all.
    private mutating func judgeChildren(_ found: [JobID: JobRow], when: String) {
        var wanted: Set<JobID> = []
        for (id, child) in children {
            if let parent = found[child.parent], parent.state == .completed, parent.token == child.token {
                wanted.insert(id)
                if found[id] == nil { problem("\(when): the child \(id) of \(child.parent) is missing") }
            }
        }
        for (id, child) in children where found[id] != nil && !wanted.contains(id) {
            if jobs[child.parent]?.mayBeDiscarded == true { continue }
            problem("\(when): the child \(id) is there, and no completion that brought it")
        }
    }

    /// What a handler answers under this token.
    static func result(of token: FencingToken) -> [UInt8] { Array(token.description.utf8) }

    mutating func expect(_ holds: Bool, _ sentence: @autoclosure () -> String) {
        if !holds { problems.append(sentence()) }
    }

    mutating func problem(_ sentence: String) { problems.append(sentence) }
}
