import Foundation
import StintCore
import StintTestKit
import StintWire
import Testing

@Suite("Cancel, replay, discard") struct DeadJobTests {
    /// Jobs that died, by one worker that fails them all.
    private func dead(_ count: Int, in broker: SimulatedBroker) throws -> [JobID] {
        let client = broker.connect()
        let ids = (0..<count).map { _ in broker.nextID() }
        var group = SimulatedBroker.group(ids, type: "mail")
        group.attempts = 1
        #expect(broker.enqueue([group], by: client) == .stored)
        let alice = broker.join("alice", slots: 1_000)
        var left = Set(ids)
        while !left.isEmpty {
            let leases = ids.filter { left.contains($0) }.compactMap { broker.assignment(of: $0, to: alice) }
            try #require(!leases.isEmpty)
            for lease in leases { left.remove(lease.id) }
            var detail = Stint_V1_SettleDetail()
            detail.outcome = .failed
            let answers = broker.settle(leases.map { ($0, detail, []) }, by: alice)
            #expect(answers.allSatisfy { $0 == .accepted })
            alice.clear()
        }
        broker.send(.bye(Stint_V1_Bye()), from: alice)
        broker.run()
        return ids
    }

    private func replay(
        _ selection: Stint_V1_DeadSelection, request: JobID, in broker: SimulatedBroker, by client: SimulatedPeer
    ) -> Stint_V1_OperationAnswer? {
        var message = Stint_V1_ReplayDead()
        message.request = 1
        message.requestID = Data(request)
        message.selection = selection
        client.clear()
        broker.ask(.replayDead(message), from: client)
        for case .operationAnswer(let answer) in client.received { return answer }
        return nil
    }

    @Test("dead jobs are replayed by id, all or none, and a repeated request gets the first answer")
    func byID() throws {
        let broker = SimulatedBroker(seed: 1)
        let ids = try dead(3, in: broker)
        let client = broker.connect()
        var selection = Stint_V1_DeadSelection()
        selection.ids = Data(ids: [ids[0], broker.enqueue(type: "other")])
        #expect(replay(selection, request: broker.nextID(), in: broker, by: client) == nil)  // one is not dead
        #expect(broker.state(of: ids[0]) == .dead)
        selection.ids = Data(ids: [ids[0], ids[1], ids[0]])
        let request = broker.nextID()
        #expect(replay(selection, request: request, in: broker, by: client)?.jobs == 2)
        #expect(broker.state(of: ids[0]) == .ready)
        #expect(replay(selection, request: request, in: broker, by: client)?.jobs == 2)
        broker.crash()
        broker.reconnect(client)
        #expect(replay(selection, request: request, in: broker, by: client)?.jobs == 2)
        #expect(broker.state(of: ids[2]) == .dead)
        #expect(broker.details(ids[0])?.attempts.count == 1)  // the history stays
        #expect(broker.checkInvariants() == [])
    }

    // Goal: a bulk replay survives a restart in its middle and touches each job once. Method: more jobs than one step
    // takes, a crash after the first step.
    @Test("a bulk replay goes on after a restart in its middle")
    func bulk() throws {
        let broker = SimulatedBroker(seed: 2)
        let ids = try dead(1_700, in: broker)
        let client = broker.connect()
        var selection = Stint_V1_DeadSelection()
        selection.all = true
        broker.holdsCommits = true
        var message = Stint_V1_ReplayDead()
        message.request = 1
        message.requestID = Data(broker.nextID())
        message.selection = selection
        broker.send(.replayDead(message), from: client)
        broker.step()  // the operation is handed to the store
        broker.holdsCommits = false
        broker.step()  // it is durable, and the first step is taken
        broker.step()
        let dead = broker.storedRows().count { $0.state == .dead }
        #expect(dead > 0 && dead < 1_700)
        broker.crash()
        broker.run()
        #expect(broker.storedRows().count { $0.state == .ready } == ids.count)
        #expect(broker.status()?.operations.isEmpty == true)
        #expect(broker.checkInvariants() == [])
    }

