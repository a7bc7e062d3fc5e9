import StintCore
import Testing

@Suite("Workers: hello, heartbeat, leaving") struct WorkerTests {
    private func held(_ lease: TestBroker.Lease, _ state: WorkerHello.HeldState) -> WorkerHello.Held {
        WorkerHello.Held(lease: lease.reference, state: state)
    }

    private func welcome(_ broker: TestBroker, _ session: SessionID) -> (
        lost: [LeaseReference], cancelled: [LeaseReference]
    )? {
        for case .welcome(session, let lost, let cancelled) in broker.actions { return (lost, cancelled) }
        return nil
    }

    // Within one session nothing is unseen, so what a HELLO does not name never reached the worker.
    @Test("a second HELLO keeps what it names, returns the rest to ready without an attempt, and names what is lost")
    func reconciliation() throws {
        var broker = TestBroker()
        let instance = broker.freshInstance()
        let alice = broker.join("alice", slots: 4, instance: instance)
        let jobs = broker.enqueue(count: 4)
        let leases = try jobs.map { try #require(broker.lease(of: $0, to: alice)) }
        let stranger = TestBroker.Lease(
            reference: LeaseReference(id: jobs[3], token: FencingToken(epoch: 0, sequence: 9)), attempt: 1,
            session: alice)
        let again = broker.join(
            "alice", types: [], slots: 4,
            holding: [
                held(leases[0], .running), held(leases[1], .waiting), held(leases[2], .settled),
                held(stranger, .running),
            ],
            instance: instance)
        #expect(try #require(welcome(broker, again)).lost == [stranger.reference])
        let states = jobs.map { broker.state.jobs[$0]?.place }
        #expect(states == [.leased, .leased, .leased, .ready])
        #expect(broker.row(jobs[3])?.attempt == 0)
        #expect(broker.settle(leases[2], from: again) == .accepted)
        #expect(broker.state.workers.count == 1)
        broker.check()
    }

    @Test("a HELLO that names the lease of another instance loses it, and the other keeps it")
    func leaseOfAnother() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let job = broker.enqueue()
        let lease = try #require(broker.lease(of: job, to: alice))
        let bob = broker.join("bob", holding: [held(lease, .running)])
        #expect(try #require(welcome(broker, bob)).lost == [lease.reference])
        #expect(broker.lease(of: job, to: alice) == lease)
        broker.check()
    }

    @Test("a settled attempt that the broker has on record is not called lost")
    func settledIsNotLost() throws {
        var broker = TestBroker()
        let instance = broker.freshInstance()
        let alice = broker.join("alice", instance: instance)
        let job = broker.enqueue()
        let lease = try #require(broker.lease(of: job, to: alice))
        broker.settle(lease)
        let again = broker.join("alice", holding: [held(lease, .settled)], instance: instance)
        #expect(try #require(welcome(broker, again)).lost.isEmpty)
        #expect(broker.settle(lease, from: again) == .accepted)
        broker.check()
    }

    // Goal: names that a producer made up by the thousand do not take the workers of all others with them.
    @Test("types beyond the limit are left out of a HELLO and the rest is served; without a rest it is refused")
    func tooManyTypes() throws {
        var broker = TestBroker()
        broker.event { state, _, effects in
            for number in 0..<Limits.typesMax - 2 { _ = state.type(named: "made_up_\(number)", into: &effects) }
        }
        // The last two places: both are given.
        let alice = broker.join("alice", types: ["mail", "tools"])
        #expect(broker.worker(alice)?.types.count == 2)
        let written = broker.rowWrites.count
        let bob = broker.join("bob", types: ["one_too_many", "mail"])
        #expect(broker.worker(bob)?.types == [try #require(broker.state.lines.index(of: "mail"))])
        let hello = WorkerHello(
            instance: broker.freshInstance(), name: "carol", pool: "pool", types: ["one_too_many", "two_too_many"],
            slots: 1, held: [])
        let session = broker.freshSession()
        let refusal = broker.event { state, now, effects in
            state.hello(hello, session: session, at: now, into: &effects)
        }
        #expect(refusal?.code == .exhausted && broker.worker(session) == nil)
        #expect(broker.state.lines.count == Limits.typesMax)
        // Nothing but bob himself.
        #expect(broker.rowWrites.count == written + 1)
        broker.check()
    }

    @Test("WELCOME repeats a cancel that was asked for")
    func welcomeRepeatsCancel() throws {
        var broker = TestBroker()
        let instance = broker.freshInstance()
        let alice = broker.join("alice", instance: instance)
        let job = broker.enqueue()
        let lease = try #require(broker.lease(of: job, to: alice))
        #expect(broker.cancel(job) == .requested)
        let again = broker.join("alice", holding: [held(lease, .running)], instance: instance)
        #expect(try #require(welcome(broker, again)).cancelled == [lease.reference])
        broker.check()
    }

