/// How many jobs of one type are in each state, kept as they move and never scanned. `ready` counts the rows, so it
/// includes those that are leased; ``leased`` is beside it and not on disk.
package struct Counts: Hashable, Sendable {
    package var waiting: Int64 = 0
    package var scheduled: Int64 = 0
    package var ready: Int64 = 0
    package var completed: Int64 = 0
    package var dead: Int64 = 0
    package var cancelled: Int64 = 0
    package var leased: Int64 = 0
    /// Bytes of the payloads of those that have not ended.
    package var unfinishedBytes: Int64 = 0

    package init() {}

    /// Jobs that have not ended: the line.
    package var unfinished: Int64 { waiting + scheduled + ready }

    /// Counts one row; for who counts them all.
    package mutating func count(_ row: JobRow) {
        self[row.state] += 1
        if !row.state.isFinal { unfinishedBytes += Int64(row.payloadBytes) }
    }

    package subscript(state: JobState) -> Int64 {
        get {
            switch state {
            case .waiting: waiting
            case .scheduled: scheduled
            case .ready: ready
            case .leased: leased
            case .completed: completed
            case .dead: dead
            case .cancelled: cancelled
            }
        }
        set {
            precondition(newValue >= 0, "a count of jobs fell below zero: \(state)")
            switch state {
            case .waiting: waiting = newValue
            case .scheduled: scheduled = newValue
            case .ready: ready = newValue
            case .leased: leased = newValue
            case .completed: completed = newValue
            case .dead: dead = newValue
            case .cancelled: cancelled = newValue
            }
        }
    }
}
