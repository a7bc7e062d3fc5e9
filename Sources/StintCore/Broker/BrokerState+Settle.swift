/// One attempt that its worker says has ended.
package struct Settlement: Hashable, Sendable {
    package var id: JobID
    package var token: FencingToken
    package var ending: AttemptEnding
    /// 0: it never started.
    package var runMicroseconds: UInt32
    package var result: Blob = .none
    package var error: Blob = .none
    package var progress: Blob = .none
    package var log: Blob = .none
    /// Jobs to commit with the result.
    package var children: [Submission] = []

    package init(id: JobID, token: FencingToken, ending: AttemptEnding, runMicroseconds: UInt32) {
        self.id = id
        self.token = token
        self.ending = ending
        self.runMicroseconds = runMicroseconds
    }
}

extension BrokerState {
    /// A worker settles attempts; only the holder of the current lease can.
    ///
    /// A settlement that is on record already (its confirmation was lost, or the broker restarted) is confirmed again
    /// and changes nothing. All other late ones are refused: *gone* when the job is no more, else *superseded*.
    ///
    /// - Parameter number: Counts the settle messages of the session; the confirmation names it.
    /// - Returns: What has to be known first; then nothing has happened.
    package mutating func settle(
        _ settlements: [Settlement], number: UInt64, session: SessionID, facts: ColdFacts, at now: Moment,
        into effects: inout Effects
    ) -> Needs {
        guard let worker = workers.slot(of: session) else { preconditionFailure("settle from an unknown session") }
        var slots: [Int32] = []
        let needs = needsToSettle(settlements, by: worker, facts: facts, slots: &slots)
        guard needs.isEmpty else { return needs }

        heard(worker, at: now)
        var born: [JobID: Submission] = [:]  // for lookup only
        for (index, settlement) in settlements.enumerated() {
            let slot = slots[index]
            if slot >= 0 {
                // Looked up before; a message that settles one lease twice is confirmed, and the first counts.
                guard holds(slot, settlement.id, settlement.token) else { continue }
                settle(settlement, slot, born: &born, at: now, into: &effects)
            } else if let reason = refusal(of: settlement, facts: facts) {
                workers[worker].refused.append(RefusedSettlement(number: number, index: index, reason: reason))
            }
        }
        workers[worker].settled = max(workers[worker].settled, number)
        if !workers[worker].settledChanged {
            workers[worker].settledChanged = true
            settledFor.append(worker)
        }
        return .nothing
    }

    /// The slot of a job that is leased under just this token.
    package func leased(_ id: JobID, under token: FencingToken) -> Int32? {
        guard let slot = jobs.slot(of: id), jobs[slot].place == .leased, jobs[slot].lease.token == token else {
            return nil
        }
        return slot
    }

    /// Whether the lease that this grant began still stands. Costs no lookup.
    package func stillLeased(_ job: AssignedJob) -> Bool { jobs.isLive(job.slot, stamp: job.stamp) }

    /// Whether the token holds the lease of the job, and was granted to this worker if one is named.
    package func isLeased(_ id: JobID, under token: FencingToken, by worker: Int32? = nil) -> Bool {
        leased(id, under: token).map { worker == nil || jobs[$0].lease.worker == worker } ?? false
    }

    /// The payload on disk is not what was enqueued: the job is dead, and nothing is wiped.
    package mutating func corrupt(_ lease: LeaseReference, into effects: inout Effects) {
        guard let slot = leased(lease.id, under: lease.token) else { return }
        endLease(
            slot, AttemptEnding(.corrupt, counts: false), startedAt: .none, at: lastTurn, into: &effects)
    }

