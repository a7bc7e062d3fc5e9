import StintCore
import Testing

@Suite("Settle") struct SettleTests {
    @Test(
        "an answer that is repeated before it is durable, after it, and after a restart is accepted and changes nothing"
    )
    func repeated() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let job = broker.enqueue()
        let lease = try #require(broker.lease(of: job, to: alice))
        broker.isInstant = false
        #expect(broker.settle(lease) == .accepted)
        let writes = broker.writes.count
        #expect(broker.settle(lease) == .accepted)
        broker.commit()
        #expect(broker.settle(lease) == .accepted)
        broker.isInstant = true
        broker.restart()
        let again = broker.join("alice")
        #expect(broker.settle(lease, from: again) == .accepted)
        #expect(broker.writes.count == writes)
        broker.check()
    }

    @Test("one lease that is settled twice in one message counts once")
    func twiceInOneMessage() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let job = broker.enqueue()
        let lease = try #require(broker.lease(of: job, to: alice))
        let ending = AttemptEnding(.completed, counts: true)
        let settlement = Settlement(id: job, token: lease.token, ending: ending, runMicroseconds: 1)
        #expect(broker.settle([settlement, settlement], from: alice) == [.accepted, .accepted])
        #expect(broker.writes.count { $0.kind == .finish } == 1)
        broker.check()
    }

    @Test("a worker that lost its lease is superseded, whether the job waits, is leased again, or is over")
    func superseded() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let job = broker.enqueue()
        let first = try #require(broker.lease(of: job, to: alice))
        broker.bye(alice)
        let idle = broker.join("idle", types: [])
        #expect(broker.settle(first, from: idle) == .refused(.superseded))
        let bob = broker.join("bob")
        let second = try #require(broker.lease(of: job, to: bob))
        #expect(second.token > first.token)
        #expect(broker.settle(first, from: idle) == .refused(.superseded))
        #expect(broker.settle(second) == .accepted)
        #expect(broker.settle(first, from: idle) == .refused(.superseded))
        #expect(broker.jobState(job) == .completed)
        broker.check()
    }

    @Test("a job that does not exist any more is gone, for good")
    func gone() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let job = broker.enqueue()
        let lease = try #require(broker.lease(of: job, to: alice))
        broker.fail(lease, isPermanent: true)
        #expect(broker.handleDead(.discard, [job]) == .success(1))
        #expect(broker.settle(lease) == .refused(.gone))
        broker.check()
    }

    // Only the holder of the lease can settle it: knowing the token is not enough.
    @Test("a worker cannot settle or checkpoint the lease of another")
    func tokenOfAnother() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let bob = broker.join("bob", types: [])
        let job = broker.enqueue()
        let lease = try #require(broker.lease(of: job, to: alice))
        #expect(broker.settle(lease, from: bob) == .refused(.superseded))
        broker.event { state, _, effects in
            state.checkpoint(lease.reference, .none, number: 1, session: bob, into: &effects)
        }
        #expect(broker.decided.checkpoints.isEmpty)
        broker.event { state, _, effects in
            state.checkpoint(lease.reference, .none, number: 1, session: alice, into: &effects)
        }
        #expect(broker.decided.checkpoints.count == 1)
        #expect(broker.settle(lease) == .accepted)
        broker.check()
    }

    @Test("a failure is retried until the attempts are used up, then the job is dead")
    func retries() throws {
        var broker = TestBroker()
        _ = broker.join("alice")
        let job = broker.enqueue(attempts: 3)
        for attempt: UInt16 in 1...3 {
            let lease = try #require(broker.lease(of: job))
            #expect(lease.attempt == attempt)
            broker.fail(lease)
            broker.turn()
        }
        #expect(broker.jobState(job) == .dead && broker.row(job)?.attempt == 3)
        broker.check()
    }

    @Test("a snooze uses no attempt and comes back at its time")
    func snooze() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let job = broker.enqueue(attempts: 1)
        let lease = try #require(broker.lease(of: job, to: alice))
        broker.settle(lease, AttemptEnding(.snoozed, counts: false, retryAfter: .seconds(60)))
        #expect(broker.jobState(job) == .scheduled)
        broker.advance(by: .milliseconds(14_999))
        broker.heartbeat(alice)
        broker.advance(by: .seconds(14))
        broker.heartbeat(alice)
        broker.advance(by: .seconds(14))
        broker.heartbeat(alice)
        broker.advance(by: .seconds(14))
        broker.heartbeat(alice)
        #expect(broker.jobState(job) == .scheduled)
        broker.advance(by: .milliseconds(3_001))
        #expect(try #require(broker.lease(of: job)).attempt == 1)
        broker.check()
    }

    @Test("a released job keeps its place and its attempt, and leaves no trace in its row")
    func released() throws {
        var broker = TestBroker()
        let alice = broker.join("alice", slots: 2)
        let jobs = broker.enqueue(count: 3)
        let before = broker.row(jobs[0])
        let writes = broker.writes.count
        let lease = try #require(broker.lease(of: jobs[0], to: alice))
        broker.drain(alice)
        broker.settle(lease, AttemptEnding(.released, counts: false))
        #expect(broker.row(jobs[0]) == before && broker.writes.count == writes)
        _ = broker.join("bob")
        #expect(try #require(broker.lease(of: jobs[0])).attempt == 1)
        broker.check()
    }

    @Test("a released lease does not come back after a restart")
    func releasedThenRestart() throws {
        var broker = TestBroker()
        let alice = broker.join("alice", slots: 2)
        let jobs = broker.enqueue(count: 2)
        broker.drain(alice)
        broker.settle(try #require(broker.lease(of: jobs[0], to: alice)), AttemptEnding(.released, counts: false))
        broker.restart()
        #expect(broker.state.jobs[jobs[0]]?.place != .leased && broker.state.jobs[jobs[1]]?.place == .leased)
        broker.check()
    }

    // MARK: Children

    @Test("children are stored with a completion and dropped with any other ending", arguments: Outcome.allCases)
    func children(_ outcome: Outcome) throws {
        guard outcome != .none, outcome != .corrupt else { return }
        var broker = TestBroker()
        _ = broker.join("alice")
        let job = broker.enqueue()
        let lease = try #require(broker.lease(of: job))
        let child = broker.submission(type: "report")
        broker.settle(lease, AttemptEnding(outcome, counts: outcome == .failed), children: [child])
        #expect((broker.jobState(child.id) == .ready) == (outcome == .completed))
        broker.check()
    }

    // A fan-in: every parent enqueues the same follow-up, and their answers come in one message.
    @Test(
        "a child that two attempts of one message enqueue is stored once; with other content the second attempt fails")
    func sharedChild() throws {
        for digest: UInt64 in [1, 2] {
            var broker = TestBroker()
            let alice = broker.join("alice", slots: 2)
            let jobs = broker.enqueue(count: 2)
            let child = broker.submission(type: "report")
            var settlements: [Settlement] = []
            for job in jobs {
                let token = try #require(broker.lease(of: job, to: alice)).token
                settlements.append(
                    Settlement(
                        id: job, token: token, ending: AttemptEnding(.completed, counts: true), runMicroseconds: 1))
            }
            settlements[0].children = [child]
            settlements[1].children = [child]
            settlements[1].children[0].digest = digest
            #expect(broker.settle(settlements, from: alice) == [.accepted, .accepted])
            #expect(broker.row(child.id)?.digest == 1)
            #expect(broker.jobState(jobs[1]) == (digest == 1 ? .completed : .dead))
            broker.check()
        }
    }

    @Test("a corrupt payload sends the job to the dead without an attempt")
    func corrupt() throws {
        var broker = TestBroker()
        _ = broker.join("alice")
        let job = broker.enqueue()
        let lease = try #require(broker.lease(of: job))
        broker.event { state, _, effects in state.corrupt(lease.reference, into: &effects) }
        broker.event { state, _, effects in state.corrupt(lease.reference, into: &effects) }
        #expect(broker.jobState(job) == .dead && broker.row(job)?.attempt == 0 && broker.row(job)?.outcome == .corrupt)
        broker.check()
    }
}
