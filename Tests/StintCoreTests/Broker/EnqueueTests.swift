import StintCore
import Testing

@Suite("Enqueue") struct EnqueueTests {
    @Test("a job without a time is ready at once, one for the future is scheduled, one for the past is ready")
    func states() {
        var broker = TestBroker()
        let now = broker.enqueue()
        let due = broker.enqueue(after: .zero)
        let past = broker.enqueue(after: .seconds(-1))
        let later = broker.enqueue(after: .milliseconds(1))
        #expect([now, due, past, later].map { broker.jobState($0) } == [.ready, .ready, .ready, .scheduled])
        broker.check()
    }

    @Test("attempts are those of the job, else those of its type's policy")
    func attempts() {
        var broker = TestBroker(policies: ["report": Policy(attempts: 9)], policy: Policy(attempts: 2))
        let own = broker.enqueue(attempts: 7)
        let policy = broker.enqueue()
        let type = broker.enqueue(type: "report")
        #expect([own, policy, type].map { broker.row($0)?.attemptsMax } == [7, 2, 9])
        broker.check()
    }

    @Test("what is known already is not stored again")
    func duplicates() {
        var broker = TestBroker()
        var submission = broker.submission()
        broker.enqueue([submission])
        submission.known = .duplicate
        broker.enqueue([submission])
        #expect(broker.writes.count { $0.kind == .insert } == 1)
        broker.check()
    }

    @Test("only an id of the present raises the mark of the highest id")
    func highestID() {
        var broker = TestBroker()
        let present = broker.enqueue()
        var future = broker.submission()
        future.id = JobID(milliseconds: (1 << 48) - 1, counter: 0, random: 1)
        broker.enqueue([future])
        #expect(broker.state.numbers.highestID == present)
        broker.check()
    }

    @Test("a type is named once and keeps its number")
    func types() {
        var broker = TestBroker()
        let mail = broker.type("mail")
        let report = broker.type("report")
        #expect(mail == broker.type("mail") && mail != report && broker.decided.types == ["mail", "report"])
        broker.check()
    }
}

@Suite("Scheduled jobs") struct ScheduleTests {
    @Test("a job becomes ready at its time and not a millisecond before")
    func due() {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let job = broker.enqueue(after: .seconds(10))
        broker.advance(by: .milliseconds(9_999))
        #expect(broker.lease(of: job) == nil && broker.jobState(job) == .scheduled)
        #expect(broker.wake <= broker.now.instant + .milliseconds(1))
        broker.advance(by: .milliseconds(1))
        #expect(broker.lease(of: job, to: alice) != nil)
        broker.check()
    }

    @Test("jobs become ready in the order of their times, so that the first due runs first")
    func order() throws {
        var broker = TestBroker()
        let last = broker.enqueue(after: .seconds(3))
        let first = broker.enqueue(after: .seconds(1))
        let second = broker.enqueue(after: .seconds(2))
        let alice = broker.join("alice")
        broker.advance(by: .seconds(4))
        for job in [first, second, last] { broker.settle(try #require(broker.lease(of: job, to: alice))) }
        broker.check()
    }

    @Test("one turn makes a bounded number of jobs ready and asks for the next turn at once")
    func bounded() {
        var broker = TestBroker()
        let jobs = (0..<(Limits.dueJobsPerTurn + 1)).map { _ in broker.submission(after: .seconds(1)) }
        broker.enqueue(jobs)
        broker.advance(by: .seconds(1))
        #expect(jobs.count { broker.jobState($0.id) == .ready } == Limits.dueJobsPerTurn)
        #expect(broker.wake <= broker.now.instant)
        broker.turn()
        #expect(jobs.allSatisfy { broker.jobState($0.id) == .ready })
        broker.check()
    }
}
