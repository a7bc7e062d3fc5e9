import StintCore

extension Simulation {
    /// What must hold at any moment: the invariants of the core, and, while nothing is under way, those between memory and
    /// disk. Walks everything, so it is done a few times in a life.
    func checkInvariants() {
        guard broker.isUp else { return }
        for sentence in StintCore.checkInvariants(broker.turn.state) { problem(sentence) }
        guard broker.isQuiet else { return }
        report.quietChecks += 1
        for sentence in BrokerAgainstDisk(broker.turn.state, broker.image).problems { problem(sentence) }
    }
}
