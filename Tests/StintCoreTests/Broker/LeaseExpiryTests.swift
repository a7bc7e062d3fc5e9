import StintCore
import Testing

@Suite("Lease expiry") struct LeaseExpiryTests {
    // Goal: a worker that goes silent loses the job, and its late answer cannot overwrite the answer of the worker that
    // took over. Method: two workers, hand-moved time in steps shorter than a heartbeat, so that there is no amnesty.
    @Test("a silent worker is fenced off by the worker that replaces it")
    func silentWorkerIsFenced() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let job = broker.enqueue(attempts: 2)
        let first = try #require(broker.lease(of: job, to: alice))
        for _ in 0..<3 { broker.advance(by: .milliseconds(4_999)) }
        broker.advance(by: .nanoseconds(2_999_999))
        #expect(broker.lease(of: job, to: alice) == first)  // one nanosecond before: still hers
        let wake = broker.wake
        #expect(wake == broker.now.instant + .nanoseconds(1))
        broker.advance(by: .nanoseconds(1))
        #expect(broker.lease(of: job, to: alice) == nil)  // at the deadline: no longer
        broker.turn()
        let bob = broker.join("bob")
        let second = try #require(broker.lease(of: job, to: bob))
        #expect(second.token > first.token && second.attempt == 2)
        let again = broker.join("alice", types: [])
        #expect(broker.settle(first, from: again) == .refused(.superseded))
        #expect(broker.settle(second) == .accepted)
        #expect(broker.jobState(job) == .completed && broker.row(job)?.token == second.token)
        broker.check()
    }

    @Test("any sign of life extends every lease by a whole period")
    func signOfLife() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let job = broker.enqueue()
        for _ in 0..<20 {
            broker.advance(by: .seconds(4))
            broker.heartbeat(alice)
        }
        for _ in 0..<3 { broker.advance(by: .milliseconds(4_999)) }
        #expect(broker.lease(of: job, to: alice) != nil)
        broker.advance(by: .milliseconds(3))
        #expect(broker.lease(of: job, to: alice) == nil)
        broker.check()
    }

    /// Lets a worker fall silent, in steps too short for amnesty.
    private func silence(_ broker: inout TestBroker) {
        for _ in 0..<4 { broker.advance(by: .seconds(4)) }
    }

    private func shortType(_ broker: inout TestBroker, _ session: SessionID) throws {
        let job = broker.enqueue()
        broker.settle(try #require(broker.lease(of: job, to: session)), microseconds: 1_000)
    }

    // So a job that kills its worker is blamed, and jobs that were only prefetched are not.
    @Test("at a silent end the oldest `slots` leases count, and those that were only sent ahead do not")
    func countingByPlace() throws {
        var broker = TestBroker()
        let alice = broker.join("alice", slots: 2)
        try shortType(&broker, alice)
        let jobs = broker.enqueue(count: 6)
        #expect(broker.held(by: alice).count == 6)
        broker.drain(alice)
        silence(&broker)
        #expect(jobs.map { broker.row($0)?.attempt } == [1, 1, 0, 0, 0, 0])
        #expect(jobs.map { broker.row($0)?.crashes } == [1, 1, 0, 0, 0, 0])
        broker.check()
    }

    @Test("a lease that was heard to run counts wherever it stands")
    func countingByStart() throws {
        var broker = TestBroker()
        let alice = broker.join("alice", slots: 1)
        try shortType(&broker, alice)
        let jobs = broker.enqueue(count: 4)
        broker.heartbeat(alice, running: [try #require(broker.lease(of: jobs[3]))])
        silence(&broker)
        #expect(jobs.map { broker.row($0)?.attempt } == [1, 0, 0, 1])
        broker.check()
    }

    @Test("a lease whose frame never went to the socket does not count")
    func unreleased() throws {
        var broker = TestBroker()
        let alice = broker.join("alice", slots: 2)
        broker.isInstant = false
        let first = broker.enqueue()
        let second = broker.enqueue()
        broker.release(alice, upTo: try #require(broker.lease(of: first)).token)
        silence(&broker)
        #expect(broker.row(first)?.attempt == 1 && broker.row(second)?.attempt == 0)
        #expect(broker.jobState(second) == .ready)
        broker.check()
    }

    @Test("the last attempt that expires makes the job dead, and a requested cancel makes it cancelled")
    func lastAttempt() throws {
        var broker = TestBroker()
        _ = broker.join("alice", slots: 2)
        let job = broker.enqueue(attempts: 1)
        let cancelled = broker.enqueue(attempts: 1)
        #expect(broker.cancel(cancelled) == .requested)
        silence(&broker)
        #expect(broker.jobState(job) == .dead && broker.row(job)?.outcome == .expired)
        #expect(broker.jobState(cancelled) == .cancelled)
        broker.check()
    }

    // A broker that was not listening cannot say that others were silent.
    @Test("a gap between turns longer than a heartbeat gives every lease a fresh period; one as long does not")
    func amnesty() throws {
        for (gap, survives) in [(Duration.seconds(5), false), (.seconds(5) + .nanoseconds(1), true)] {
            var broker = TestBroker()
            _ = broker.join("alice")
            let job = broker.enqueue()
            broker.advance(by: .seconds(5))
            broker.advance(by: .seconds(5) - .nanoseconds(1))
            broker.advance(by: gap)
            broker.advance(by: .seconds(1))
            #expect((broker.lease(of: job) != nil) == survives)
            broker.check()
        }
        var broker = TestBroker()
        _ = broker.join("alice")
        let job = broker.enqueue()
        broker.advance(by: .seconds(100))
        for _ in 0..<3 { broker.advance(by: .milliseconds(4_999)) }
        #expect(broker.lease(of: job) != nil)
        broker.advance(by: .milliseconds(3))
        #expect(broker.lease(of: job) == nil)
        broker.check()
    }
}
