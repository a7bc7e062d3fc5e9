/// Which threads have stood still for too long: a rule about numbers, with no clock in it.
///
/// The judge counts **his own looks**, not seconds. A process that was stopped (SIGSTOP, a debugger), suspended with its
/// host, or starved of its processor did not look either; however long that took, afterwards one look has passed at the
/// most, and the threads had as much time to turn as the judge had to look. A clock would call every one of them dead.
/// For the same reason no clock that is set can end a broker.
struct StallJudge {
    /// Looks without a beat in between after which a thread counts as stalled.
    let looksMax: Int
    private var last: [Pulse.Reading]
    private var looksStill: [Int]

    init(threads: Int, looksMax: Int) {
        precondition(looksMax >= 1)
        self.looksMax = looksMax
        last = []
        looksStill = Array(repeating: 0, count: threads)
    }

    /// One look at all threads.
    ///
    /// - Returns: The places of those that are stalled now.
    mutating func look(_ readings: [Pulse.Reading]) -> [Int] {
        precondition(readings.count == looksStill.count, "a judge looks at the same threads every time")
        defer { last = readings }
        guard !last.isEmpty else { return [] }
        for index in readings.indices {
            let isStill = readings[index] == last[index] && readings[index].place != .resting
            looksStill[index] = isStill ? looksStill[index] + 1 : 0
        }
        return looksStill.indices.filter { looksStill[$0] >= looksMax }
    }

    /// Has every thread turned since the last look, or may rest?
    var allTurn: Bool { looksStill.allSatisfy { $0 == 0 } }
    /// Of the thread that has stood longest.
    var looksStillMax: Int { looksStill.max() ?? 0 }
}
