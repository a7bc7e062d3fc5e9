/// What a cancel did.
package enum CancelResult: Hashable, Sendable {
    /// It will not run.
    case cancelled
    /// It runs; its handler is told, and has its grace to stop.
    case requested
    /// It was over before.
    case alreadyFinal(JobState)
    case notFound
}

extension BrokerState {
    /// Keeps a job from running (again). One that is leased is asked for: until its lease ends the holder's answer
    /// stands, so a completion that comes in time completes it.
    package mutating func cancel(
        _ id: JobID, facts: ColdFacts, at now: Moment, into effects: inout Effects
    ) -> (result: CancelResult, needs: Needs) {
        if let slot = jobs.slot(of: id) {
            return (cancelInMemory(slot, at: now, into: &effects), .nothing)
        }
        guard let fact = facts.rows[id] else {
            var needs = Needs()
            needs.rows.append(id)
            return (.notFound, needs)
        }
        guard var row = fact else { return (.notFound, .nothing) }
        switch row.state {
        case .completed, .dead, .cancelled: return (.alreadyFinal(row.state), .nothing)
        case .leased: preconditionFailure("rows are never leased")
        case .waiting, .scheduled, .ready:
            coldRowLeft(row)
            cancel(&row, at: now, into: &effects)
            return (.cancelled, .nothing)
        }
    }

    private mutating func cancelInMemory(_ slot: Int32, at now: Moment, into effects: inout Effects) -> CancelResult {
        var row = jobs[slot].row
        switch jobs[slot].place {
        case .ready, .scheduled:
            leaveWindow(slot)
            cancel(&row, at: now, into: &effects)
            return .cancelled
        case .leased:
            guard !row.cancelRequested else { return .requested }
            row.cancelRequested = true
            jobs[slot].row = row
            jobs[slot].lease.cancelledAt = now.instant
            effects.jobs.append(JobWrite(.update, row))
            let worker = jobs[slot].lease.worker
            if let session = workers[worker].session {
                effects.actions.append(
                    .cancel(session, LeaseReference(id: row.id, token: jobs[slot].lease.token)))
            }
            return .requested
        case .free: preconditionFailure("a free slot has no job")
        }
    }

    private mutating func cancel(_ row: inout JobRow, at now: Moment, into effects: inout Effects) {
        precondition(!row.state.isFinal)
        let before = row.state
        row.state = .cancelled
        row.finishedAt = now.wall
        effects.jobs.append(JobWrite(.update, row))
        lines.move(row, from: before, to: .cancelled)
    }
}
