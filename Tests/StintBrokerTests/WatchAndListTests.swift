import Foundation
import StintCore
import StintTestKit
import StintWire
import Testing

@Suite("Watching, listing, withdrawing") struct WatchAndListTests {
    @Test("a watcher is told every change until the job is final")
    func watch() throws {
        let broker = SimulatedBroker(seed: 1)
        let client = broker.connect()
        let job = broker.enqueue()
        var watch = Stint_V1_Watch()
        watch.request = 7
        watch.id = Data(job)
        broker.ask(.watch(watch), from: client)
        let alice = broker.join("alice", slots: 1)
        let lease = try #require(broker.assignment(of: job, to: alice))
        broker.progress(Array("0.5".utf8), lease, by: alice)
        #expect(broker.complete(lease, by: alice, result: Array("1".utf8)) == .accepted)
        var events: [Stint_V1_JobEvent] = []
        for case .jobEvent(let event) in client.received { events.append(event) }
        #expect(events.map(\.state) == [.ready, .leased, .leased, .completed])
        #expect(events.allSatisfy { $0.request == 7 })
        #expect(events.last?.result == Data("1".utf8))
        #expect(events[2].progress == Data("0.5".utf8))
    }

    @Test("a leased job is listed as leased and not as ready")
    func listing() throws {
        let broker = SimulatedBroker(seed: 2)
        let alice = broker.join("alice", slots: 1)
        let leased = broker.enqueue()
        _ = try #require(broker.assignment(of: leased, to: alice))
        let ready = broker.enqueue()
        let client = broker.connect()
        func list(_ state: JobState) -> [JobID] {
            var message = Stint_V1_ListJobs()
            message.request = 1
            message.state = Stint_V1_JobState(state)
            message.limit = 10
            client.clear()
            broker.ask(.listJobs(message), from: client)
            for case .jobsAnswer(let answer) in client.received {
                return answer.jobs.compactMap { try? $0.id.id(field: "id") }
            }
            return []
        }
        #expect(list(.leased) == [leased])
        #expect(list(.ready) == [ready])
        #expect(broker.status()?.counts.leased == 1)
        #expect(broker.status()?.counts.ready == 1)
    }

    @Test("a checkpoint is handed to the next attempt")
    func checkpoint() throws {
        let broker = SimulatedBroker(seed: 3, settings: .quickRetry)
        let alice = broker.join("alice", slots: 1)
        let job = broker.enqueue()
        let lease = try #require(broker.assignment(of: job, to: alice))
        broker.checkpoint([1, 2, 3], lease, by: alice)
        #expect(broker.fail(lease, by: alice) == .accepted)
        broker.advance(by: .milliseconds(1))
        let second = try #require(broker.assignment(of: job, to: alice))
        #expect(second.attempt == 2 && second.checkpoint == [1, 2, 3])
    }

    @Test("a type that its worker withdraws waits visibly and uses no attempt")
    func withdraw() throws {
        let broker = SimulatedBroker(seed: 4)
        let alice = broker.join("alice", slots: 2, types: ["image", "mail"])
        let job = broker.enqueue(type: "image")
        let lease = try #require(broker.assignment(of: job, to: alice))
        var withdraw = Stint_V1_Withdraw()
        withdraw.type = "image"
        broker.send(.withdraw(withdraw), from: alice)
        #expect(broker.settle(lease, .released, by: alice) == .accepted)
        #expect(broker.state(of: job) == .ready)
        let mail = broker.enqueue(type: "mail")
        #expect(broker.assignment(of: mail, to: alice) != nil)
        let bob = broker.join("bob", slots: 1, types: ["image"])
        #expect(broker.assignment(of: job, to: bob)?.attempt == 1)
        #expect(broker.checkInvariants() == [])
    }

    @Test("a draining worker is granted nothing more, and what a worker that leaves held is free at once")
    func drainAndBye() throws {
        let broker = SimulatedBroker(seed: 5)
        let alice = broker.join("alice", slots: 2)
        let held = broker.enqueue()
        _ = try #require(broker.assignment(of: held, to: alice))
        broker.send(.drain(Stint_V1_Drain()), from: alice)
        let later = broker.enqueue()
        #expect(broker.assignment(of: later, to: alice) == nil)
        broker.send(.bye(Stint_V1_Bye()), from: alice)
        broker.run()
        let bob = broker.join("bob", slots: 2)
        #expect(broker.assignment(of: held, to: bob)?.attempt == 1)
        #expect(broker.assignment(of: later, to: bob) != nil)
    }

    // Goal: bytes that went bad on disk reach no handler, and nothing is wiped.
    @Test("a job whose payload changed on disk is dead as corrupt, and its neighbours run")
    func corruptPayload() throws {
        let broker = SimulatedBroker(seed: 7)
        let jobs = (0..<3).map { _ in broker.enqueue() }
        broker.crash()  // what came in a moment ago is in memory and would be sent from there
        broker.corruptPayload(of: jobs[1])
        let alice = broker.join("alice", slots: 4)
        broker.run()
        #expect(broker.details(jobs[1])?.outcome == "corrupt")
        #expect(broker.state(of: jobs[1]) == .dead)
        #expect(!alice.assignments.contains { $0.id == jobs[1] })
        for job in [jobs[0], jobs[2]] {
            #expect(broker.complete(try #require(broker.assignment(of: job, to: alice)), by: alice) == .accepted)
        }
        #expect(broker.checkInvariants() == [])
    }

    @Test("when too many clients are known, those that were silent the longest have to say hello again")
    func manyClients() {
        let broker = SimulatedBroker(seed: 8)
        let first = broker.connect()
        let second = broker.connect()
        for number in 2..<16_384 {
            _ = broker.connect()
            // No more HELLOs are answered in a second.
            if number % Limits.hellosPerSecond == 0 { broker.advance(by: .seconds(1)) }
        }
        #expect(broker.enqueue([SimulatedBroker.group([broker.nextID()], type: "mail")], by: first) == .stored)
        _ = broker.connect()
        #expect(broker.enqueue([SimulatedBroker.group([broker.nextID()], type: "mail")], by: first) == .stored)
        #expect(broker.enqueue([SimulatedBroker.group([broker.nextID()], type: "mail")], by: second) == .silence)
        guard case .sayHello = second.received.last else {
            Issue.record("expected to be told to say hello, got \(second.received)")
            return
        }
    }

    // Goal: a line longer than a page comes back whole, in order, after a restart.
    @Test("a long line is read page by page, each job once, in order")
    func longLine() throws {
        let broker = SimulatedBroker(seed: 6)
        let client = broker.connect()
        let ids = (0..<5_000).map { _ in broker.nextID() }
        #expect(broker.enqueue([SimulatedBroker.group(ids, type: "mail")], by: client) == .stored)
        broker.crash()
        let alice = broker.join("alice", slots: 500)
        var order: [JobID] = []
        while order.count < ids.count {
            let leases = alice.assignments.suffix(from: order.count)
            try #require(!leases.isEmpty)
            order += leases.map(\.id)
            let answers = broker.settle(leases.map { ($0, nil, []) }, by: alice)
            #expect(answers.allSatisfy { $0 == .accepted })
            alice.clear()
        }
        #expect(order == ids)
        #expect(broker.checkInvariants() == [])
    }
}
