import StintCore
import StintStore

extension SimulatedBroker {
    /// Everything that must hold at any moment and does not, one sentence each: the invariants of the core, and, while
    /// nothing waits for a commit, those between memory and store.
    package func checkInvariants() -> [String] {
        var problems = StintCore.checkInvariants(turn.state)
        guard committing == nil, turn.isQuiet else { return problems }
        problems += BrokerAgainstDisk(turn.state, store.image()).problems
        return problems
    }

    /// Every row in the store, newest first.
    package func storedRows() -> [JobRow] {
        store.image().rows.reversed()
    }
}
