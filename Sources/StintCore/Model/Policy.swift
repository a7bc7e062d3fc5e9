/// What a type's jobs are allowed: how often, how long, how long between. One per type, from the
/// `jobs` section of `cluster.json`; a job may bring its own number of attempts.
public struct Policy: Hashable, Sendable {
    /// Attempts before the job is dead, 1…1 000. 1 means no retry.
    public var attempts: Int
    public var backoff: Backoff
    /// How long one attempt may run, 1 ms…30 days. The worker cancels the handler then.
    public var timeout: Duration
    /// How long a handler that was cancelled or timed out may take to stop before its lease is revoked.
    public var grace: Duration
    /// How long the line of the type may grow.
    public var line: LineBound

    public init(
        attempts: Int = 4, backoff: Backoff = Backoff(), timeout: Duration = .seconds(3600),
        grace: Duration = .seconds(10), line: LineBound = LineBound()
    ) {
        self.attempts = attempts
        self.backoff = backoff
        self.timeout = timeout
        self.grace = grace
        self.line = line
    }
}

/// How much of one type may wait or run at one time. What would go beyond is refused when it is enqueued, and may be sent
/// again later. Settling, retries, replays and children are never refused: they finish what was accepted.
public struct LineBound: Hashable, Sendable {
    /// Jobs that have not ended; nil: as many as the disk takes.
    public var jobs: Int?
    /// Bytes of their payloads.
    public var bytes: Int?

    public init(jobs: Int? = nil, bytes: Int? = nil) {
        self.jobs = jobs
        self.bytes = bytes
    }
}

/// Exponential backoff with full jitter: before retry n (from 1) a job waits a random time between
/// zero and `min(most, first × factorⁿ⁻¹)`. Full jitter spreads a herd of failures best
/// (AWS Architecture Blog, "Exponential Backoff And Jitter").
public struct Backoff: Hashable, Sendable {
    public var first: Duration
    public var factor: Double
    public var most: Duration

    public init(first: Duration = .seconds(1), factor: Double = 2, most: Duration = .seconds(3600)) {
        self.first = first
        self.factor = factor
        self.most = most
    }

    /// The longest wait before this retry.
    ///
    /// - Parameter retry: 1 after the first failed attempt.
    package func ceiling(beforeRetry retry: Int) -> Duration {
        precondition(retry >= 1)
        let most = Double(self.most.inMilliseconds)
        var wait = Double(first.inMilliseconds)
        for _ in 1..<retry {
            let longer = wait * factor
            // At the most, or a factor of 1: no further retry changes it.
            guard wait < most, longer > wait else { break }
            wait = longer
        }
        return .milliseconds(Int64(min(wait, most)))
    }

    package func wait(beforeRetry retry: Int, random: inout SeededRandom) -> Duration {
        let ceiling = ceiling(beforeRetry: retry).inMilliseconds
        precondition(ceiling >= 0)
        return .milliseconds(Int64(random.next(upTo: UInt64(ceiling))))
    }
}
