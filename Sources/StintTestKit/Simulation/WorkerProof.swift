import StintCore

/// Until when a worker can be sure of its leases, told anew: for one lease from when it asked what was answered.
struct WorkerProof {
    private var asked: [UInt64: Instant] = [:]  // for lookup only
    private var greetedAt: Instant
    private var provenAt: Instant

    init(at now: Instant) {
        greetedAt = now
        provenAt = now
    }

    mutating func greets(at now: Instant) {
        greetedAt = now
        asked.removeAll(keepingCapacity: true)
    }

    mutating func isWelcome() { provenAt = max(provenAt, greetedAt) }
    mutating func asked(_ number: UInt64, at now: Instant) { asked[number] = now }
    mutating func answered(_ number: UInt64) { if let at = asked[number] { provenAt = max(provenAt, at) } }

    func silence(at now: Instant) -> Duration { now - provenAt }
}
