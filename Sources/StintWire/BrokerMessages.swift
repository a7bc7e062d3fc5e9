import Foundation
import StintCore

// What the broker says of the core's values.

extension Stint_V1_JobState {
    package init(_ state: JobState?) {
        switch state {
        case .none: self = .stateUnknown
        case .waiting: self = .waiting
        case .scheduled: self = .scheduled
        case .ready: self = .ready
        case .leased: self = .leased
        case .completed: self = .completed
        case .dead: self = .dead
        case .cancelled: self = .cancelled
        }
    }

    package var state: JobState? {
        switch self {
        case .stateUnknown, .UNRECOGNIZED: nil
        case .waiting: .waiting
        case .scheduled: .scheduled
        case .ready: .ready
        case .leased: .leased
        case .completed: .completed
        case .dead: .dead
        case .cancelled: .cancelled
        }
    }
}

extension Stint_V1_Refused {
    package init(_ refusal: Refusal, request: UInt64) {
        self.init()
        self.request = request
        message = refusal.message
        switch refusal.code {
        case .invalid: code = .invalid
        case .conflict: code = .conflict
        case .notFound: code = .notFound
        case .wrongState: code = .wrongState
        case .draining: code = .draining
        case .storeFull: code = .storeFull
        case .exhausted: code = .exhausted
        case .forbidden: code = .forbidden
        }
    }

    package var refusal: Refusal {
        let code: Refusal.Code =
            switch self.code {
            case .unknown, .invalid, .UNRECOGNIZED: .invalid
            case .conflict: .conflict
            case .notFound: .notFound
            case .wrongState: .wrongState
            case .draining: .draining
            case .storeFull: .storeFull
            case .exhausted: .exhausted
            case .forbidden: .forbidden
            }
        return Refusal(code, message)
    }
}

extension Stint_V1_StateCounts {
    /// As readers see them: a leased job is not ready.
    package init(_ counts: Counts) {
        self.init()
        waiting = UInt64(counts.waiting)
        scheduled = UInt64(counts.scheduled)
        ready = UInt64(max(0, counts.ready - counts.leased))
        leased = UInt64(counts.leased)
        completed = UInt64(counts.completed)
        dead = UInt64(counts.dead)
        cancelled = UInt64(counts.cancelled)
    }

    package mutating func add(_ other: Stint_V1_StateCounts) {
        waiting += other.waiting
        scheduled += other.scheduled
        ready += other.ready
        leased += other.leased
        completed += other.completed
        dead += other.dead
        cancelled += other.cancelled
    }
}

extension Stint_V1_Settled {
    package init(upTo: UInt64, refused: [RefusedSettlement]) {
        self.init()
        self.upTo = upTo
        self.refused = refused.map { refusal in
            var message = Stint_V1_SettleRefused()
            message.number = refusal.number
            message.index = UInt32(refusal.index)
            message.reason =
                switch refusal.reason {
                case .superseded: .superseded
                case .gone: .gone
                }
            return message
        }
    }
}