    /// Keeps a state for the next attempt, if the lease stands.
    package mutating func checkpoint(
        _ lease: LeaseReference, _ state: Blob, number: UInt64, session: SessionID, into effects: inout Effects
    ) {
        let worker = workers.slot(of: session)
        let slot = leased(lease.id, under: lease.token).flatMap { jobs[$0].lease.worker == worker ? $0 : nil }
        if let slot { effects.rows.append(.checkpoint(serial: jobs[slot].row.serial, state)) }
        effects.actions.append(.checkpointSaved(session, number: number, refused: slot == nil))
    }

    private func holds(_ slot: Int32, _ id: JobID, _ token: FencingToken) -> Bool {
        jobs[slot].place == .leased && jobs[slot].lease.token == token && jobs[slot].row.id == id
    }

    /// - Parameter slots: Receives the slot of each job that this worker has leased, -1 for the others.
    private func needsToSettle(
        _ settlements: [Settlement], by worker: Int32, facts: ColdFacts, slots: inout [Int32]
    ) -> Needs {
        var needs = Needs()
        slots.reserveCapacity(settlements.count)
        for settlement in settlements {
            if let slot = leased(settlement.id, under: settlement.token), jobs[slot].lease.worker == worker {
                slots.append(slot)
                continue
            }
            slots.append(-1)
            let reference = LeaseReference(id: settlement.id, token: settlement.token)
            if facts.outcomes[reference] == nil { needs.outcomes.append(reference) }
            if jobs.slot(of: settlement.id) == nil, facts.rows[settlement.id] == nil {
                needs.rows.append(settlement.id)
            }
        }
        return needs
    }

    /// Nil: it is on record and is confirmed again. An attempt that is on record with another outcome (it expired, or
    /// was revoked) was ended by the broker, and what its worker says of it now comes too late.
    private func refusal(of settlement: Settlement, facts: ColdFacts) -> SettleRefusal? {
        let reference = LeaseReference(id: settlement.id, token: settlement.token)
        if case .some(.some(settlement.ending.outcome)) = facts.outcomes[reference] { return nil }
        if jobs.slot(of: settlement.id) != nil { return .superseded }
        if case .some(.some) = facts.rows[settlement.id] { return .superseded }
        return .gone
    }

    /// - Parameter born: The children of earlier settlements of the same message, of which the caller could not know
    ///   when it looked up the ids: two attempts may enqueue one and the same job.
    private mutating func settle(
        _ settlement: Settlement, _ slot: Int32, born: inout [JobID: Submission], at now: Moment,
        into effects: inout Effects
    ) {
        let conflicts = settlement.children.contains { child in
            born[child.id].map { $0.type != child.type || $0.digest != child.digest } ?? false
        }
        let ending =
            conflicts && settlement.ending.outcome == .completed
            ? AttemptEnding(.failed, counts: true, isPermanent: true) : settlement.ending
        let type = jobs[slot].row.type
        let startedAt = now.wall + .microseconds(-Int64(settlement.runMicroseconds))
        if ending.outcome == .completed {
            lines.measured(type, microseconds: settlement.runMicroseconds)
        }
        let next = endLease(
            slot, ending, startedAt: settlement.runMicroseconds == 0 ? .none : startedAt, at: now,
            blobs: settlement, into: &effects)
        // Children are committed with a completion, or not at all.
        guard next.state == .completed else { return }
        for child in settlement.children where child.known == .new {
            guard born.updateValue(child, forKey: child.id) == nil else { continue }
            insert(child, at: now, into: &effects)
        }
    }

