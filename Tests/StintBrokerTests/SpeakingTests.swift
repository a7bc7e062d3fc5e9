import Foundation
import StintCore
import StintTestKit
import StintWire
import Testing

@Suite("Persist, then speak") struct SpeakingTests {
    // Goal: nothing that is not durable is said. Method: commits are held back; what peers hear meanwhile is counted.
    @Test("while a commit is under way only pongs leave")
    func onlyPongs() throws {
        let broker = SimulatedBroker(seed: 1)
        let alice = broker.join("alice", slots: 4)
        let client = broker.connect()
        let done = broker.enqueue()
        let lease = try #require(broker.assignment(of: done, to: alice))
        alice.clear()
        client.clear()
        broker.holdsCommits = true
        #expect(broker.complete(lease, by: alice) == .silence)
        #expect(broker.enqueue([SimulatedBroker.group([broker.nextID()], type: "mail")], by: client) == .silence)
        var get = Stint_V1_GetJob()
        get.request = 90
        get.id = Data(done)
        broker.ask(.getJob(get), from: client)  // even a question waits for what was decided before it
        broker.heartbeat(alice)
        #expect(client.received.isEmpty)
        #expect(alice.received.count == 1)
        guard case .pong = alice.received.first else {
            Issue.record("expected a pong, got \(alice.received)")
            return
        }
        broker.holdsCommits = false
        broker.run()
        broker.run()
        #expect(client.received.count == 2)
        #expect(alice.received.contains { if case .settled = $0 { true } else { false } })
        #expect(alice.received.contains { if case .assign = $0 { true } else { false } })
    }

    // Goal: the outcome of a commit that failed is unknown; the broker ends without a word, and both outcomes are safe.
    @Test(
        "after a failed commit nothing is said, and a repetition is right either way",
        arguments: [SimulatedBroker.FailedCommit.isLost, .isDurable])
    func failedCommit(_ how: SimulatedBroker.FailedCommit) {
        let broker = SimulatedBroker(seed: 2)
        let client = broker.connect()
        client.clear()
        let id = broker.nextID()
        let group = SimulatedBroker.group([id], type: "mail")
        broker.failsNextCommit = how
        #expect(broker.enqueue([group], by: client) == .silence)
        #expect(client.received.isEmpty)
        #expect(broker.life == 2)
        broker.reconnect(client)
        #expect(broker.enqueue([group], by: client) == (how == .isLost ? .stored : .duplicates([0])))
        #expect(broker.storedRows().count == 1)
        #expect(broker.checkInvariants() == [])
    }

    @Test("a session that is unknown, or speaks from another address, is told to say hello")
    func unknownSessions() throws {
        let broker = SimulatedBroker(seed: 3)
        let alice = broker.join("alice", slots: 1)
        let client = broker.connect()
        broker.crash()
        for peer in [alice, client] {
            peer.clear()
            broker.send(.getStatus(Stint_V1_GetStatus()), from: peer)
            broker.run()
            guard case .sayHello = peer.received.last else {
                Issue.record("expected to be told to say hello, got \(peer.received)")
                return
            }
        }
        broker.rejoin(alice)
        broker.move(alice)
        alice.clear()
        broker.heartbeat(alice)
        guard case .sayHello = alice.received.last else {
            Issue.record("a session moved to another connection unnoticed")
            return
        }
    }

    // Goal: whatever bytes come in, the broker stands and counts them. Method: known tricks and random bytes.
    @Test("malformed frames are counted and harmless")
    func malformedFrames() throws {
        let broker = SimulatedBroker(seed: 4)
        let alice = broker.join("alice", slots: 1)
        let job = broker.enqueue()
        let lease = try #require(broker.assignment(of: job, to: alice))
        var random = SeededRandom(seed: 4)
        let real = Frame.encode(.heartbeat(Stint_V1_Heartbeat(number: 1, running: [lease.lease])), session: 5)
        var frames: [[UInt8]] = [
            [], [0], [0xFF], Array(repeating: 0xFF, count: 4_096), Array(repeating: 10, count: 999),
        ]
        for _ in 0..<2_000 {
            var body = real
            body[Int(random.next(upTo: UInt64(body.count - 1)))] = UInt8(truncatingIfNeeded: random.next())
            frames.append(random.next(upTo: 1) == 0 ? body : body.map { _ in UInt8(truncatingIfNeeded: random.next()) })
        }
        for frame in frames {
            broker.deliver(fromWorker: frame, at: alice.address)
            broker.deliver(fromClient: frame, at: alice.address)
        }
        broker.run()
        #expect(broker.turn.refusals[.malformed] > 1_000)
        #expect(broker.complete(lease, by: alice) == .accepted)
        #expect(broker.checkInvariants() == [])
    }

    @Test("a message of the wrong side, and one that breaks a limit, is refused")
    func brokenMessages() {
        let broker = SimulatedBroker(seed: 5)
        // A worker's session ends with its first broken message, so each of these gets one of its own.
        let (alice, bob) = (broker.join("alice", slots: 1), broker.join("bob", slots: 1))
        let client = broker.connect()
        var list = Stint_V1_ListJobs()
        list.limit = 1_001
        var watch = Stint_V1_Watch()
        watch.id = Data([1, 2, 3])
        let messages: [(SimulatedPeer, Stint_V1_Envelope.OneOf_Message)] = [
            (alice, .getStatus(Stint_V1_GetStatus())), (client, .drain(Stint_V1_Drain())),
            (bob, .settle(Stint_V1_Settle())), (client, .listJobs(list)), (client, .watch(watch)),
        ]
        for (peer, message) in messages {
            // A worker that broke the protocol is not served on that session any more.
            if peer.side == .worker { broker.rejoin(peer) }
            let before = broker.turn.refusals[.fields]
            peer.clear()
            broker.send(message, from: peer)
            broker.run()
            #expect(broker.turn.refusals[.fields] == before + 1, "\(message)")
            guard case .refused = peer.received.last else {
                Issue.record("\(message) was not refused, but \(peer.received)")
                continue
            }
        }
    }
}
