import Testing

@testable import StintTransport

@Suite("The judge of stalled threads") struct StallJudgeTests {
    private let loop = Pulse(name: "loop"), other = Pulse(name: "other")

    // Goal: not one look too early, not one too late. Method: looks by hand; there is no clock.
    @Test("a thread that does not beat is stalled at the last look of the bound, and not at the one before")
    func bound() {
        var judge = StallJudge(threads: 2, looksMax: 3)
        loop.beat(.committing)
        other.beat(.waiting)
        func look() -> [Int] {
            other.beat(.waiting)
            return judge.look([loop.reading, other.reading])
        }
        #expect(look() == [])  // the first look only learns where they are
        #expect(look() == [])
        #expect(look() == [])
        #expect(look() == [0])
        #expect(!judge.allTurn)
    }

    @Test("one beat starts the count anew, also one from the same place")
    func forgiven() {
        var judge = StallJudge(threads: 1, looksMax: 2)
        loop.beat(.waiting)
        for _ in 0..<10 {
            #expect(judge.look([loop.reading]) == [])
            #expect(judge.look([loop.reading]) == [])
            loop.beat(.waiting)
        }
        #expect(judge.look([loop.reading]) == [])
        #expect(judge.allTurn)
    }

    // Goal: what stopped everybody is nobody's fault. Method: a stopped process is one in which the judge does not look
    // either, so an hour of it is a single look.
    @Test("a stop of the whole process counts as one look, however long it was")
    func stopped() {
        var judge = StallJudge(threads: 1, looksMax: 2)
        loop.beat(.committing)
        #expect(judge.look([loop.reading]) == [])
        // SIGSTOP, an hour, SIGCONT: the judge wakes first, before the loop got to run.
        #expect(judge.look([loop.reading]) == [])
        loop.beat(.waiting)
        #expect(judge.look([loop.reading]) == [])
    }

    @Test("a thread that rests, or has not begun, is never stalled")
    func resting() {
        var judge = StallJudge(threads: 2, looksMax: 1)
        loop.beat(.reading)
        loop.rest()
        for _ in 0..<5 { #expect(judge.look([loop.reading, other.reading]) == []) }
        #expect(judge.allTurn)
    }
}
