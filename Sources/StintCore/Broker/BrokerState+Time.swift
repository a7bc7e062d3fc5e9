extension BrokerState {
    /// A turn begins, or goes on: the clocks were read. Call it before the first event of a turn, so that whatever is
    /// planned in it is planned on a clock whose steps are known.
    package mutating func clocksRead(_ now: Moment, into effects: inout Effects) {
        guard now != lastTurn else { return }
        precondition(now.instant >= lastTurn.instant, "time does not go back")
        // A broker that was not listening (stopped, or stuck in a commit) cannot say that others were silent.
        if now.instant - lastTurn.instant > settings.heartbeat { amnesty = now.instant }
        watchWallClock(from: lastTurn, to: now, into: &effects)
        lastTurn = now
    }

    /// The broker does not read what workers say, because too much waits for its disk: their silence means nothing, and
    /// every lease has a full fresh period once it listens again.
    package mutating func isDeaf() { amnesty = lastTurn.instant }

    /// All the work of time: what is due becomes ready, who was silent loses his leases, operations take a step.
    /// Returns when it wants to be called again at the latest.
    ///
    /// Call it after the turn's inbound messages were applied: nothing expires while a sign of life lies unread.
    package mutating func tick(at now: Moment, into effects: inout Effects) -> Instant {
        clocksRead(now, into: &effects)
        makeDueJobsReady(at: now, into: &effects)
        judgeSilence(at: now, into: &effects)
        return nextWake(at: now)
    }

    private mutating func makeDueJobsReady(at now: Moment, into effects: inout Effects) {
        for _ in 0..<settings.bounds.dueJobsPerTurn {
            guard let first = schedule.first(jobs), first.key.runAt <= now.wall else { return }
            var row = jobs[first.slot].row
            // Not really due: the clock was moved, and this is a backoff that is still to be planned again.
            if replan(row, into: &effects) { continue }
            leaveWindow(first.slot)
            row.isBackoff = false
            makeReady(&row)
            effects.jobs.append(JobWrite(.update, row))
            lines.move(row, from: .scheduled, to: .ready)
            enterLine(row)
        }
    }

    private mutating func nextWake(at now: Moment) -> Instant {
        // Often enough that a longer gap between turns shows a broker that was not listening, and not one that slept.
        var wake = min(nextJudgement, now.instant + settings.heartbeat / 2)
        if let first = schedule.first(jobs) {
            let wait = max(.zero, first.key.runAt - now.wall)
            wake = min(wake, now.instant + min(wait, .seconds(3600)))
        }
        return wake
    }
}
