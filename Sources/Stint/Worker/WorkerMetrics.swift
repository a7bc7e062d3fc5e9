import Metrics
import StintCore
import Synchronization

/// What a worker measures, through swift-metrics: attempts by type and outcome, and how long they ran.
final class WorkerMetrics: Sendable {
    private struct Handles {
        var duration: Timer
        var ends: [String: Counter]
    }
    private let handles: [String: Handles]
    private static let outcomes = [
        "completed", "failed", "errored", "timed_out", "cancelled", "snoozed", "released", "crashed",
    ]

    init(types: [String]) {
        var handles: [String: Handles] = [:]
        for type in types {
            handles[type] = Handles(
                duration: Timer(label: "stint_job_duration_seconds", dimensions: [("type", type)]),
                ends: Dictionary(
                    uniqueKeysWithValues: Self.outcomes.map {
                        ($0, Counter(label: "stint_attempts_total", dimensions: [("type", type), ("outcome", $0)]))
                    }))
        }
        self.handles = handles
    }

    func ended(_ item: RunQueue.Finished) {
        guard let handles = handles[item.run.attempt.type] else { return }
        handles.ends[item.end.name]?.increment()
        if item.microseconds > 0 { handles.duration.recordMicroseconds(Int64(item.microseconds)) }
    }
}

extension AttemptEnd {
    var name: String {
        switch self {
        case .completed: "completed"
        case .failed: "failed"
        case .errored: "errored"
        case .timedOut: "timed_out"
        case .cancelled: "cancelled"
        case .snoozed: "snoozed"
        case .released: "released"
        case .crashed: "crashed"
        }
    }
}
