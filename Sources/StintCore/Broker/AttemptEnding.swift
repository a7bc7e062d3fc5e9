/// How an attempt ended, as the rules see it.
package struct AttemptEnding: Hashable, Sendable {
    package var outcome: Outcome
    /// Whether it uses up an attempt.
    package var counts: Bool
    /// No retry.
    package var isPermanent = false
    /// Instead of the backoff; for a snooze: how long.
    package var retryAfter: Duration?

    package init(_ outcome: Outcome, counts: Bool, isPermanent: Bool = false, retryAfter: Duration? = nil) {
        self.outcome = outcome
        self.counts = counts
        self.isPermanent = isPermanent
        self.retryAfter = retryAfter
    }
}

/// Where a job goes when an attempt ends. Until its lease ends, the holder's answer stands: a job that completes
/// although it was cancelled is completed; in every other case a requested cancel is carried out.
///
///     completed ─────────────────────────────────────────────► completed
///     any other, cancel requested ───────────────────────────► cancelled
///     released, or the handler stopped for a withdrawn cancel ► ready, in its old place
///     snoozed ───────────────────────────────────────────────► scheduled
///     failed, errored, timed out, expired, crashed:
///         permanent, or it was the last attempt ─────────────► dead
///         otherwise ─────────────────────────────────────────► scheduled, after the backoff
///     corrupt ───────────────────────────────────────────────► dead
extension JobRow {
    /// The row after the attempt. `rank` of a ready row is left: a released job keeps its place.
    package func after(
        _ ending: AttemptEnding, policy: Policy, at now: WallTime, random: inout SeededRandom
    ) -> JobRow {
        precondition(state == .ready, "only a ready row can have been leased")
        precondition(attempt <= attemptsMax)
        var row = self
        row.outcome = ending.outcome
        if ending.counts { row.attempt += 1 }

        func finish(_ state: JobState) {
            row.state = state
            row.finishedAt = now
        }
        func schedule(after wait: Duration, isBackoff: Bool) {
            row.state = .scheduled
            row.finishedAt = now
            row.runAt = now + wait
            row.isBackoff = isBackoff
        }

        switch ending.outcome {
        case .completed:
            finish(.completed)
        case .released:
            if cancelRequested { finish(.cancelled) }
        case .cancelled:
            if cancelRequested { finish(.cancelled) }
        case .snoozed:
            if cancelRequested {
                finish(.cancelled)
            } else {
                schedule(after: ending.retryAfter ?? .zero, isBackoff: false)
            }
        case .failed, .errored, .timedOut, .expired, .crashed:
            if ending.outcome == .expired || ending.outcome == .crashed { row.crashes += ending.counts ? 1 : 0 }
            if cancelRequested {
                finish(.cancelled)
            } else if ending.isPermanent || row.attempt >= row.attemptsMax {
                finish(.dead)
            } else {
                let retry = max(1, Int(row.attempt))
                let wait = ending.retryAfter ?? policy.backoff.wait(beforeRetry: retry, random: &random)
                schedule(after: wait, isBackoff: ending.retryAfter == nil)
            }
        case .corrupt:
            finish(.dead)
        case .none:
            preconditionFailure("an attempt ends somehow")
        }
        return row
    }
}
