import StintCore
import Testing

@Suite("Dispatch") struct DispatchTests {
    @Test("higher priority first, and first come first served within one")
    func order() throws {
        var broker = TestBroker()
        let low = broker.enqueue(priority: -100)
        let first = broker.enqueue()
        let second = broker.enqueue()
        let high = broker.enqueue(priority: 100)
        let alice = broker.join("alice")
        for job in [high, first, second, low] {
            let lease = try #require(broker.held(by: alice).first)
            #expect(lease.job == job)
            broker.settle(lease)
        }
        #expect(broker.held(by: alice).isEmpty)
        broker.check()
    }

    @Test("a job that is enqueued while a slot is free is granted in the same turn and the same batch")
    func sameTurn() {
        var broker = TestBroker()
        let alice = broker.join("alice")
        broker.isInstant = false
        let job = broker.enqueue()
        #expect(broker.lease(of: job, to: alice) != nil)
        #expect(broker.durable.rows[job] == nil && broker.decided.grants.count == 1)
        broker.check()
    }

    @Test("a page that came to nothing is asked for again only when something became durable")
    func voidPages() {
        var bounds = Bounds()
        bounds.pageChanges = 3
        var broker = TestBroker(bounds: bounds)
        broker.enqueue(count: 4)
        broker.isInstant = false
        broker.restart()
        let alice = broker.join("alice", slots: 20)
        #expect(broker.pages.count == 1)
        broker.enqueue(count: 5)
        broker.readPage()
        broker.deliverPage()
        for _ in 0..<3 { broker.turn() }
        #expect(broker.pages.isEmpty && broker.held(by: alice).isEmpty, "more changed than it remembers")
        broker.commit()
        broker.turn()
        #expect(broker.pages.count == 1)
        broker.isInstant = true
        broker.turn()
        #expect(broker.held(by: alice).count == 9)
        broker.check()
    }

    @Test("types of one pool take turns")
    func typesTakeTurns() throws {
        var broker = TestBroker()
        let mail = broker.enqueue(count: 3, type: "mail")
        let report = broker.enqueue(count: 3, type: "report")
        let alice = broker.join("alice", types: ["mail", "report"])
        var order: [Bool] = []
        for _ in 0..<6 {
            let lease = try #require(broker.held(by: alice).first)
            order.append(mail.contains(lease.job))
            broker.settle(lease)
        }
        #expect(order == [true, false, true, false, true, false])
        #expect(report.allSatisfy { broker.jobState($0) == .completed })
        broker.check()
    }

    @Test("workers of one pool take turns, so nobody is full while another is idle")
    func workersTakeTurns() {
        var broker = TestBroker()
        let workers = ["alice", "bob", "carol"].map { broker.join($0, slots: 4) }
        broker.enqueue(count: 6)
        #expect(workers.map { broker.held(by: $0).count } == [2, 2, 2])
        broker.check()
    }

    @Test("a worker is given as many jobs as it has slots while their type is not measured")
    func slots() {
        var broker = TestBroker()
        let alice = broker.join("alice", slots: 3)
        broker.enqueue(count: 10)
        #expect(broker.held(by: alice).count == 3)
        broker.check()
    }

    // Prefetch is time: at most 10 ms of work per slot by the measured mean.
    @Test(
        "short types are prefetched up to 10 ms of work, long ones never",
        arguments: [
            (1_000, 10), (5_000, 2), (6_000, 2), (9_999, 2), (10_000, 1), (10_001, 1), (60_000_000, 1),
        ] as [(UInt32, Int)])
    func prefetch(_ microseconds: UInt32, _ expected: Int) throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let first = broker.enqueue()
        broker.settle(try #require(broker.lease(of: first)), microseconds: microseconds)
        broker.enqueue(count: 30)
        #expect(broker.held(by: alice).count == expected)
        broker.check()
    }

