import DequeModule
import StintCore

/// How far the running jobs are, as their workers say. In memory only, so that a report costs no write: the last one is
/// stored with the end of its attempt.
///
/// Whoever watches a job is told at once when it has been quiet, and then once an interval: reports in between replace
/// each other. The bytes of all jobs are bounded; the oldest go first.
struct ProgressReports {
    private struct Report {
        var token: FencingToken
        var bytes: Bytes
        var toldAt: Instant?
        var isPending = false
        /// Tells the newest entry in `order` from older ones.
        var stamp: UInt64
    }
    private let interval: Duration
    private let bytesMax: Int
    private var reports: [JobID: Report] = [:]  // for lookup only
    private var order: Deque<(id: JobID, stamp: UInt64)> = []
    private var pending: Deque<(id: JobID, due: Instant)> = []
    private var bytes = 0
    private var stamps: UInt64 = 0

    init(interval: Duration = Limits.progressInterval, bytesMax: Int = Limits.progressHeldBytesMax) {
        self.interval = interval
        self.bytesMax = bytesMax
    }

    var isEmpty: Bool { reports.isEmpty }

    subscript(id: JobID) -> (token: FencingToken, bytes: Bytes)? { reports[id].map { ($0.token, $0.bytes) } }

    enum Verdict: Hashable {
        case tellNow
        /// Told later, or replaced by then.
        case coalesced
    }

    /// Takes a report of the lease that holds the job. `dropped` counts those of others that had to go for it.
    mutating func add(
        _ id: JobID, _ token: FencingToken, _ bytes: Bytes, at now: Instant, dropped: inout Int
    ) -> Verdict {
        stamps += 1
        let former = reports[id]
        self.bytes += bytes.count - (former?.bytes.count ?? 0)
        var report = Report(token: token, bytes: bytes, toldAt: former?.toldAt, stamp: stamps)
        report.isPending = former?.isPending ?? false
        let isQuiet = !report.isPending && (report.toldAt.map { now >= $0 + interval } ?? true)
        if isQuiet {
            report.toldAt = now
        } else if !report.isPending, let toldAt = report.toldAt {
            report.isPending = true
            pending.append((id, toldAt + interval))
        }
        reports[id] = report
        order.append((id, stamps))
        makeRoom(&dropped)
        return isQuiet ? .tellNow : .coalesced
    }

    private mutating func makeRoom(_ dropped: inout Int) {
        while bytes > bytesMax, let oldest = order.popFirst() {
            guard reports[oldest.id]?.stamp == oldest.stamp else { continue }
            remove(oldest.id)
            dropped += 1
        }
        // Entries of reports that were replaced are as many again at most.
        guard order.count > 64 + 2 * reports.count else { return }
        order = Deque(order.filter { reports[$0.id]?.stamp == $0.stamp })
    }

    /// Takes the next report that is due to be told.
    mutating func next(at now: Instant) -> (id: JobID, bytes: Bytes)? {
        while let first = pending.first, first.due <= now {
            pending.removeFirst()
            guard let report = reports[first.id], report.isPending else { continue }
            reports[first.id]?.isPending = false
            reports[first.id]?.toldAt = now
            return (first.id, report.bytes)
        }
        return nil
    }

    /// When the next one is due.
    var wake: Instant? { pending.first?.due }

    mutating func remove(_ id: JobID) {
        if let report = reports.removeValue(forKey: id) { bytes -= report.bytes.count }
    }
}
