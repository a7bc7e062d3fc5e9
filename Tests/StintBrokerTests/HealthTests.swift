import StintCore
import StintTestKit
import StintWire
import Testing

@testable import StintBroker

@Suite("What a broker says of its health") struct HealthTests {
    private func ask(_ broker: SimulatedBroker, health: Bool = true) throws -> Stint_V1_StatusAnswer {
        let client = broker.connect()
        var message = Stint_V1_GetStatus()
        message.request = 1
        message.health = health
        broker.ask(.getStatus(message), from: client)
        for case .statusAnswer(let answer) in client.received { return answer }
        throw NoAnswer()
    }

    private struct NoAnswer: Error {}

    @Test("it is told only to who asks for it")
    func asked() throws {
        let broker = SimulatedBroker(seed: 1)
        #expect(try !ask(broker, health: false).hasHealth)
        let health = try ask(broker).health
        #expect(health.wallMs == broker.now.wall.milliseconds)
        #expect(health.leaseMs == 15_000 && health.heartbeatMs == 5_000)
        #expect(health.typesMax == 10_000 && health.clients >= 1 && health.overdueLeases == 0)
    }

    // Goal: a lease that outlives its timeout is told, and not a moment before it could be wrong. Method: a worker that
    // lives and never says that it began, so that no rule can revoke the lease.
    @Test("a lease older than its timeout, its grace and two leases is overdue")
    func overdue() throws {
        let settings = BrokerState.Settings(
            lease: .seconds(15), heartbeat: .seconds(5),
            defaultPolicy: Policy(timeout: .seconds(60), grace: .seconds(10)))
        let broker = SimulatedBroker(seed: 2, settings: settings)
        let alice = broker.join("alice", slots: 1)
        let job = broker.enqueue()
        _ = try #require(broker.assignment(of: job, to: alice))
        for _ in 0..<20 {
            broker.advance(by: .seconds(5))
            broker.heartbeat(alice)
        }
        #expect(try ask(broker).health.overdueLeases == 0)
        broker.advance(by: .seconds(1))
        broker.heartbeat(alice)
        let health = try ask(broker).health
        #expect(health.overdueLeases == 1)
        let lease = try #require(health.overdue.first)
        #expect(try lease.id.id(field: "id") == job)
        #expect(lease.type == "mail" && lease.worker == "alice" && lease.timeoutMs == 60_000)
        #expect(lease.ageMs >= 101_000)
        #expect(broker.checkInvariants() == [])
    }

    @Test("each process of a pool that joins is counted for ten minutes; a worker that comes back is not")
    func joins() throws {
        let broker = SimulatedBroker(seed: 3)
        let alice = broker.join("alice", slots: 1)
        _ = broker.join("bob", slots: 1)
        broker.rejoin(alice)
        let joins = try ask(broker).health.joins
        #expect(joins.map(\.joined).reduce(0, +) == 2)
        broker.advance(by: .seconds(600))
        #expect(try ask(broker).health.joins.isEmpty)
    }
}

@Suite("The log of joins") struct JoinLogTests {
    private func instant(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    @Test("a join counts for ten minutes and not a moment longer")
    func window() {
        var log = JoinLog()
        log.note("tools", at: instant(0))
        log.note("tools", at: instant(1))
        #expect(log.counts(at: instant(599)).first?.joined == 2)
        #expect(log.counts(at: instant(600)).first?.joined == 1)
        #expect(log.counts(at: instant(601)).isEmpty)
    }

    @Test("pools beyond the bound make room for each other only when they are old, and each count has an end")
    func bounds() {
        var log = JoinLog()
        for number in 0..<(JoinLog.poolsMax + 5) { log.note("pool-\(number)", at: instant(0)) }
        #expect(log.counts(at: instant(0)).count == JoinLog.poolsMax)
        log.note("late", at: instant(600))
        #expect(log.counts(at: instant(600)).map(\.pool) == ["late"])
        for _ in 0..<300 { log.note("late", at: instant(601)) }
        #expect(log.counts(at: instant(601)).first?.joined == JoinLog.joinsMax)
    }
}
