import StintCore
import Testing

extension TestBroker {
    // MARK: Workers

    mutating func join(
        _ name: String, types: [String] = ["mail"], slots: Int = 1, holding held: [WorkerHello.Held] = [],
        instance: InstanceID? = nil
    ) -> SessionID {
        let session = freshSession()
        let instance = instance ?? freshInstance()
        let hello = WorkerHello(
            instance: instance, name: name, pool: "pool", types: types, slots: slots, held: held)
        let refusal = event { state, now, effects in state.hello(hello, session: session, at: now, into: &effects) }
        #expect(refusal == nil)
        turn()
        return session
    }

    func worker(_ session: SessionID) -> WorkerTable.Worker? {
        state.workers.slot(of: session).map { state.workers[$0] }
    }

    mutating func heartbeat(_ session: SessionID, running: [Lease] = []) {
        event { state, now, effects in
            state.heartbeat(running: running.map(\.reference), session: session, at: now, into: &effects)
        }
        turn()
    }

    mutating func drain(_ session: SessionID) {
        event { state, now, _ in state.drain(session: session, at: now) }
        turn()
    }

    mutating func bye(_ session: SessionID) {
        event { state, now, effects in state.bye(session: session, at: now, into: &effects) }
        assigned[session] = nil
        turn()
    }

    mutating func withdraw(_ type: String, _ session: SessionID) {
        event { state, now, _ in state.withdraw(type, session: session, at: now) }
        turn()
    }

    // MARK: Jobs

    mutating func type(_ name: String) -> TypeIndex {
        event { state, _, effects in state.type(named: name, into: &effects) } ?? TypeIndex(-1)
    }

    mutating func submission(
        type: String = "mail", priority: Int16 = 0, after delay: Duration? = nil, attempts: UInt16 = 0,
        payloadBytes: UInt32 = 100
    ) -> Submission {
        var submission = Submission(
            id: freshID(), type: self.type(type), digest: 1, payloadBytes: payloadBytes, payload: .none)
        submission.priority = priority
        submission.attempts = attempts
        if let delay { submission.runAt = now.wall + delay }
        return submission
    }

    mutating func enqueue(_ submissions: [Submission]) {
        event { state, now, effects in state.enqueue(submissions, at: now, into: &effects) }
        turn()
    }

    @discardableResult
    mutating func enqueue(
        type: String = "mail", priority: Int16 = 0, after delay: Duration? = nil, attempts: UInt16 = 0,
        payloadBytes: UInt32 = 100
    ) -> JobID {
        let submission = submission(
            type: type, priority: priority, after: delay, attempts: attempts, payloadBytes: payloadBytes)
        enqueue([submission])
        return submission.id
    }

    @discardableResult
    mutating func enqueue(count: Int, type: String = "mail", payloadBytes: UInt32 = 100) -> [JobID] {
        let submissions = (0..<count).map { _ in submission(type: type, payloadBytes: payloadBytes) }
        for start in stride(from: 0, to: count, by: Limits.enqueueJobsMax) {
            let part = submissions[start..<min(count, start + Limits.enqueueJobsMax)]
            event { state, now, effects in state.enqueue(Array(part), at: now, into: &effects) }
        }
        turn()
        return submissions.map(\.id)
    }

    /// The lease under which the job runs now, as its worker was told.
    func lease(of job: JobID) -> Lease? {
        guard let slot = state.jobs.slot(of: job), state.jobs[slot].place == .leased else { return nil }
        return granted[state.jobs[slot].lease.token]
    }

    /// The lease, if this worker has it.
    func lease(of job: JobID, to session: SessionID) -> Lease? {
        lease(of: job).flatMap { $0.session == session ? $0 : nil }
    }

    /// Everything a worker holds now, in grant order.
    func held(by session: SessionID) -> [Lease] {
        (assigned[session] ?? []).filter { state.isLeased($0.job, under: $0.token) }
    }

    func row(_ job: JobID) -> JobRow? { decided.rows[job] }
    func jobState(_ job: JobID) -> JobState? { decided.rows[job]?.state }

    // MARK: Settling

    mutating func settle(_ settlements: [Settlement], from session: SessionID) -> [Answer] {
        let number = nextSettleNumber(session)
        var facts = ColdFacts.none
        while true {
            let given = facts
            let needs = event { state, now, effects in
                state.settle(settlements, number: number, session: session, facts: given, at: now, into: &effects)
            }
            if needs.isEmpty { break }
            facts = self.facts(for: needs)
        }
        actions = []
        turn()
        var answers = [Answer](repeating: .accepted, count: settlements.count)
        var isConfirmed = false
        for case .settled(let confirmed, let upTo, let refused) in actions where confirmed == session {
            isConfirmed = upTo >= number
            for refusal in refused where refusal.number == number { answers[refusal.index] = .refused(refusal.reason) }
        }
        #expect(isConfirmed, "a settle message is confirmed in its turn")
        return answers
    }

    @discardableResult
    mutating func settle(
        _ lease: Lease, _ ending: AttemptEnding = AttemptEnding(.completed, counts: true),
        from session: SessionID? = nil, microseconds: UInt32 = 1_000_000, children: [Submission] = []
    ) -> Answer {
        var settlement = Settlement(
            id: lease.job, token: lease.token, ending: ending, runMicroseconds: microseconds)
        settlement.children = children
        return settle([settlement], from: session ?? lease.session)[0]
    }

    @discardableResult
    mutating func fail(_ lease: Lease, isPermanent: Bool = false) -> Answer {
        settle(lease, AttemptEnding(.failed, counts: true, isPermanent: isPermanent))
    }

    /// Dead at once.
    mutating func makeDead(type: String = "mail", by session: SessionID) throws -> JobID {
        let job = enqueue(type: type)
        fail(try #require(lease(of: job, to: session)), isPermanent: true)
        #expect(jobState(job) == .dead)
        return job
    }

    // MARK: Clients

    mutating func cancel(_ job: JobID) -> CancelResult {
        var facts = ColdFacts.none
        while true {
            let given = facts
            let (result, needs) = event { state, now, effects in
                state.cancel(job, facts: given, at: now, into: &effects)
            }
            if needs.isEmpty {
                turn()
                return result
            }
            facts = self.facts(for: needs)
        }
    }

    mutating func handleDead(_ verb: DeadVerb, _ jobs: [JobID], dryRun: Bool = false) -> Result<Int, Refusal> {
        var facts = ColdFacts.none
        while true {
            let given = facts
            let (result, needs) = event { state, now, effects in
                state.handleDead(verb, jobs, dryRun: dryRun, facts: given, at: now, into: &effects)
            }
            if needs.isEmpty {
                turn()
                return result
            }
            facts = self.facts(for: needs)
        }
    }

    /// One step of an operation and its commit. Nil when none is due.
    mutating func step() -> BrokerState.Step? {
        let durableBatch = state.openBatch - 1
        let step = event { state, now, effects in state.nextStep(durable: durableBatch, at: now, into: &effects) }
        guard let step else { return nil }
        let read = durable.finished(step)
        let rows = read.map { decided.rows[$0.id] }
        _ = event { state, now, effects in state.take(step, read: read, rows: rows, at: now, into: &effects) }
        turn()
        return step
    }
}