    /// Ends a lease: the job goes where the ending sends it, the worker gets its room back, the grant loses an entry.
    ///
    /// - Parameter startedAt: When the attempt began; none if unknown or never.
    @discardableResult
    mutating func endLease(
        _ slot: Int32, _ ending: AttemptEnding, startedAt: WallTime, at now: Moment, blobs: Settlement? = nil,
        into effects: inout Effects
    ) -> JobRow {
        precondition(jobs[slot].place == .leased)
        let lease = jobs[slot].lease
        let before = jobs[slot].row
        var row = before.after(ending, policy: lines[before.type].policy, at: now.wall, random: &random)

        releaseLease(slot)
        jobs.remove(slot)
        let leavesTrace = row.state != .ready
        if leavesTrace {
            coldRowLeft(before)
            row.plan = row.isBackoff && row.state == .scheduled ? currentPlan : 0
            row.token = lease.token
            row.worker = workers[lease.worker].row.number
            row.startedAt = startedAt == .none ? lease.grantedAt : startedAt
            var write = JobWrite(row.state.isFinal ? .finish : .retire, row)
            write.attemptNumber = lease.attempt
            if let blobs {
                write.result = row.state == .completed ? blobs.result : .none
                write.error = blobs.error
                write.progress = blobs.progress
                write.log = blobs.log
            }
            effects.jobs.append(write)
            lines.move(row, from: .ready, to: row.state)
        } else {
            row.outcome = before.outcome
            precondition(row == before, "a lease that leaves no trace must not change its row")
        }
        endGrant(lease, leavesTrace: leavesTrace, into: &effects)
        place(row)
        wantsDispatch = true
        return row
    }

    /// The worker's side of a lease that ends.
    private mutating func releaseLease(_ slot: Int32) {
        let lease = jobs[slot].lease
        let type = jobs[slot].row.type
        unlinkLease(slot)
        workers[lease.worker].leases -= 1
        workers[lease.worker].microseconds -= Int64(lease.microseconds)
        workers[lease.worker].payloadBytes -= Int64(jobs[slot].row.payloadBytes)
        lines[type].counts.leased -= 1
        precondition(workers[lease.worker].leases >= 0 && workers[lease.worker].microseconds >= 0)
        appetiteChanged(lease.worker)
    }

    private mutating func endGrant(_ lease: JobTable.Lease, leavesTrace: Bool, into effects: inout Effects) {
        let grant = grants[lease.grant]
        if let first = grants.ended(lease.grant) {
            effects.rows.append(.grantEnded(first))
            return
        }
        guard !leavesTrace else { return }
        // Rewritten without the entry, or a restart would find the lease again.
        var entries: [GrantRow.Entry] = []
        for member in grant.members {
            let entry = jobs[member]
            guard entry.place == .leased, entry.lease.grant == lease.grant else { continue }
            let offset = UInt32(entry.lease.token.sequence - grant.first.sequence)
            guard entry.lease.token.epoch == grant.first.epoch else { continue }
            entries.append(
                GrantRow.Entry(serial: entry.row.serial, offset: offset, attempt: entry.lease.attempt))
        }
        effects.rows.append(
            .grant(
                GrantRow(
                    first: grant.first, worker: workers[grant.worker].row.number, slots: grant.slots,
                    grantedAt: grant.grantedAt, entries: entries)))
    }

    /// Confirms what was settled in this turn: one answer per worker, or a few when so much is refused that one would
    /// not fit a message. Each confirms whole messages of the worker, so that none is taken for accepted too early.
    package mutating func confirmSettlements(into effects: inout Effects) {
        for worker in settledFor {
            guard let session = workers[worker].session else { continue }
            var rest = workers[worker].refused[...]
            while rest.count > Limits.settleRefusalsMax {
                let cut = rest[rest.startIndex + Limits.settleRefusalsMax].number
                var part = rest.prefix { $0.number < cut }
                // Numbers rise. Of a worker whose numbers do not, only the size of the answer matters.
                if part.isEmpty { part = rest.prefix(Limits.settleRefusalsMax) }
                effects.actions.append(.settled(session, upTo: part.last?.number ?? 0, refused: Array(part)))
                rest = rest[part.endIndex...]
            }
            effects.actions.append(.settled(session, upTo: workers[worker].settled, refused: Array(rest)))
            workers[worker].settledChanged = false
            workers[worker].refused.removeAll()
        }
        settledFor.removeAll(keepingCapacity: true)
    }
}
