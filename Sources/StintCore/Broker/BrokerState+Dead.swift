/// What may be done with a dead job.
package enum DeadVerb: Hashable, Sendable {
    /// Back into its line: same id, fresh attempts, history kept.
    case replay
    /// Removed for good, with its history.
    case discard
}

extension BrokerState {
    /// Replays or discards dead jobs by id, all of them or, if one is not dead, none.
    ///
    /// - Parameter ids: 1…1 000; a repeated id counts once.
    package mutating func handleDead(
        _ verb: DeadVerb, _ ids: [JobID], dryRun: Bool, facts: ColdFacts, at now: Moment, into effects: inout Effects
    ) -> (result: Result<Int, Refusal>, needs: Needs) {
        precondition(ids.count <= Limits.listMax)
        var needs = Needs()
        var rows: [JobRow] = []
        var seen: Set<JobID> = []  // for lookup only
        for id in ids where seen.insert(id).inserted {
            if jobs.slot(of: id) != nil { return (.failure(Self.notDead(id, nil)), .nothing) }
            switch facts.rows[id] {
            case .none: needs.rows.append(id)
            case .some(.none):
                return (.failure(Refusal(.notFound, "there is no job \(id)")), .nothing)
            case .some(.some(let row)):
                guard row.state == .dead else { return (.failure(Self.notDead(id, row.state)), .nothing) }
                rows.append(row)
            }
        }
        guard needs.isEmpty else { return (.success(0), needs) }
        if !dryRun { for row in rows { handleDead(verb, row, at: now, into: &effects) } }
        return (.success(rows.count), .nothing)
    }

    private static func notDead(_ id: JobID, _ state: JobState?) -> Refusal {
        let state = state.map { "is \($0.name)" } ?? "is on its way"
        return Refusal(.wrongState, "job \(id) \(state), not dead; only dead jobs can be replayed or discarded")
    }

    mutating func handleDead(_ verb: DeadVerb, _ dead: JobRow, at now: Moment, into effects: inout Effects) {
        precondition(dead.state == .dead && jobs.slot(of: dead.id) == nil)
        switch verb {
        case .replay:
            var row = dead
            row.attempt = 0
            row.crashes = 0
            row.cancelRequested = false
            row.finishedAt = .none
            row.outcome = .none
            row.runAt = now.wall
            makeReady(&row)
            effects.jobs.append(JobWrite(.replay, row))
            lines.move(row, from: .dead, to: .ready)
            enterLine(row)
        case .discard:
            effects.jobs.append(JobWrite(.delete, dead))
            lines.move(dead, from: .dead, to: nil)
        }
    }
}