    @Test("a job that is only on disk is cancelled, and a page under way does not bring it back")
    func coldCancel() throws {
        let broker = SimulatedBroker(seed: 3)
        let job = broker.enqueue()
        let kept = broker.enqueue()
        broker.crash()
        broker.holdsPages = true
        let alice = broker.join("alice", slots: 4)  // wants a page, which shows both jobs
        let client = broker.connect()
        var cancel = Stint_V1_Cancel()
        cancel.request = 1
        cancel.requestID = Data(broker.nextID())
        cancel.id = Data(job)
        broker.ask(.cancel(cancel), from: client)
        let late = broker.enqueue()  // arrives behind the page
        broker.holdsPages = false
        broker.run()
        broker.run()
        #expect(broker.assignment(of: job, to: alice) == nil)
        #expect(broker.assignment(of: kept, to: alice) != nil)
        #expect(broker.assignment(of: late, to: alice) != nil)
        #expect(broker.state(of: job) == .cancelled)
        #expect(broker.checkInvariants() == [])
    }

    // Goal: a page that is older than an arrival or a departure of the same turn is not taken for the whole line.
    @Test("a page read before the batch of an arrival commits does not lose the job")
    func pageOlderThanArrival() throws {
        let broker = SimulatedBroker(seed: 4)
        _ = broker.enqueue()
        broker.crash()
        let client = broker.connect()
        broker.holdsCommits = true
        let late = broker.nextID()
        _ = broker.enqueue([SimulatedBroker.group([late], type: "mail")], by: client)
        let alice = broker.join("alice", slots: 4)  // the page is read before the job is on disk
        broker.holdsCommits = false
        broker.run()
        broker.run()
        #expect(broker.assignment(of: late, to: alice) != nil)
        #expect(broker.checkInvariants() == [])
    }

    @Test(
        "a leased job that is cancelled is completed if its worker says so in time, else cancelled",
        arguments: [true, false])
    func cancelLeased(completes: Bool) throws {
        let broker = SimulatedBroker(seed: 5)
        let alice = broker.join("alice", slots: 1)
        let job = broker.enqueue()
        let lease = try #require(broker.assignment(of: job, to: alice))
        let client = broker.connect()
        var cancel = Stint_V1_Cancel()
        cancel.request = 1
        cancel.requestID = Data(broker.nextID())
        cancel.id = Data(job)
        broker.ask(.cancel(cancel), from: client)
        #expect(alice.received.contains { if case .revoke = $0 { true } else { false } })
        let answer = completes ? broker.complete(lease, by: alice) : broker.fail(lease, by: alice)
        #expect(answer == .accepted)
        #expect(broker.state(of: job) == (completes ? .completed : .cancelled))
    }

    // Goal: a job of children is stored with the completion, or neither is.
    @Test("children are committed with the result, and a conflicting child fails the attempt")
    func children() throws {
        let broker = SimulatedBroker(seed: 6)
        let alice = broker.join("alice", slots: 4)
        let child = broker.nextID()
        let parents = (0..<2).map { _ in broker.enqueue() }
        let leases = try parents.map { try #require(broker.assignment(of: $0, to: alice)) }
        var detail = Stint_V1_SettleDetail()
        detail.children = [SimulatedBroker.group([child], type: "other")]
        // Two parents of one message bring the same child.
        #expect(broker.settle(leases.map { ($0, detail, []) }, by: alice) == [.accepted, .accepted])
        #expect(broker.state(of: child) == .ready)
        let third = broker.enqueue()
        let lease = try #require(broker.assignment(of: third, to: alice))
        let stranger = SimulatedBroker.group([child], type: "other", payload: [UInt8(ascii: "1")])
        let orphan = broker.nextID()
        let children = [SimulatedBroker.group([orphan], type: "other"), stranger]
        #expect(broker.complete(lease, by: alice, children: children) == .accepted)
        #expect(broker.state(of: third) == .dead)
        #expect(broker.details(third)?.error.contains(child.description) == true)
        #expect(broker.details(orphan) == nil)
        #expect(broker.checkInvariants() == [])
    }

    @Test("a settlement whose commit is lost stores neither result nor children")
    func lostChildren() throws {
        let broker = SimulatedBroker(seed: 7)
        let alice = broker.join("alice", slots: 1)
        let job = broker.enqueue()
        let lease = try #require(broker.assignment(of: job, to: alice))
        let child = broker.nextID()
        broker.failsNextCommit = .isLost
        let group = SimulatedBroker.group([child], type: "other")
        #expect(broker.complete(lease, by: alice, children: [group]) == .silence)
        #expect(broker.details(child) == nil)
        broker.rejoin(alice, holding: [(lease, .settled)])
        #expect(broker.complete(lease, by: alice, children: [group]) == .accepted)
        #expect(broker.state(of: child) == .ready)
    }
}
