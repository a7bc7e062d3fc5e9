/// Where one job stands.
///
///     enqueue ──► waiting ──free──► ready ──grant──► leased ──complete──► completed
///        │                          ▲ ▲               │ │ │
///        └──► scheduled ────due─────┘ └───released────┘ │ ├─ cancelled meanwhile ──► cancelled
///                ▲                                      │ │
///                └── failed, errored, timed out, ───────┘ └─ no attempt left, ──► dead ──replay──► ready
///                    crashed, expired, snoozed               or permanent
///
/// A row never says `leased`: whether a ready job is leased is known from the grants alone, so that a
/// grant does not touch the rows of its jobs (``GrantTable``). Readers see the state with leases applied.
public enum JobState: UInt8, CaseIterable, Sendable {
    case waiting = 1
    case scheduled = 2
    case ready = 3
    case leased = 4
    case completed = 5
    case dead = 6
    case cancelled = 7

    /// Whether the job is over: nothing but a replay (of a dead job) moves it any more.
    public var isFinal: Bool {
        switch self {
        case .completed, .dead, .cancelled: true
        case .waiting, .scheduled, .ready, .leased: false
        }
    }

    public var name: String {
        switch self {
        case .waiting: "waiting"
        case .scheduled: "scheduled"
        case .ready: "ready"
        case .leased: "leased"
        case .completed: "completed"
        case .dead: "dead"
        case .cancelled: "cancelled"
        }
    }

    public init?(name: String) {
        guard let state = JobState.allCases.first(where: { $0.name == name }) else { return nil }
        self = state
    }
}

/// How an attempt ended, as its history says. *Failed* is reported by the handler, *errored* is an exception it did
/// not mean to throw; *timed out* passed its own limit, *expired* means that the worker fell silent, *crashed* that
/// the process which ran the handler was ended by a signal.
public enum Outcome: UInt8, CaseIterable, Sendable {
    case none = 0
    case completed = 1
    case failed = 2
    case errored = 3
    case timedOut = 4
    case expired = 5
    case crashed = 6
    case cancelled = 7
    case snoozed = 8
    case released = 9
    /// The payload on disk no longer has the digest it was enqueued with; the job never reached a handler.
    case corrupt = 10

    public var name: String {
        switch self {
        case .none: "none"
        case .completed: "completed"
        case .failed: "failed"
        case .errored: "errored"
        case .timedOut: "timed_out"
        case .expired: "expired"
        case .crashed: "crashed"
        case .cancelled: "cancelled"
        case .snoozed: "snoozed"
        case .released: "released"
        case .corrupt: "corrupt"
        }
    }
}
