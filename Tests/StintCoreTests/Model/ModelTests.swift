import StintCore
import Testing

@Suite("States, counts, positions and refusals") struct ModelTests {
    @Test("names of states and outcomes are unique and lead back")
    func names() {
        for state in JobState.allCases { #expect(JobState(name: state.name) == state) }
        #expect(JobState(name: "Ready") == nil)
        #expect(Set(Outcome.allCases.map(\.name)).count == Outcome.allCases.count)
        #expect(JobState.allCases.filter(\.isFinal) == [.completed, .dead, .cancelled])
    }

    @Test("numbers on disk never change")
    func rawValues() {
        #expect(JobState.allCases.map(\.rawValue) == [1, 2, 3, 4, 5, 6, 7])
        #expect(Outcome.allCases.map(\.rawValue) == Array(0...10))
    }

    @Test("each state has its own count")
    func counts() {
        var counts = Counts()
        for (index, state) in JobState.allCases.enumerated() { counts[state] = Int64(index + 1) }
        for (index, state) in JobState.allCases.enumerated() { #expect(counts[state] == Int64(index + 1)) }
    }

    @Test("a ready line is by priority, higher first, then by rank")
    func readyOrder() {
        let order = [
            ReadyPosition.first, ReadyPosition(priority: 100, rank: 9), ReadyPosition(priority: 0, rank: 1),
            ReadyPosition(priority: 0, rank: 2), ReadyPosition(priority: -100, rank: 0),
        ]
        for (earlier, later) in zip(order, order.dropFirst()) { #expect(earlier < later && !(later < earlier)) }
    }

    @Test("the schedule is by time, then by serial")
    func scheduleOrder() {
        let order = [
            SchedulePosition.first, SchedulePosition(runAt: WallTime(milliseconds: 1), serial: 9),
            SchedulePosition(runAt: WallTime(milliseconds: 2), serial: 1),
            SchedulePosition(runAt: WallTime(milliseconds: 2), serial: 2),
        ]
        for (earlier, later) in zip(order, order.dropFirst()) { #expect(earlier < later && !(later < earlier)) }
    }

    @Test("only what passes by itself is worth the same request again")
    func refusals() {
        let retryable = Refusal.Code.allCases.filter { Refusal($0, "").isRetryable }
        #expect(retryable == [.draining, .storeFull, .exhausted])
    }

    @Test("retention has a rule for each final state and for no other")
    func retention() {
        let keep = Retention()
        for state in JobState.allCases { #expect((keep[state] != nil) == state.isFinal) }
    }

    @Test("parts of one buffer are equal by their bytes, not by their place")
    func bytes() {
        let buffer: [UInt8] = [1, 2, 1, 2]
        #expect(Bytes(buffer, 0..<2) == Bytes(buffer, 2..<4))
        #expect(Bytes(buffer, 0..<2) != Bytes(buffer, 1..<3))
        #expect(Bytes(buffer, 4..<4).copied == [])
        #expect(Bytes(buffer).count == 4)
    }
}
