import StintCore
import Testing

/// The table of what becomes of a job: every outcome, with and without a requested cancel, on the last attempt and
/// before it.
@Suite("JobRow.after") struct AttemptEndingTests {
    private let now = WallTime(milliseconds: 1_700_000_000_000)

    private func row(attempt: UInt16, of attemptsMax: UInt16 = 3, cancelRequested: Bool = false) -> JobRow {
        var row = JobRow(
            id: JobID(high: 1, low: 1), serial: 1, type: TypeIndex(0), state: .ready, priority: 5, rank: 7,
            runAt: WallTime(milliseconds: 1), createdAt: WallTime(milliseconds: 1), attemptsMax: attemptsMax,
            payloadBytes: 0, digest: 0)
        row.attempt = attempt
        row.cancelRequested = cancelRequested
        return row
    }

    private func after(_ row: JobRow, _ ending: AttemptEnding) -> JobRow {
        var random = SeededRandom(seed: 1)
        return row.after(ending, policy: Policy(), at: now, random: &random)
    }

    struct Rule: Sendable, CustomTestStringConvertible {
        var outcome: Outcome
        var counts: Bool
        var usual: JobState
        var last: JobState
        var cancelled: JobState
        var testDescription: String { outcome.name }
    }
    static let rules = [
        Rule(outcome: .completed, counts: true, usual: .completed, last: .completed, cancelled: .completed),
        Rule(outcome: .failed, counts: true, usual: .scheduled, last: .dead, cancelled: .cancelled),
        Rule(outcome: .errored, counts: true, usual: .scheduled, last: .dead, cancelled: .cancelled),
        Rule(outcome: .timedOut, counts: true, usual: .scheduled, last: .dead, cancelled: .cancelled),
        Rule(outcome: .expired, counts: true, usual: .scheduled, last: .dead, cancelled: .cancelled),
        Rule(outcome: .crashed, counts: true, usual: .scheduled, last: .dead, cancelled: .cancelled),
        Rule(outcome: .cancelled, counts: false, usual: .ready, last: .ready, cancelled: .cancelled),
        Rule(outcome: .snoozed, counts: false, usual: .scheduled, last: .scheduled, cancelled: .cancelled),
        Rule(outcome: .released, counts: false, usual: .ready, last: .ready, cancelled: .cancelled),
        Rule(outcome: .corrupt, counts: false, usual: .dead, last: .dead, cancelled: .dead),
    ]

    @Test("the table has a rule for every outcome of an attempt")
    func tableIsWhole() {
        #expect(Set(Self.rules.map(\.outcome)).union([.none]) == Set(Outcome.allCases))
    }

    @Test("each outcome sends the job where the table says", arguments: rules)
    func table(_ rule: Rule) {
        let ending = AttemptEnding(rule.outcome, counts: rule.counts)
        for (attempt, cancelRequested, expected) in [
            (UInt16(0), false, rule.usual), (1, false, rule.usual), (2, false, rule.last),
            (0, true, rule.cancelled), (2, true, rule.cancelled),
        ] {
            let before = row(attempt: attempt, cancelRequested: cancelRequested)
            let next = after(before, ending)
            #expect(next.state == expected)
            #expect(next.outcome == rule.outcome)
            #expect(next.attempt == attempt + (rule.counts ? 1 : 0))
            #expect(next.finishedAt == (expected == .ready ? .none : now))
            #expect(next.rank == before.rank, "a released job keeps its place")
            #expect(next.crashes == (rule.outcome == .expired || rule.outcome == .crashed ? 1 : 0))
        }
    }

    @Test("a permanent failure is dead at the first attempt, and a cancel asked for still wins")
    func permanent() {
        for outcome in [Outcome.failed, .errored, .crashed] {
            let ending = AttemptEnding(outcome, counts: true, isPermanent: true)
            #expect(after(row(attempt: 0), ending).state == .dead)
            #expect(after(row(attempt: 0, cancelRequested: true), ending).state == .cancelled)
        }
    }

    @Test("a wish of the handler replaces the backoff; a snooze waits as long as it says")
    func waits() {
        let wish = after(row(attempt: 0), AttemptEnding(.failed, counts: true, retryAfter: .seconds(77)))
        #expect(wish.runAt == now + .seconds(77) && !wish.isBackoff)
        let snooze = after(row(attempt: 0), AttemptEnding(.snoozed, counts: false, retryAfter: .seconds(5)))
        #expect(snooze.runAt == now + .seconds(5) && !snooze.isBackoff)
        #expect(after(row(attempt: 0), AttemptEnding(.snoozed, counts: false)).runAt == now)
        for attempt: UInt16 in 0..<2 {
            let backoff = after(row(attempt: attempt), AttemptEnding(.failed, counts: true))
            let ceiling = Policy().backoff.ceiling(beforeRetry: Int(attempt) + 1)
            #expect(backoff.isBackoff && backoff.runAt >= now && backoff.runAt <= now + ceiling)
        }
    }

    @Test("an expiry that does not count leaves the number of crashes alone")
    func uncountedExpiry() {
        let next = after(row(attempt: 2), AttemptEnding(.expired, counts: false))
        #expect(next.attempt == 2 && next.crashes == 0 && next.state == .scheduled)
    }

    @Test("a job with one attempt has no retry")
    func oneAttempt() {
        #expect(after(row(attempt: 0, of: 1), AttemptEnding(.failed, counts: true)).state == .dead)
    }
}
