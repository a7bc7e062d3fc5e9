import StintCore
import Testing

@Suite("Recovery") struct RecoveryTests {
    @Test("the grants on disk are the leases after a restart; their worker adopts them and settles under the old token")
    func adoption() throws {
        var broker = TestBroker()
        let instance = broker.freshInstance()
        let alice = broker.join("alice", slots: 3, instance: instance)
        let jobs = broker.enqueue(count: 3)
        let leases = try jobs.map { try #require(broker.lease(of: $0, to: alice)) }
        broker.settle(leases[0])
        broker.restart()
        #expect(jobs.map { broker.state.jobs[$0]?.lease.token } == [nil, leases[1].token, leases[2].token])
        broker.check()
        let again = broker.join(
            "alice", slots: 3, holding: [WorkerHello.Held(lease: leases[1].reference, state: .running)],
            instance: instance)
        #expect(broker.settle(leases[1], from: again) == .accepted)
        #expect(broker.jobState(jobs[1]) == .completed)
        #expect(try #require(broker.lease(of: jobs[2], to: again)).token > leases[2].token)
        broker.check()
    }

    @Test("a lease has a whole fresh period after a restart, then its worker is missed")
    func freshPeriod() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let job = broker.enqueue()
        let lease = try #require(broker.lease(of: job, to: alice))
        for _ in 0..<2 { broker.advance(by: .seconds(5)) }
        broker.restart()
        for _ in 0..<3 { broker.advance(by: .milliseconds(4_999)) }
        #expect(broker.state.isLeased(job, under: lease.token))
        broker.advance(by: .milliseconds(3))
        #expect(!broker.state.isLeased(job, under: lease.token))
        #expect(broker.row(job)?.attempt == 1, "a lease of a former life was sent")
        broker.check()
    }

    @Test("what was decided and not durable never happened, and its tokens are not given again")
    func lostBatch() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        broker.isInstant = false
        let job = broker.enqueue()
        #expect(broker.lease(of: job, to: alice) != nil)
        broker.isInstant = true
        broker.restart()
        #expect(broker.row(job) == nil && broker.state.jobs.count == 0)
        _ = broker.join("bob")
        broker.enqueue()
        broker.check()
    }

    @Test("entries that are settled or superseded are skipped, and a grant without any other is ended")
    func skipped() throws {
        var broker = TestBroker()
        let alice = broker.join("alice", slots: 2)
        let jobs = broker.enqueue(count: 2)
        broker.settle(try #require(broker.lease(of: jobs[0], to: alice)))
        broker.settle(
            try #require(broker.lease(of: jobs[1], to: alice)),
            AttemptEnding(.snoozed, counts: false, retryAfter: .seconds(3_600)))
        // As if the end of the grant had been lost: entries of jobs that moved on.
        let rows = try jobs.map { try #require(broker.row($0)) }
        let first = FencingToken(epoch: 1, sequence: 1)
        let entries = rows.enumerated().map { offset, row in
            GrantRow.Entry(serial: row.serial, offset: UInt32(offset), attempt: 1)
        }
        broker.decided.grants[first] = GrantRow(
            first: first, worker: 1, slots: 2, grantedAt: broker.now.wall, entries: entries)
        broker.commit()
        broker.restart()
        #expect(broker.state.grants.count == 0 && broker.decided.grants.isEmpty)
        broker.check()
    }

    @Test("ready and scheduled jobs come back in their order, a page at a time")
    func backlog() throws {
        var broker = TestBroker()
        let count = Limits.pageRows * 2 + 10
        let jobs = broker.enqueue(count: count)
        let late = broker.enqueue(priority: 1)
        let scheduled = broker.enqueue(after: .seconds(1))
        broker.restart()
        #expect(broker.state.jobs.count == 0)
        let alice = broker.join("alice", slots: 2)
        #expect(broker.held(by: alice).map(\.job) == [late, jobs[0]])
        #expect(broker.state.jobs.count < Limits.pageRows + 10)
        broker.check()
        broker.advance(by: .seconds(1))
        #expect(broker.jobState(scheduled) == .ready)
        broker.check()
    }
}
