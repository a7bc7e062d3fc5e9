import Metrics
import StintCore
import StintStore

/// What a broker measures, through swift-metrics: whatever backend the process has bootstrapped gets it.
///
/// Counted per commit, not per job, and with handles made once, so that a broker without a backend pays next to nothing.
/// No label ever holds an id or a name that a client chose.
final class BrokerMetrics: Sendable {
    private let enqueued = Counter(label: "stint_jobs_enqueued_total")
    private let finished: [JobState: Counter]
    private let retried = Counter(label: "stint_jobs_retried_total")
    private let commitDuration = Timer(label: "stint_store_commit_seconds")
    private let batchSize = Recorder(label: "stint_store_batch_jobs")

    init() {
        finished = Dictionary(
            uniqueKeysWithValues: JobState.allCases.filter(\.isFinal).map {
                ($0, Counter(label: "stint_jobs_finished_total", dimensions: [("state", $0.name)]))
            })
    }

    func committed(_ batch: borrowing Batch, in duration: Duration) {
        var inserts = 0
        var retries = 0
        var ends: [JobState: Int] = [:]
        for write in batch.jobs {
            switch write.kind {
            case .insert: inserts += 1
            case .retire: retries += 1
            case .finish: ends[write.row.state, default: 0] += 1
            case .update: if write.row.state == .cancelled { ends[.cancelled, default: 0] += 1 }
            case .replay, .delete: break
            }
        }
        if inserts > 0 { enqueued.increment(by: inserts) }
        if retries > 0 { retried.increment(by: retries) }
        for (state, count) in ends { finished[state]?.increment(by: count) }
        commitDuration.recordNanoseconds(duration.inNanoseconds)
        batchSize.record(batch.jobs.count)
    }
}

/// Refusals by the limit they broke. Owned by the loop.
final class RefusalMetrics {
    private let counters = LimitName.allCases.map {
        Counter(label: "stint_refusals_total", dimensions: [("limit", $0.name)])
    }
    private var told = LimitCounts()

    func refused(_ counts: LimitCounts) {
        guard counts.total != told.total else { return }
        for limit in LimitName.allCases where counts[limit] > told[limit] {
            counters[limit.rawValue].increment(by: counts[limit] - told[limit])
        }
        told = counts
    }
}
