import StintCore
import StintTestKit
import Testing

@Suite("Lease expiry") struct LeaseExpiryTests {
    // Goal: a worker that goes silent loses the job, and its late answer cannot overwrite the answer of the worker that
    // took over. Method: one broker, two workers, hand-moved time.
    @Test("a silent worker is fenced off by the worker that replaces it")
    func silentWorkerIsFenced() throws {
        let broker = SimulatedBroker(seed: 1, settings: .quickRetry)
        let alice = broker.join("alice", slots: 1)
        let job = broker.enqueue(attempts: 2)
        let first = try #require(broker.assignment(of: job, to: alice))
        broker.advance(by: .milliseconds(14_999))
        #expect(broker.assignment(of: job, to: alice) == first)  // one millisecond before: still hers
        broker.advance(by: .milliseconds(1))
        #expect(broker.assignment(of: job, to: alice) == nil)  // at the deadline: no longer
        #expect(broker.complete(first, by: alice) == .silence)  // the session is over: say hello again
        let bob = broker.join("bob", slots: 1)
        broker.advance(by: .milliseconds(1))
        let second = try #require(broker.assignment(of: job, to: bob))
        #expect(second.token > first.token)
        #expect(second.attempt == 2)
        broker.rejoin(alice, holding: [(first, .settled)])
        #expect(broker.complete(first, by: alice, result: Array("1".utf8)) == .refused(.superseded))
        #expect(broker.complete(second, by: bob, result: Array("2".utf8)) == .accepted)
        #expect(broker.details(job).map { [UInt8]($0.result) } == Array("2".utf8))
        #expect(broker.checkInvariants() == [])
    }
}

extension BrokerState.Settings {
    /// Failed jobs run again at once.
    static var quickRetry: Self {
        Self(defaultPolicy: Policy(backoff: Backoff(first: .zero, factor: 1, most: .zero)))
    }
}
