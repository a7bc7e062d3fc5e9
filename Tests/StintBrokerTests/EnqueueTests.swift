import Foundation
import StintCore
import StintTestKit
import StintWire
import Testing

@Suite("Enqueue") struct EnqueueTests {
    static let other = Array("\"other\"".utf8)

    // Goal: one id, one job, wherever the first one is at that moment. Method: the same enqueue again while the first
    // is on disk only, in the batch that commits, and in the open batch.
    @Test("a job that is only on disk is found again")
    func duplicateOnDisk() throws {
        let broker = SimulatedBroker(seed: 1)
        let first = broker.enqueue()
        let alice = broker.join("alice", slots: 1)
        #expect(broker.complete(try #require(broker.assignment(of: first, to: alice)), by: alice) == .accepted)
        broker.crash()
        let client = broker.connect()
        #expect(broker.enqueue([SimulatedBroker.group([first], type: "mail")], by: client) == .duplicates([0]))
        let fresh = broker.nextID()
        #expect(broker.enqueue([SimulatedBroker.group([fresh, first], type: "mail")], by: client) == .duplicates([1]))
        #expect(
            broker.enqueue([SimulatedBroker.group([first], type: "mail", payload: Self.other)], by: client)
                == .refused(.conflict))
        #expect(broker.enqueue([SimulatedBroker.group([first], type: "image")], by: client) == .refused(.conflict))
        #expect(broker.checkInvariants() == [])
    }

    @Test("a job in a batch that is not durable yet is found, and the answer waits for that batch")
    func duplicateUnderWay() {
        let broker = SimulatedBroker(seed: 2)
        let client = broker.connect()
        let id = broker.nextID()
        let group = SimulatedBroker.group([id], type: "mail")
        broker.holdsCommits = true
        #expect(broker.enqueue([group], by: client) == .silence)  // in the batch that is being committed
        #expect(broker.enqueue([group], by: client) == .silence)  // a duplicate from memory waits as well
        let late = broker.nextID()
        let lateGroup = SimulatedBroker.group([late], type: "mail")
        #expect(broker.enqueue([lateGroup], by: client) == .silence)  // in the open batch
        #expect(broker.enqueue([lateGroup], by: client) == .silence)
        let conflict = SimulatedBroker.group([late], type: "mail", payload: Self.other)
        #expect(broker.enqueue([conflict], by: client) == .silence)
        broker.holdsCommits = false
        broker.run()
        broker.run()
        let answers = (1...5).map { broker.enqueueAnswer(to: UInt64($0), for: client) }
        #expect(answers == [.stored, .duplicates([0]), .stored, .duplicates([0]), .refused(.conflict)])
        #expect(broker.storedRows().count == 2)
    }

    @Test("of one id twice in one message the second is a duplicate, or refuses the message when it differs")
    func twiceInOneMessage() {
        let broker = SimulatedBroker(seed: 3)
        let client = broker.connect()
        let id = broker.nextID()
        #expect(broker.enqueue([SimulatedBroker.group([id, id], type: "mail")], by: client) == .duplicates([1]))
        let next = broker.nextID()
        let groups = [
            SimulatedBroker.group([next], type: "mail"),
            SimulatedBroker.group([next], type: "mail", payload: Self.other),
        ]
        #expect(broker.enqueue(groups, by: client) == .refused(.conflict))
        #expect(broker.details(next) == nil)  // all or nothing
    }

    @Test("a conflict refuses the whole message and stores nothing of it")
    func allOrNothing() {
        let broker = SimulatedBroker(seed: 4)
        let taken = broker.enqueue()
        let client = broker.connect()
        let fresh = broker.nextID()
        let groups = [
            SimulatedBroker.group([fresh], type: "mail"),
            SimulatedBroker.group([taken], type: "mail", payload: Self.other),
        ]
        #expect(broker.enqueue(groups, by: client) == .refused(.conflict))
        #expect(broker.details(fresh) == nil)
        #expect(broker.checkInvariants() == [])
    }

    // Goal: whoever enqueues duplicates for ever costs the broker nothing. Method: refused and repeated requests on a
    // broker that commits nothing; what waits in the open batch is counted.
    @Test("payloads of what is not stored do not pile up")
    func refusedBytesAreForgotten() {
        let broker = SimulatedBroker(seed: 5)
        let client = broker.connect()
        let payload = [UInt8](repeating: UInt8(ascii: "7"), count: 100_000)
        let id = broker.enqueue(payload: payload)
        for _ in 0..<200 {
            client.clear()
            _ = broker.enqueue([SimulatedBroker.group([id], type: "mail", payload: payload)], by: client)
        }
        #expect(broker.turn.openBytes < 1_000_000)
        #expect(broker.turn.readsClients)
    }

    @Test("the limits of a request are kept on both sides")
    func limits() {
        let broker = SimulatedBroker(seed: 6)
        let client = broker.connect()
        func answer(_ change: (inout Stint_V1_JobGroup) -> Void) -> EnqueueAnswer {
            var group = SimulatedBroker.group([broker.nextID()], type: "mail")
            change(&group)
            return broker.enqueue([group], by: client)
        }
        #expect(answer { $0.priority = 100 } == .stored)
        #expect(answer { $0.priority = 101 } == .refused(.invalid))
        #expect(answer { $0.attempts = 1_000 } == .stored)
        #expect(answer { $0.attempts = 1_001 } == .refused(.invalid))
        #expect(answer { $0.delayMs = UInt64(Limits.delayMax.inMilliseconds) } == .stored)
        #expect(answer { $0.delayMs = UInt64(Limits.delayMax.inMilliseconds) + 1 } == .refused(.invalid))
        #expect(answer { $0.type = String(repeating: "a", count: 128) } == .stored)
        #expect(answer { $0.type = String(repeating: "a", count: 129) } == .refused(.invalid))
        #expect(answer { $0.ids.removeLast() } == .refused(.invalid))
        #expect(answer { $0.payloads.removeLast() } == .refused(.invalid))
        #expect(broker.checkInvariants() == [])
    }

    @Test("a scheduled job becomes ready when it is due, not before")
    func delay() {
        let broker = SimulatedBroker(seed: 7)
        let id = broker.enqueue(delay: .seconds(3))
        broker.advance(by: .milliseconds(2_999))
        #expect(broker.state(of: id) == .scheduled)
        broker.advance(by: .milliseconds(1))
        #expect(broker.state(of: id) == .ready)
        #expect(broker.checkInvariants() == [])
    }

    @Test("when the open batch is full, clients are not read, and workers are")
    func backpressure() {
        let broker = SimulatedBroker(seed: 8)
        let client = broker.connect()
        broker.holdsCommits = true
        _ = broker.enqueue([SimulatedBroker.group([broker.nextID()], type: "mail")], by: client)
        for _ in 0..<2 {
            let ids = (0..<10_000).map { _ in broker.nextID() }
            _ = broker.enqueue([SimulatedBroker.group(ids, type: "mail")], by: client)
        }
        #expect(!broker.turn.readsClients && broker.turn.readsWorkers)
        let late = broker.nextID()
        _ = broker.enqueue([SimulatedBroker.group([late], type: "mail")], by: client)
        broker.holdsCommits = false
        broker.run()
        broker.run()
        #expect(broker.turn.readsClients)
        #expect(broker.details(late) != nil)
        #expect(broker.storedRows().count == 20_002)
    }

    @Test("a draining broker and a full disk refuse new jobs and take settlements")
    func refusals() throws {
        let broker = SimulatedBroker(seed: 9)
        let alice = broker.join("alice", slots: 1)
        let lease = try #require(broker.assignment(of: broker.enqueue(), to: alice))
        let client = broker.connect()
        broker.change { $0.storeIsFull = true }
        #expect(
            broker.enqueue([SimulatedBroker.group([broker.nextID()], type: "mail")], by: client) == .refused(.storeFull)
        )
        broker.change { $0.drain() }
        #expect(
            broker.enqueue([SimulatedBroker.group([broker.nextID()], type: "mail")], by: client) == .refused(.draining))
        #expect(broker.complete(lease, by: alice) == .accepted)
    }
}
