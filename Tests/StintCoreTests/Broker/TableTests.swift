import StintCore
import Testing

@Suite("JobTable") struct JobTableTests {
    @Test("a job is found by its id until it is removed, and its slot is used again under a new stamp")
    func life() {
        var jobs = JobTable()
        let first = jobs.insert(WindowTests.Line.row(1), .ready)
        let stamp = jobs[first].stamp
        #expect(jobs.slot(of: WindowTests.Line.row(1).id) == first && jobs.isLive(first, stamp: stamp))
        jobs.move(first, to: .leased)
        #expect(!jobs.isLive(first, stamp: stamp))
        let leased = jobs[first].stamp
        jobs.remove(first)
        #expect(jobs.count == 0 && jobs.slot(of: WindowTests.Line.row(1).id) == nil)
        #expect(!jobs.isLive(first, stamp: leased))
        let second = jobs.insert(WindowTests.Line.row(2), .scheduled)
        #expect(second == first && jobs[second].row.rank == 2)
        #expect(!jobs.isLive(second, stamp: stamp) && !jobs.isLive(second, stamp: leased))
    }

    @Test("a slot that is used again carries nothing of the lease before")
    func freshLease() {
        var jobs = JobTable()
        let slot = jobs.insert(WindowTests.Line.row(1), .leased)
        jobs[slot].lease.token = FencingToken(epoch: 1, sequence: 1)
        jobs.remove(slot)
        _ = jobs.insert(WindowTests.Line.row(2), .ready)
        #expect(jobs[slot].lease.token == .none && jobs[slot].lease.grant == -1)
    }
}

@Suite("Lines") struct LinesTests {
    @Test("counts follow a row from its birth to its removal and are written once per batch")
    func counts() {
        var lines = Lines()
        let type = lines.add("mail", policy: Policy(), end: nil)
        let row = JobRow(
            id: JobID(high: 1, low: 1), serial: 1, type: type, state: .ready, priority: 0, rank: 0,
            runAt: WallTime(milliseconds: 0), createdAt: WallTime(milliseconds: 0), attemptsMax: 1, payloadBytes: 10,
            digest: 0)
        lines.move(row, from: nil, to: .ready)
        lines.move(row, from: nil, to: .ready)
        #expect(lines[type].counts.unfinished == 2 && lines[type].counts.unfinishedBytes == 20)
        lines.move(row, from: .ready, to: .scheduled)
        #expect(lines[type].counts.unfinished == 2 && lines[type].counts.unfinishedBytes == 20)
        lines.move(row, from: .scheduled, to: .completed)
        lines.move(row, from: .completed, to: nil)
        #expect(lines[type].counts.ready == 1 && lines[type].counts.completed == 0)
        #expect(lines[type].counts.unfinished == 1 && lines[type].counts.unfinishedBytes == 10)
        var effects = Effects()
        lines.writeCounts(into: &effects)
        #expect(effects.rows.count == 1)
        lines.writeCounts(into: &effects)
        #expect(effects.rows.count == 1, "what did not change is not written again")
        #expect(lines.index(of: "mail") == type && lines.index(of: "Mail") == nil)
    }

    @Test("the mean starts with the first measure and follows later ones by a sixteenth")
    func mean() {
        var lines = Lines()
        let type = lines.add("mail", policy: Policy(), end: nil)
        #expect(lines[type].meanMicroseconds == nil)
        lines.measured(type, microseconds: 1_600)
        #expect(lines[type].meanMicroseconds == 1_600)
        lines.measured(type, microseconds: 0)
        #expect(lines[type].meanMicroseconds == 1_500)
    }
}

@Suite("GrantTable, WorkerTable and PoolTable") struct SmallTableTests {
    @Test("a grant goes with its last lease, and its place is used again")
    func grants() throws {
        var broker = TestBroker()
        let alice = broker.join("alice", slots: 2)
        broker.enqueue(count: 2)
        let leases = broker.held(by: alice)
        broker.settle(leases[0])
        #expect(broker.state.grants.count == 1 && broker.decided.grants.count == 1)
        broker.settle(leases[1])
        #expect(broker.state.grants.count == 0 && broker.decided.grants.isEmpty)
        broker.enqueue()
        #expect(broker.state.grants.count == 1 && broker.state.grants.all.count == 1)
        broker.check()
    }

    @Test("a worker is found by its instance and by its last session only")
    func workers() {
        var broker = TestBroker()
        let instance = broker.freshInstance()
        let first = broker.join("alice", instance: instance)
        let second = broker.join("alice", instance: instance)
        let workers = broker.state.workers
        #expect(workers.slot(of: first) == nil && workers.slot(of: second) == workers.slot(of: instance))
        broker.bye(second)
        #expect(broker.state.workers.slot(of: instance) == nil && broker.state.workers.count == 0)
        broker.check()
    }

    @Test("workers of one set of types share a pool, in whatever order they name them and however often")
    func pools() {
        var broker = TestBroker()
        _ = broker.join("alice", types: ["mail", "report"])
        _ = broker.join("bob", types: ["report", "mail", "report"])
        #expect(broker.state.pools.all.count == 1 && broker.state.pools[0].workers == 2)
        _ = broker.join("carol", types: ["mail"])
        #expect(broker.state.pools.all.count == 2)
        broker.check()
    }
}
