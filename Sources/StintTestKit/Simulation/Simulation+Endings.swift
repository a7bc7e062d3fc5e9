import StintCore
import StintStore
import StintWire

// Every row that is decided, against what was asked for: what clients wished of a job that is born, and what workers
// said of an attempt that ended.

extension Simulation {
    /// Called for every batch that is durable, after the auditor.
    func judgeRows(of batch: Batch) {
        for write in batch.jobs {
            switch write.kind {
            case .insert: isAsWished(write.row)
            case .finish, .retire: isAsSaid(write.row)
            case .update:
                if write.row.cancelRequested, !write.row.state.isFinal {
                    ledger.cancelDecided(write.row.id, after: broker.begunAt)
                }
            case .replay, .delete: break
            }
        }
        for ending in auditor.givenBack { attemptIsGivenBack(ending) }
        for ending in auditor.blamed { attemptIsBlamed(ending) }
    }

    private func isAsWished(_ row: JobRow) {
        guard let job = ledger[row.id], !job.mayBeRemoved, let wish = job.wish else { return }
        expect(row.priority == wish.priority, "\(row.id) is to have priority \(wish.priority) and has \(row.priority)")
        let attempts = wish.attempts > 0 ? wish.attempts : settings.policy.attempts
        expect(Int(row.attemptsMax) == attempts, "\(row.id) is to have \(attempts) attempts and has \(row.attemptsMax)")
        let due =
            switch wish.start {
            case .atOnce: row.createdAt
            case .at(let time): max(time, row.createdAt)
            case .after(let wait): row.createdAt + wait
            }
        expect(
            row.runAt == due && (row.state == .ready) == (due <= row.createdAt),
            "\(row.id) is \(row.state.name) for \(row.runAt - due) after the time that was wished for")
    }

    /// A permanent failure is not tried again, a wait that a handler asked for is kept, and a backoff is no longer than the
    /// policy allows.
    private func isAsSaid(_ row: JobRow) {
        guard row.state == .scheduled else { return }
        let wait = row.runAt - row.finishedAt
        let said = ledger[LeaseReference(id: row.id, token: row.token)]?.said
        // The broker ends attempts by their timeout as well.
        if let said, said.outcome == row.outcome, row.outcome != .timedOut {
            expect(!said.isPermanent, "\(row.id) failed for good and is tried again")
            if let asked = said.retryAfter {
                expect(
                    wait == asked && !row.isBackoff, "\(row.id) is to be tried again after \(asked), and waits \(wait)")
                return
            }
        }
        guard row.isBackoff else { return }
        var most = settings.policy.backoff.first
        for _ in 1..<max(1, Int(row.attempt)) { most = min(settings.policy.backoff.most, most * 3) }
        most = min(settings.policy.backoff.most, most)
        expect(wait >= .zero && wait <= most, "\(row.id) waits \(wait) after attempt \(row.attempt), over \(most)")
    }

    // MARK: Attempts that end without a word

    /// What ran when its worker fell silent counts, if it was among the oldest that fill the slots.
    private func attemptIsGivenBack(_ ending: Auditor.SilentEnding) {
        guard let (worker, _) = holder(of: ending.lease), worker.began(ending.lease) != nil else { return }
        expect(
            ending.place >= ending.slots,
            """
            \(ending.lease.id) ran at \(worker.name), as number \(ending.place + 1) of what fills \(ending.slots) slots, and \
            the attempt is not counted
            """)
    }

    /// What was only sent ahead, or never left, does not count.
    private func attemptIsBlamed(_ ending: Auditor.SilentEnding) {
        guard let job = ledger[ending.lease.id] else { return }
        // What another process sent is not known.
        expect(
            job.assigned >= ending.lease.token || ending.lease.token.epoch < broker.turn.state.numbers.epoch,
            "\(ending.lease.id) never left under \(ending.lease.token), and counts")
        guard let (worker, _) = holder(of: ending.lease) else { return }
        expect(
            ending.place < ending.slots || worker.begun.contains(ending.lease),
            """
            \(ending.lease.id) waited at \(worker.name), as number \(ending.place + 1) for \(ending.slots) slots, and is \
            blamed for its silence
            """)
    }

    /// The worker that holds a lease as far as it knows, if it is honest.
    private func holder(of lease: LeaseReference) -> (WorkerProcess, Ledger.Job)? {
        guard let job = ledger[lease.id], job.assigned == lease.token, job.worker >= 0 else { return nil }
        let worker = workers[job.worker]
        return worker.holds(lease) && !worker.hasLied ? (worker, job) : nil
    }

    // MARK: Cancels

    /// The broker took a cancelled attempt away: only after its grace.
    func cancelIsEnforced(_ lease: LeaseReference) {
        guard let (worker, job) = holder(of: lease), worker.isAlive, let since = job.cancelDecidedAfter else { return }
        expect(
            broker.handedOutAt >= since + settings.policy.grace,
            "\(lease.id) is taken from \(worker.name) \(broker.handedOutAt - since) after the cancel, before its grace is over"
        )
    }
}
