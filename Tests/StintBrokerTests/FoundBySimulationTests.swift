import Foundation
import StintCore
import StintTestKit
import StintWire
import Testing

// Goal: what simulated lives found once stays mended. Method: each story told again by hand, as short as it can be.

@Suite("Found by simulated lives") struct FoundBySimulationTests {
    static let hour: Duration = .seconds(3_600)

    @Test("a backoff that is planned in the turn that notices a step of the wall clock is not moved by it")
    func backoffOfTheSameTurn() throws {
        let broker = SimulatedBroker(seed: 1)
        let alice = broker.join("alice", slots: 1)
        let job = broker.enqueue()
        let lease = try #require(broker.assignment(of: job, to: alice))
        broker.stepWall(by: Self.hour)
        #expect(broker.fail(lease, by: alice) == .accepted)
        broker.advance(by: .seconds(3))
        #expect(broker.assignment(of: job, to: alice) != nil)
        #expect(broker.checkInvariants().isEmpty)
    }

    @Test("a wall clock that was set back while there was no broker does not hold a backoff back")
    func stepWithoutBroker() throws {
        let broker = SimulatedBroker(seed: 1)
        let alice = broker.join("alice", slots: 1)
        let job = broker.enqueue()
        let lease = try #require(broker.assignment(of: job, to: alice))
        #expect(broker.fail(lease, by: alice) == .accepted)
        broker.stepWall(by: .zero - Self.hour)
        broker.crash()
        broker.rejoin(alice)
        broker.advance(by: .seconds(3))
        #expect(broker.assignment(of: job, to: alice) != nil)
        #expect(broker.checkInvariants().isEmpty)
    }

    @Test("while too much waits for the disk, silence is not held against workers that are not read")
    func deafBroker() throws {
        var settings = BrokerState.Settings()
        settings.bounds.batchWrites = 2
        let broker = SimulatedBroker(seed: 1, settings: settings)
        let alice = broker.join("alice", slots: 1)
        let job = broker.enqueue()
        let lease = try #require(broker.assignment(of: job, to: alice))
        let producer = broker.connect()
        broker.holdsCommits = true
        for _ in 0..<2 {
            let ids = (0..<5).map { _ in broker.nextID() }
            _ = broker.enqueue([SimulatedBroker.group(ids, type: "rare")], by: producer)
        }
        for _ in 0..<10 {
            broker.advance(by: .seconds(4))
            broker.heartbeat(alice, running: [lease])
        }
        broker.holdsCommits = false
        broker.run()
        #expect(broker.assignment(of: job, to: alice) == lease)
        #expect(broker.complete(lease, by: alice) == .accepted)
    }

    @Test("an id from days ahead is found again when its time has come")
    func idOfTheFuture() throws {
        let broker = SimulatedBroker(seed: 1)
        let day: UInt64 = 86_400_000
        func id(days: UInt64, _ random: UInt64) -> JobID {
            JobID(
                milliseconds: UInt64(SimulatedBroker.start.wall.milliseconds) + days * day, counter: 0, random: random)
        }
        let producer = broker.connect()
        func enqueue(_ id: JobID) -> EnqueueAnswer {
            broker.enqueue([SimulatedBroker.group([id], type: "mail")], by: producer)
        }
        #expect(enqueue(id(days: 2, 1)) == .stored)
        #expect(enqueue(id(days: 0, 2)) == .stored)
        #expect(enqueue(id(days: 2, 1)) == .duplicates([0]))
        broker.stepWall(by: .seconds(3 * 86_400))
        #expect(enqueue(id(days: 2, 1)) == .duplicates([0]))
        #expect(enqueue(id(days: 3, 3)) == .stored)
        #expect(enqueue(id(days: 2, 1)) == .duplicates([0]))
        #expect(broker.checkInvariants().isEmpty)
    }

    @Test("one id twice in one message, among many others, is a duplicate")
    func idTwice() throws {
        let broker = SimulatedBroker(seed: 1)
        let old = broker.nextID()
        _ = (0..<50).map { _ in broker.enqueue() }
        let producer = broker.connect()
        let answer = broker.enqueue([SimulatedBroker.group([old, old], type: "mail")], by: producer)
        #expect(answer == .duplicates([1]))
    }

