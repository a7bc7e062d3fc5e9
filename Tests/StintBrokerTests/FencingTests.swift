import StintCore
import StintTestKit
import StintWire
import Testing

@Suite("Fencing and repeated settlements") struct FencingTests {
    // Goal: whoever settles twice gets the first answer twice, whatever lies between. Method: settle, lose the answer,
    // settle again, with and without a restart of the broker.
    @Test("a repeated settlement gets the first answer, also after a restart", arguments: [false, true])
    func repeatedSettlement(restarts: Bool) throws {
        let broker = SimulatedBroker(seed: 2)
        let alice = broker.join("alice", slots: 1)
        let job = broker.enqueue()
        let lease = try #require(broker.assignment(of: job, to: alice))
        #expect(broker.complete(lease, by: alice, result: [1]) == .accepted)
        if restarts { broker.crash() }
        broker.rejoin(alice, holding: [(lease, .settled)])
        #expect(broker.complete(lease, by: alice, result: [2]) == .accepted)
        #expect(broker.details(job).map { [UInt8]($0.result) } == [1])
        #expect(broker.checkInvariants() == [])
    }

    // Goal: the attempt that failed stays failed, even if its worker changes its mind.
    @Test("an attempt that is on record as failed cannot be completed", arguments: [false, true])
    func changedMind(restarts: Bool) throws {
        let broker = SimulatedBroker(seed: 3, settings: .quickRetry)
        let alice = broker.join("alice", slots: 1)
        let job = broker.enqueue(attempts: 1)
        let lease = try #require(broker.assignment(of: job, to: alice))
        #expect(broker.fail(lease, by: alice) == .accepted)
        if restarts { broker.crash() }
        broker.rejoin(alice)
        #expect(broker.fail(lease, by: alice) == .accepted)
        #expect(broker.complete(lease, by: alice) == .refused(.superseded))
        #expect(broker.state(of: job) == .dead)
    }

    // Goal: after a restart a worker goes on with what it holds. Method: crash, HELLO with the lease, complete.
    @Test("a worker that says what it holds keeps its leases over a restart")
    func adoption() throws {
        let broker = SimulatedBroker(seed: 4)
        let alice = broker.join("alice", slots: 2)
        let kept = broker.enqueue()
        let unnamed = broker.enqueue()
        let lease = try #require(broker.assignment(of: kept, to: alice))
        let other = try #require(broker.assignment(of: unnamed, to: alice))
        broker.crash()
        #expect(broker.turn.state.isLeased(kept, under: lease.token))
        broker.rejoin(alice, holding: [(lease, .running)])
        #expect(broker.assignment(of: kept, to: alice) == lease)
        // What a HELLO does not name never arrived: it is granted again, and no attempt was used.
        broker.run()
        let again = try #require(broker.assignment(of: unnamed, to: alice))
        #expect(again.token > other.token && again.attempt == 1)
        #expect(broker.complete(lease, by: alice) == .accepted)
        #expect(broker.complete(other, by: alice) == .refused(.superseded))
        #expect(broker.complete(again, by: alice) == .accepted)
        #expect(broker.checkInvariants() == [])
    }

    // Goal: a lease found at a restart whose worker never comes back is over after one full period.
    @Test("leases that nobody adopts expire one lease after the restart")
    func orphans() throws {
        let broker = SimulatedBroker(seed: 5, settings: .quickRetry)
        let alice = broker.join("alice", slots: 1)
        let job = broker.enqueue()
        let lease = try #require(broker.assignment(of: job, to: alice))
        broker.advance(by: .seconds(14))
        broker.crash()
        broker.disconnect(alice)
        broker.run()
        broker.advance(by: .milliseconds(14_999))
        #expect(broker.turn.state.isLeased(job, under: lease.token))
        broker.advance(by: .milliseconds(1))
        #expect(!broker.turn.state.isLeased(job, under: lease.token))
    }

    @Test("a lease that another worker holds cannot be settled")
    func stolenToken() throws {
        let broker = SimulatedBroker(seed: 6)
        let alice = broker.join("alice", slots: 1)
        let job = broker.enqueue()
        let lease = try #require(broker.assignment(of: job, to: alice))
        let mallory = broker.join("mallory", slots: 1)
        #expect(broker.complete(lease, by: mallory) == .refused(.superseded))
        #expect(broker.complete(lease, by: alice) == .accepted)
    }

    @Test("a settlement of a job that never was is refused as gone")
    func gone() throws {
        let broker = SimulatedBroker(seed: 7)
        let alice = broker.join("alice", slots: 1)
        var lease = try #require(broker.assignment(of: broker.enqueue(), to: alice))
        lease.id = broker.nextID()
        #expect(broker.complete(lease, by: alice) == .refused(.gone))
    }

    @Test("a broker that did not listen gives every lease a full fresh period")
    func amnesty() throws {
        let broker = SimulatedBroker(seed: 8)
        let alice = broker.join("alice", slots: 1)
        let job = broker.enqueue()
        let lease = try #require(broker.assignment(of: job, to: alice))
        broker.stall(for: .seconds(60))
        broker.run()
        #expect(broker.assignment(of: job, to: alice) == lease)
        broker.advance(by: .milliseconds(14_999))
        #expect(broker.assignment(of: job, to: alice) == lease)
        broker.advance(by: .milliseconds(1))
        #expect(broker.assignment(of: job, to: alice) == nil)
    }

    @Test("a job that outlasts timeout and grace is revoked although its worker lives")
    func timeout() throws {
        let policy = Policy(attempts: 1, timeout: .seconds(20), grace: .seconds(5))
        let broker = SimulatedBroker(seed: 9, settings: .init(defaultPolicy: policy))
        let alice = broker.join("alice", slots: 1)
        let job = broker.enqueue()
        let lease = try #require(broker.assignment(of: job, to: alice))
        broker.heartbeat(alice, running: [lease])
        for _ in 0..<24 {
            broker.advance(by: .seconds(1))
            broker.heartbeat(alice, running: [lease])
        }
        #expect(broker.assignment(of: job, to: alice) == lease)  // one second before the grace is over
        broker.advance(by: .seconds(1))
        broker.heartbeat(alice, running: [lease])
        #expect(broker.state(of: job) == .dead)
        #expect(broker.details(job)?.outcome == "timed_out")
        #expect(broker.complete(lease, by: alice) == .refused(.superseded))
    }
}
