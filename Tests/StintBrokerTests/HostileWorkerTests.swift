import Foundation
import StintBroker
import StintCore
import StintTestKit
import StintWire
import Testing

// Goal: a worker that lies costs nobody but itself. Method: whole messages that are well formed and false.
@Suite("Hostile workers") struct HostileWorkerTests {
    private func forged(_ count: Int, from first: UInt64) -> [LeaseReference] {
        (0..<UInt64(count)).map { index in
            LeaseReference(
                id: JobID(high: 7, low: first + index), token: FencingToken(epoch: 1, sequence: first + index))
        }
    }

    private func settle(_ leases: [LeaseReference], number: UInt64) -> Stint_V1_Envelope.OneOf_Message {
        var message = Stint_V1_Settle()
        message.number = number
        message.epoch = 1
        message.ids = Data(ids: leases.map(\.id))
        message.sequences = leases.map(\.token.sequence)
        message.runMicroseconds = leases.map { _ in 0 }
        return .settle(message)
    }

    @Test("however much is refused at once, every answer fits a message", arguments: [true, false])
    func manyRefusals(numbersRise: Bool) {
        let broker = SimulatedBroker(seed: 1)
        let mallory = broker.join("mallory", slots: 1)
        mallory.clear()
        let messages = 116
        for number in 1...messages {
            let leases = forged(Limits.settleJobsMax, from: UInt64(number * Limits.settleJobsMax))
            broker.send(settle(leases, number: numbersRise ? UInt64(number) : 5), from: mallory)
        }
        broker.run()
        let answers = mallory.received.compactMap { if case .settled(let settled) = $0 { settled } else { nil } }
        #expect(answers.count > 1)
        #expect(answers.map { $0.refused.count }.reduce(0, +) == messages * Limits.settleJobsMax)
        for answer in answers {
            #expect(Frame.encode(.settled(answer), session: .max).count <= Limits.messageBytesMax)
            #expect(answer.refused.allSatisfy { $0.number <= answer.upTo })
        }
        if numbersRise { #expect(answers.map(\.upTo) == answers.map(\.upTo).sorted()) }
        #expect(answers.last?.upTo == (numbersRise ? UInt64(messages) : 5))
    }

    @Test("a heartbeat full of leases that are not the worker's is answered by one message")
    func foreignLeases() {
        let broker = SimulatedBroker(seed: 2)
        let mallory = broker.join("mallory", slots: 1)
        mallory.clear()
        let leases = forged(Limits.heldLeasesMax, from: 1)
        broker.send(.heartbeat(Stint_V1_Heartbeat(number: 1, running: leases)), from: mallory)
        broker.run()
        let revokes = mallory.received.compactMap { if case .revoke(let revoke) = $0 { revoke } else { nil } }
        #expect(revokes.count == 1)
        #expect(Frame.encode(.revoke(revokes[0]), session: .max).count <= Limits.messageBytesMax)
    }

    @Test("a worker whose message was refused is granted nothing until it says hello again")
    func refusedSession() throws {
        let broker = SimulatedBroker(seed: 3)
        let mallory = broker.join("mallory", slots: 4)
        broker.send(.settle(Stint_V1_Settle()), from: mallory)
        broker.run()
        let alice = broker.join("alice", slots: 1)
        for _ in 0..<3 {
            let job = broker.enqueue()
            #expect(broker.assignment(of: job, to: mallory) == nil)
            let lease = try #require(broker.assignment(of: job, to: alice))
            #expect(broker.complete(lease, by: alice) == .accepted)
        }
        #expect(broker.checkInvariants() == [])
    }

    @Test("extras that many jobs share are counted for each of them")
    func sharedExtras() {
        let broker = SimulatedBroker(seed: 4)
        let client = broker.connect()
        func group(_ jobs: Int, extras: Int) -> Stint_V1_JobGroup {
            var group = SimulatedBroker.group((0..<jobs).map { _ in broker.nextID() }, type: "mail")
            group.extras.metadata = Data(repeating: 7, count: extras)
            return group
        }
        #expect(broker.enqueue([group(1_000, extras: 16_000)], by: client) == .stored)
        #expect(broker.enqueue([group(1_049, extras: 16_000)], by: client) == .refused(.invalid))
        #expect(broker.storedRows().count == 1_000)
    }

    @Test("however many duplicates are named at once, every answer fits a message, and all of them come")
    func manyDuplicates() throws {
        let broker = SimulatedBroker(seed: 6)
        let client = broker.connect()
        let group = SimulatedBroker.group((0..<10_000).map { _ in broker.nextID() }, type: "mail")
        #expect(broker.enqueue([group], by: client) == .stored)
        client.clear()
        let requests: ClosedRange<UInt64> = 1_000...1_299
        for request in requests {
            var message = Stint_V1_Enqueue()
            message.request = request
            message.groups = [group]
            broker.send(.enqueue(message), from: client)
        }
        broker.run()
        let answers = client.received.compactMap { if case .enqueued(let answer) = $0 { answer } else { nil } }
        #expect(answers.flatMap(\.withDuplicates).map(\.request) == Array(requests))
        #expect(client.received.count == answers.count)
        for answer in answers {
            #expect(Frame.encode(.enqueued(answer), session: .max).count <= Limits.messageBytesMax)
        }
    }

    @Test("types of a worker beyond the limit are named to the operator, once")
    func typesBeyondLimit() {
        let broker = SimulatedBroker(seed: 7)
        let client = broker.connect()
        let groups = (0..<Limits.typesMax).map { SimulatedBroker.group([broker.nextID()], type: "t\($0)") }
        #expect(broker.enqueue(groups, by: client) == .stored)
        _ = broker.join("alice", slots: 1, types: ["t5", "one-too-many"])
        var warnings: [BrokerTurn.Warning] = []
        broker.change { warnings = $0.takeWarnings() }
        #expect(warnings.map { $0.details["first"] } == ["one-too-many"])
        broker.change { warnings = $0.takeWarnings() }
        #expect(warnings.isEmpty)
    }

    @Test("a result over the configured limit fails its attempt for good, and the worker goes on")
    func resultOverLimit() throws {
        let broker = SimulatedBroker(seed: 5, payloadBytesMax: 1_024)
        let alice = broker.join("alice", slots: 2)
        for (bytes, state) in [(1_024, JobState.completed), (1_025, .dead)] {
            let job = broker.enqueue()
            let lease = try #require(broker.assignment(of: job, to: alice))
            let result = [UInt8](repeating: UInt8(ascii: "1"), count: bytes)
            #expect(broker.complete(lease, by: alice, result: result) == .accepted)
            #expect(broker.state(of: job) == state)
        }
        #expect(broker.checkInvariants() == [])
    }
}
