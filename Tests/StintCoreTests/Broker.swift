import StintCore
import Testing

@Suite("Smoke") struct Smoke {
    @Test("smoke") func smoke() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let job = broker.enqueue()
        let lease = try #require(broker.lease(of: job, to: alice))
        #expect(broker.settle(lease) == .accepted)
        broker.check()
    }
}
