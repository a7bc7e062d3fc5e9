/// Everything that may go wrong in a simulated life, besides what chance does to any message. One of each is tested to
/// happen (`SimulationCoverageTests`), and a new case has to say how likely it is.
package enum Fault: String, Hashable, CaseIterable, Sendable {
    // The broker's process and host.
    /// It ends at once, between any two steps of a turn; what is being committed is on disk or not.
    case brokerKilled
    /// It drains and ends, and the next one starts.
    case brokerRestarted
    /// It does not run for a while; its host may sleep as well.
    case brokerPaused
    case wallClockStepped
    /// By years.
    case wallClockLeapt

    // Its disk.
    /// A commit fails; what it wrote may be on disk.
    case commitFailed
    case readFailed
    case diskFull
    case diskSlow
    /// Bits of a payload change.
    case payloadCorrupted

    // The network.
    case connectionBroken
    /// The old connection still delivers after the new one has begun.
    case connectionDoubled
    /// Nothing passes for a while; then all of it, or the connection is gone.
    case partitioned
    /// One direction is dead, and nobody notices until the connection breaks.
    case halfOpen
    case delayed
    /// The peer's socket takes nothing for a while.
    case peerNotReading
    case noise

    // Peers.
    case workerKilled
    case workerPaused
    case workerDrained
    /// Settles what it does not hold, ignores timeouts and cancels.
    case workerLies
    case workerJoins
    case clientKilled
    case clientPaused
    /// Sends everything that is unanswered once more.
    case clientRepeats

    /// How often, against the others.
    var weight: Int {
        switch self {
        case .brokerKilled: 8
        case .commitFailed: 6
        case .connectionBroken, .workerKilled: 7
        case .partitioned, .workerPaused, .halfOpen: 5
        case .connectionDoubled, .brokerRestarted, .brokerPaused, .workerLies, .workerDrained, .clientRepeats: 4
        case .wallClockStepped, .delayed, .diskSlow, .peerNotReading, .clientKilled: 3
        case .wallClockLeapt, .readFailed, .diskFull, .payloadCorrupted, .noise, .workerJoins, .clientPaused: 2
        }
    }

    static func any(_ chance: inout Chance) -> Fault { chance.pick(allCases.map { ($0.weight, $0) }) }
}
