import StintCore
import Testing

@Suite("A step of the wall clock") struct WallClockTests {
    // Goal: a backoff lasts as long as it was planned, however the wall clock is set meanwhile; a time that a client
    // wished for means what it says on the new clock. Method: one worker, hand-moved clocks that are moved apart.

    /// A broker whose jobs wait exactly ten minutes between attempts, and a job in that wait.
    private func waiting() throws -> (TestBroker, JobID, wait: Duration) {
        let backoff = Backoff(first: .seconds(600), factor: 1, most: .seconds(600))
        var broker = TestBroker(policy: Policy(backoff: backoff), seed: 3)
        let worker = broker.join("alice")
        let job = broker.enqueue()
        let lease = try #require(broker.lease(of: job))
        #expect(broker.fail(lease) == .accepted)
        let row = try #require(broker.row(job))
        #expect(row.state == .scheduled && row.isBackoff)
        let wait = row.runAt - broker.now.wall
        try #require(wait > .seconds(61), "this seed gives a wait that is long enough to tell")
        broker.bye(worker)
        return (broker, job, wait)
    }

    @Test("a backoff outlasts a jump into the future", arguments: [61, 3_600, 10 * 366 * 86_400])
    func forward(seconds: Int) throws {
        var (broker, job, wait) = try waiting()
        broker.stepWall(by: .seconds(seconds))
        while broker.step() != nil {}
        #expect(broker.jobState(job) == .scheduled)
        broker.expectReady(job, after: wait)
    }

    @Test("a backoff does not outlast a jump into the past", arguments: [61, 3_600, 10 * 366 * 86_400])
    func backward(seconds: Int) throws {
        var (broker, job, wait) = try waiting()
        broker.stepWall(by: .seconds(-seconds))
        while broker.step() != nil {}
        broker.expectReady(job, after: wait)
    }

    @Test("a minute is left alone, more is a step")
    func threshold() throws {
        var (broker, job, _) = try waiting()
        let before = try #require(broker.row(job)).runAt
        broker.stepWall(by: .seconds(60))
        while broker.step() != nil {}
        #expect(broker.row(job)?.runAt == before)
        broker.stepWall(by: .milliseconds(1))
        while broker.step() != nil {}
        #expect(broker.row(job)?.runAt == before + .milliseconds(60_001))
    }

    @Test("small steps add up, also over restarts", arguments: [20, 50], [false, true])
    func small(seconds: Int, restarts: Bool) throws {
        var (broker, job, wait) = try waiting()
        for _ in 0..<10 {
            broker.stepWall(by: .seconds(-seconds))
            if restarts { broker.restart() }
            while broker.step() != nil {}
        }
        let row = try #require(broker.row(job))
        let late = (row.runAt - broker.now.wall) - wait
        #expect(late >= .zero - BrokerState.wallStep && late <= BrokerState.wallStep)
    }

    @Test("a time that a client wished for stays what it is")
    func wish() {
        var broker = TestBroker()
        let job = broker.enqueue(after: .seconds(3_600))
        broker.stepWall(by: .seconds(3_599))
        while broker.step() != nil {}
        #expect(broker.jobState(job) == .scheduled)
        broker.stepWall(by: .seconds(3_600))
        #expect(broker.jobState(job) == .ready)
        broker.check()
    }

    @Test("two steps that undo each other leave the wait as long as it was", arguments: [1.0, -1.0])
    func undone(sign: Double) throws {
        var (broker, job, wait) = try waiting()
        broker.stepWall(by: .seconds(sign * 3_600))
        broker.stepWall(by: .seconds(sign * -3_600))
        while broker.step() != nil {}
        broker.expectReady(job, after: wait)
    }

    @Test("two steps, and a restart between them, leave the wait as long as it was")
    func twice() throws {
        var (broker, job, wait) = try waiting()
        broker.stepWall(by: .seconds(7_200))
        // The restart comes before the operation took a step: it goes on from its row.
        broker.restart()
        while broker.step() != nil {}
        broker.stepWall(by: .seconds(-3_600))
        while broker.step() != nil {}
        broker.expectReady(job, after: wait)
    }
}

extension TestBroker {
    /// The job waits for exactly so long.
    fileprivate mutating func expectReady(_ job: JobID, after wait: Duration) {
        advance(by: wait - .milliseconds(1))
        #expect(jobState(job) == .scheduled)
        advance(by: .milliseconds(1))
        #expect(jobState(job) == .ready)
        check()
    }
}
