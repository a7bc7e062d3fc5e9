import StintCore
import StintStore
import StintWire

extension BrokerTurn {
    /// Stores the jobs of one enqueue, all or none; duplicates are no reason to refuse.
    mutating func enqueue(_ message: Stint_V1_Enqueue, from session: SessionID, now: Moment) throws {
        if let refusal = refusesNewJobs {
            outbox.add(.refused(session, Stint_V1_Refused(refusal, request: message.request)), gate: gate)
            return
        }
        let groups: [IncomingGroup]
        do {
            groups = try [IncomingGroup](
                decoding: message.groups, field: "enqueue.groups", jobsMax: Limits.enqueueJobsMax,
                payloadBytesMax: configuration.payloadBytesMax)
        } catch {
            refusals.add(error.limit)
            outbox.add(.refused(session, Stint_V1_Refused(error.refusal, request: message.request)), gate: gate)
            return
        }
        guard !groups.isEmpty else {
            let error = WireError.outOfRange(field: "enqueue.groups", value: 0, allowed: 1...Limits.enqueueJobsMax)
            outbox.add(.refused(session, Stint_V1_Refused(error.refusal, request: message.request)), gate: gate)
            return
        }
        switch try submissions(groups, now: now) {
        case .failure(let refusal):
            outbox.add(.refused(session, Stint_V1_Refused(refusal, request: message.request)), gate: gate)
        case .success(let submissions):
            if let conflict = submissions.first(where: { $0.known == .conflict }) {
                let refusal = Refusal(
                    .conflict,
                    """
                    a job with the id \(conflict.id) exists and has another type or payload; nothing of the request \
                    was stored. Choose another id.
                    """)
                outbox.add(.refused(session, Stint_V1_Refused(refusal, request: message.request)), gate: gate)
                return
            }
            if let refusal = fullLine(submissions) {
                outbox.add(.refused(session, Stint_V1_Refused(refusal, request: message.request)), gate: gate)
                return
            }
            state.enqueue(submissions, at: now, into: &effects)
            absorb()
            answer(message.request, submissions, to: session)
        }
    }

    private var refusesNewJobs: Refusal? {
        if state.isDraining {
            return Refusal(.draining, "the broker is shutting down; send the same request again in a moment")
        }
        if storeIsFull {
            return Refusal(
                .storeFull,
                """
                the disk of the broker is nearly full, so it takes no new jobs; running ones can still finish. \
                Free some space and send the same request again.
                """)
        }
        return nil
    }

    private mutating func answer(_ request: UInt64, _ submissions: [Submission], to session: SessionID) {
        guard submissions.contains(where: { $0.known == .duplicate }) else {
            outbox.add(.accepted(session, request: request), gate: gate)
            return
        }
        let duplicates = submissions.indices.filter { submissions[$0].known == .duplicate }.map { UInt32($0) }
        outbox.add(.acceptedWithDuplicates(session, request: request, duplicates), gate: gate)
    }

    /// Turns decoded jobs into what the rules take: types by number, times absolute, bytes in the open batch, and each id
    /// looked up.
    mutating func submissions(
        _ groups: [IncomingGroup], now: Moment
    ) throws -> Result<[Submission], Refusal> {
        let count = groups.reduce(0) { $0 + $1.ids.count }
        var submissions: [Submission] = []
        submissions.reserveCapacity(count)
        let shared = groups.reduce(0) { $0 + $1.extras.count * $1.ids.count }
        guard shared <= Limits.sharedExtrasBytesMax else {
            return .failure(
                Refusal(
                    .invalid,
                    """
                    the extras that \(count) jobs share would take \(shared) bytes, over the limit of \
                    \(Limits.sharedExtrasBytesMax); send fewer jobs at a time
                    """))
        }
        for group in groups {
            guard let type = state.type(named: group.type, into: &effects) else {
                refusals.add(.types)
                let sentence = """
                    the broker knows \(Limits.typesMax) types already and takes no new one; put what differs into the \
                    payload, not into the type
                    """
                return .failure(Refusal(.exhausted, sentence))
            }
            let runAt: WallTime =
                switch group.start {
                case .atOnce: .none
                case .at(let time): time
                case .after(let wait): now.wall + wait
                }
            let extras = group.extras.count > 0 ? keep(group.extras) : .none
            openBytes += group.extras.count * (group.ids.count - 1)  // stored with each of them
            for (id, payload) in zip(group.ids, group.payloads) {
                var submission = Submission(
                    id: id, type: type, digest: payload.withUnsafeBytes(Digest.of),
                    payloadBytes: UInt32(payload.count), payload: keep(payload))
                submission.extras = extras
                submission.runAt = runAt
                submission.priority = group.priority
                submission.attempts = group.attempts
                submissions.append(submission)
            }
        }
        try lookUp(&submissions, now: now)
        return .success(submissions)
    }

    /// Marks which ids are taken. Ids that rise beyond the highest ever stored are new without a look anywhere, which
    /// is every id of a lone producer; the rest is looked up in memory, in the batches not yet durable, and with one
    /// range read on disk.
    private mutating func lookUp(_ submissions: inout [Submission], now: Moment) throws {
        var highest = state.numbers.highestID
        let limit = try firstAbove.above(highest, reader.firstID)
        var unsure: [Int] = []
        for index in submissions.indices {
            let id = submissions[index].id
            if id > highest, id < limit, id.isOfThePresent(at: now.wall) { highest = id } else { unsure.append(index) }
        }
        guard !unsure.isEmpty else { return }

        var known: [JobID: KnownJob] = [:]  // for lookup only
        var cold: Set<JobID> = []  // for lookup only; one id may come twice
        var first: [JobID: Int] = [:]  // for lookup only
        for index in unsure {
            let id = submissions[index].id
            if let slot = state.jobs.slot(of: id) {
                known[id] = KnownJob(state.jobs[slot].row)
            } else if let row = overlay.row(id, open: open.jobs, committing: committing?.jobs ?? []) {
                if let row { known[id] = KnownJob(row) }
            } else {
                cold.insert(id)
            }
        }
        if !cold.isEmpty {
            for job in try reader.known(cold.sorted()) { known[job.id] = job }
        }
        // An id can also come twice in one message.
        for index in submissions.indices {
            let submission = submissions[index]
            if let job = known[submission.id] {
                submissions[index].known = job.matches(submission) ? .duplicate : .conflict
            } else if let earlier = first[submission.id] {
                let job = KnownJob(
                    id: submission.id, type: submissions[earlier].type, digest: submissions[earlier].digest)
                submissions[index].known = job.matches(submission) ? .duplicate : .conflict
            } else {
                first[submission.id] = index
            }
        }
    }
}

extension KnownJob {
    init(_ row: JobRow) { self.init(id: row.id, type: row.type, digest: row.digest) }

    func matches(_ submission: Submission) -> Bool { type == submission.type && digest == submission.digest }
}
