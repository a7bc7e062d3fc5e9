import StintCore
import StintWire

extension Simulation {
    /// The faults stop; everybody is honest from here. Within three lease periods every job must have come to its end.
    func end() throws {
        note("the faults stop")
        isHonest = true
        broker.holdsCommits = false
        broker.holdsPages = false
        broker.failsNextCommit = nil
        broker.stepWall(by: wallDebt)
        for worker in workers { worker.silentUntil = nil }
        for client in clients { breakConnection(of: client) }
        // Those that serve few types leave; new ones serve all.
        for worker in workers { drain(worker) }
        let steps = Int(Self.settings.lease.inMilliseconds * 3 / 250)
        for _ in 0..<steps {
            // As fast as the broker grants: no backlog may be the reason that something is left.
            for _ in 0..<8 {
                for worker in workers { finish(worker) }
                turn()
            }
            pass(.milliseconds(250))
        }
        try check()
        judgeStore("at the end")
        for row in broker.storedRows() where !row.state.isFinal {
            ledger.problem(
                """
                \(row.id) is \(row.state.name) three lease periods after the last fault; \
                it is \(broker.turn.state.jobs[row.id].map { "\($0.place)" } ?? "not") in memory
                """)
        }
        for client in clients where !client.unanswered.isEmpty {
            ledger.problem("\(client.unanswered.count) requests of \(client.name) were never answered")
        }
        for worker in workers where !worker.session.unconfirmed.isEmpty {
            ledger.problem("settlements of \(worker.name) were never confirmed")
        }
        if !broker.turn.state.operations.all.isEmpty { ledger.problem("an operation never ended") }
        try failIfBroken()
    }
}