    @Test("a HELLO may bring other types and slots")
    func otherTypes() {
        var broker = TestBroker()
        let instance = broker.freshInstance()
        _ = broker.join("alice", types: ["mail"], slots: 1, instance: instance)
        let again = broker.join("alice", types: ["report"], slots: 3, instance: instance)
        broker.enqueue(count: 5, type: "report")
        broker.enqueue(count: 1, type: "mail")
        #expect(broker.held(by: again).count == 3)
        broker.check()
    }

    @Test("a heartbeat that names a lease that is not the worker's is told so")
    func revoke() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let bob = broker.join("bob", types: [])
        let job = broker.enqueue()
        let lease = try #require(broker.lease(of: job, to: alice))
        broker.actions = []
        broker.heartbeat(bob, running: [lease])
        let revoked = broker.actions.contains { if case .revoke(bob, [lease.reference]) = $0 { true } else { false } }
        #expect(revoked && broker.lease(of: job, to: alice) == lease)
        broker.check()
    }

    // MARK: Timeouts

    /// Walks time in steps too short for amnesty, the worker being heard at each.
    private func run(
        _ broker: inout TestBroker, _ session: SessionID, for duration: Duration, _ running: [TestBroker.Lease]
    ) {
        var left = duration
        while left > .zero {
            let step = min(left, .seconds(4))
            broker.advance(by: step)
            broker.heartbeat(session, running: running)
            left -= step
        }
    }

    @Test("what runs beyond its timeout and grace is revoked, heartbeats or not, and not a nanosecond earlier")
    func timeout() throws {
        var broker = TestBroker(policy: Policy(backoff: .none, timeout: .seconds(20), grace: .seconds(2)))
        let alice = broker.join("alice", slots: 2)
        let job = broker.enqueue(attempts: 1)
        let lease = try #require(broker.lease(of: job, to: alice))
        broker.heartbeat(alice, running: [lease])
        run(&broker, alice, for: .seconds(22) - .nanoseconds(1), [lease])
        #expect(broker.lease(of: job) == lease)
        run(&broker, alice, for: .nanoseconds(1), [lease])
        #expect(broker.jobState(job) == .dead && broker.row(job)?.outcome == .timedOut)
        broker.check()
    }

    @Test("a lease that waits at its worker has no timeout")
    func waitingHasNoTimeout() throws {
        var broker = TestBroker(policy: Policy(timeout: .seconds(1), grace: .zero))
        let alice = broker.join("alice")
        let job = broker.enqueue()
        run(&broker, alice, for: .seconds(60), [])
        #expect(broker.lease(of: job, to: alice) != nil)
        broker.check()
    }

    @Test("a cancelled handler that does not stop loses its lease when the grace is over")
    func grace() throws {
        var broker = TestBroker(policy: Policy(grace: .seconds(3)))
        let alice = broker.join("alice")
        let job = broker.enqueue()
        let lease = try #require(broker.lease(of: job, to: alice))
        #expect(broker.cancel(job) == .requested)
        run(&broker, alice, for: .seconds(3) - .nanoseconds(1), [lease])
        #expect(broker.lease(of: job) == lease)
        run(&broker, alice, for: .nanoseconds(1), [lease])
        #expect(broker.jobState(job) == .cancelled)
        #expect(broker.settle(lease) == .refused(.superseded))
        #expect(broker.jobState(job) == .cancelled)
        broker.check()
    }

    // MARK: Leaving

    @Test("a draining worker gets nothing new, finishes what it has, and BYE returns the rest unharmed")
    func drainAndBye() throws {
        var broker = TestBroker()
        let alice = broker.join("alice", slots: 2)
        let jobs = broker.enqueue(count: 3)
        broker.drain(alice)
        broker.settle(try #require(broker.lease(of: jobs[0], to: alice)))
        #expect(broker.held(by: alice).map(\.job) == [jobs[1]])
        broker.bye(alice)
        #expect(broker.jobState(jobs[1]) == .ready && broker.row(jobs[1])?.attempt == 0)
        #expect(broker.state.workers.count == 0 && broker.decided.grants.isEmpty)
        broker.check()
    }

    @Test("a worker that cannot be reached gets nothing more, keeps its leases, and is fed again when it is heard")
    func unreachable() throws {
        var broker = TestBroker()
        let alice = broker.join("alice", slots: 2)
        let first = broker.enqueue()
        broker.event { state, _, _ in state.unreachable(session: alice) }
        let second = broker.enqueue()
        #expect(broker.lease(of: first, to: alice) != nil && broker.lease(of: second) == nil)
        broker.heartbeat(alice)
        #expect(broker.lease(of: second, to: alice) != nil)
        broker.event { state, _, _ in state.unreachable(session: SessionID(999)) }
        broker.check()
    }
}