    @Test("a free slot elsewhere comes before prefetching here")
    func slotsBeforePrefetch() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        let measured = broker.enqueue()
        broker.settle(try #require(broker.lease(of: measured)), microseconds: 1_000)
        let bob = broker.join("bob")
        broker.enqueue(count: 2)
        #expect([alice, bob].map { broker.held(by: $0).count } == [1, 1])
        broker.enqueue(count: 1)
        #expect([alice, bob].map { broker.held(by: $0).count }.sorted() == [1, 2])
        broker.check()
    }

    @Test("a worker that withdrew a type gets none of it, and the others of its pool still do")
    func withdrawn() throws {
        var broker = TestBroker()
        let alice = broker.join("alice", types: ["mail", "report"], slots: 2)
        broker.withdraw("mail", alice)
        let mail = broker.enqueue(type: "mail")
        let report = broker.enqueue(type: "report")
        #expect(broker.lease(of: mail) == nil && broker.lease(of: report, to: alice) != nil)
        let bob = broker.join("bob", types: ["report", "mail"])
        #expect(broker.lease(of: mail, to: bob) != nil)
        broker.withdraw("no_such_type", alice)
        broker.check()
    }

    @Test("a type that nobody serves waits; it never fails for that")
    func unserved() {
        var broker = TestBroker()
        _ = broker.join("alice", types: ["report"])
        let job = broker.enqueue(type: "mail")
        #expect(broker.jobState(job) == .ready && broker.lease(of: job) == nil)
        let bob = broker.join("bob", types: ["mail"])
        #expect(broker.lease(of: job, to: bob) != nil)
        broker.check()
    }

    @Test("a worker without types is fed nothing")
    func noTypes() {
        var broker = TestBroker()
        let alice = broker.join("alice", types: [])
        broker.enqueue()
        #expect(broker.held(by: alice).isEmpty)
        broker.check()
    }

    @Test("a draining broker grants nothing and keeps what is held")
    func drainingBroker() throws {
        var broker = TestBroker()
        let alice = broker.join("alice", slots: 2)
        let held = broker.enqueue()
        broker.event { state, _, _ in state.drain() }
        let job = broker.enqueue()
        #expect(broker.lease(of: job) == nil)
        #expect(broker.settle(try #require(broker.lease(of: held, to: alice))) == .accepted)
        broker.check()
    }

    @Test("an assign message is split by its number of jobs")
    func splitByCount() {
        var broker = TestBroker()
        let alice = broker.join("alice", slots: 1_500)
        broker.actions = []
        broker.enqueue(count: 1_500, payloadBytes: 1)
        let ranges = broker.actions.compactMap { action -> Int? in
            if case .assign(_, _, let jobs) = action { jobs.count } else { nil }
        }
        #expect(ranges == [1_024, 476])
        #expect(broker.held(by: alice).count == 1_500 && broker.decided.grants.count == 2)
        broker.check()
    }

    @Test("an assign message is split by bytes, and one payload that is larger travels alone")
    func splitByBytes() {
        var broker = TestBroker()
        _ = broker.join("alice", slots: 8)
        broker.actions = []
        let half = UInt32(Limits.assignBytesMax / 2)
        let sizes = [half, half, 1, half, UInt32(Limits.assignBytesMax) + 1, 1]
        let submissions = sizes.map { broker.submission(payloadBytes: $0) }
        broker.enqueue(submissions)
        let ranges = broker.actions.compactMap { action -> Int? in
            if case .assign(_, _, let jobs) = action { jobs.count } else { nil }
        }
        #expect(ranges == [2, 2, 1, 1])
        broker.check()
    }

    @Test("tokens rise over workers, grants and lives of the broker")
    func tokensRise() throws {
        var broker = TestBroker()
        let alice = broker.join("alice")
        var last = FencingToken.none
        let job = broker.enqueue(attempts: 10)
        for _ in 0..<3 {
            let lease = try #require(broker.lease(of: job))
            #expect(lease.token > last)
            last = lease.token
            broker.fail(lease)
            broker.advance(by: .milliseconds(1))
        }
        broker.bye(alice)
        broker.restart()
        _ = broker.join("bob")
        #expect(try #require(broker.lease(of: job)).token > last)
        broker.check()
    }
}