    @Test("a HELLO that arrives after a later one takes nothing back")
    func lateHello() throws {
        let broker = SimulatedBroker(seed: 1)
        let alice = broker.join("alice", slots: 1)
        broker.deliver(fromWorker: hello(alice, 2, session: alice.session.value &+ 1), at: alice.address)
        broker.run()
        let job = broker.enqueue()
        let leased = broker.turn.state.jobs[job]
        #expect(leased?.place == .leased)
        broker.deliver(fromWorker: hello(alice, 1, session: alice.session.value &+ 2), at: broker.freshAddress())
        broker.run()
        #expect(broker.turn.state.jobs[job]?.lease.token == leased?.lease.token)
    }

    // Seed 622941: it waited for its turn, the worker drained and ended, and it was let in as a new one and given jobs.
    @Test("a HELLO that arrives after a later one does not wait until its worker is gone")
    func lateHelloWaits() throws {
        let broker = greetingOneASecond()
        let alice = broker.join("alice", slots: 1)
        broker.advance(by: .seconds(2))
        let address = broker.freshAddress()
        broker.deliver(fromWorker: hello(alice, 2, session: alice.session.value &+ 1), at: alice.address)
        broker.deliver(fromWorker: hello(alice, 1, session: alice.session.value &+ 2), at: address)
        broker.run()
        broker.deliver(
            fromWorker: Frame.encode(.bye(Stint_V1_Bye()), session: alice.session.value &+ 1), at: alice.address)
        broker.run()
        #expect(broker.turn.state.workers.count == 0)
        broker.advance(by: .seconds(5))
        #expect(broker.turn.state.workers.count == 0)
    }

    // Seed 343787, by reading along: where many came back at once, those behind lost what they ran while they waited.
    @Test("a worker whose HELLO waits for its turn lives, and keeps what it runs")
    func helloWaits() {
        let broker = greetingOneASecond()
        let alice = broker.join("alice", slots: 1)
        let job = broker.enqueue()
        let leased = broker.turn.state.jobs[job]?.lease.token
        #expect(leased != nil && broker.turn.state.jobs[job]?.place == .leased)
        broker.advance(by: .seconds(1))
        let lease = broker.turn.state.settings.lease
        let others = Int(lease.inMilliseconds / 1_000) * 3
        for number in 1...others { broker.deliver(fromWorker: newcomer(number), at: broker.freshAddress()) }
        let address = broker.freshAddress()
        for number in 1...others - 2 {
            let session = alice.session.value &+ UInt64(number)
            broker.deliver(fromWorker: hello(alice, UInt32(number + 1), session: session), at: address)
            broker.run()
            broker.advance(by: .seconds(1))
        }
        #expect(broker.turn.state.jobs[job]?.lease.token == leased)
    }

    private func greetingOneASecond() -> SimulatedBroker {
        var settings = BrokerState.Settings()
        settings.bounds.hellosPerSecond = 1
        return SimulatedBroker(seed: 1, settings: settings)
    }

    private func newcomer(_ number: Int) -> [UInt8] {
        hello(named: "newcomer-\(number)", Data(repeating: UInt8(number), count: 16), 1, session: UInt64(number))
    }

    private func hello(_ worker: SimulatedPeer, _ incarnation: UInt32, session: UInt64) -> [UInt8] {
        hello(named: worker.name, Data(worker.instance), incarnation, session: session)
    }

    private func hello(named name: String, _ instance: Data, _ incarnation: UInt32, session: UInt64) -> [UInt8] {
        var hello = Stint_V1_WorkerHello()
        hello.protocolMin = 1
        hello.protocolMax = 1
        hello.instance = instance
        hello.incarnation = incarnation
        hello.name = name
        hello.pool = "pool"
        hello.slots = 1
        var type = Stint_V1_ServedType()
        type.name = "mail"
        hello.types = [type]
        return Frame.encode(.workerHello(hello), session: session)
    }
}
