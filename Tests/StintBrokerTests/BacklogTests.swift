import StintCore
import StintTestKit
import StintWire
import Testing

// Goal: a backlog beyond the window costs the broker nothing. Method: bounds of some hundred jobs, a backlog of many times
// as many, and a count of what the broker holds of it, while it grows and while it shrinks.
@Suite("Memory and backlog") struct BacklogTests {
    private let slots = 20
    private var settings: BrokerState.Settings {
        var settings = BrokerState.Settings()
        settings.bounds.windowEntries = 400
        settings.bounds.scheduledEntries = 100
        settings.bounds.pageRows = 64
        return settings
    }

    @Test("of a backlog that is many times the window no more is in memory than the window, and it drains in order")
    func backlog() throws {
        let broker = SimulatedBroker(seed: 1, settings: settings)
        let producer = broker.connect("producer")
        let most = settings.bounds.windowEntries + settings.bounds.scheduledEntries
        var mail: [JobID] = []
        for round in 0..<120 {
            let ids = (0..<50).map { _ in broker.nextID() }
            mail += ids
            var later = SimulatedBroker.group((0..<10).map { _ in broker.nextID() }, type: "image")
            later.delayMs = UInt64(3_600_000 + round)
            let groups = [SimulatedBroker.group(ids, type: "mail"), later]
            #expect(broker.enqueue(groups, by: producer) == .stored)
            #expect(broker.turn.state.jobs.count <= most, "after \(mail.count) jobs")
        }
        // Places of jobs that were pushed out are used again; one message may stand beside them.
        #expect(broker.turn.state.jobs.entries.count <= most + 60)
        let counts = try #require(broker.turn.state.lines.all.first { $0.name == "mail" }?.counts)
        #expect(counts.ready == 6_000)

        let worker = broker.join("alice", slots: slots)
        var done = 0
        while done < mail.count {
            let leases = worker.assignments[done...]
            try #require(!leases.isEmpty, "after \(done) jobs")
            for lease in leases { #expect(broker.complete(lease, by: worker) == .accepted) }
            done += leases.count
            #expect(broker.turn.state.jobs.count <= most + slots)
        }
        #expect(worker.assignments.map(\.id) == mail)
        #expect(broker.turn.state.jobs.entries.count <= most + 60 + slots)
        broker.checkInvariants()
    }
}
