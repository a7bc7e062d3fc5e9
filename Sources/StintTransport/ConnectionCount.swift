import Synchronization

/// What other threads may know and say of the connections of one ``RouterSocket``: kept up to date by its own thread, at
/// every look.
package final class ConnectionCount: Sendable {
    private let standing = Atomic(0)
    private let awaiting = Atomic(0)

    package init() {}

    /// Those with a session behind them: nobody else gets their places.
    package var vouchedFor: Int { standing.load(ordering: .relaxed) }

    func set(vouchedFor count: Int) { standing.store(count, ordering: .relaxed) }

    /// Somebody was told to come again later, because all places are taken.
    package func turnedAway() { awaiting.add(1, ordering: .relaxed) }

    /// How many were since the last call.
    func takeTurnedAway() -> Int { awaiting.exchange(0, ordering: .relaxed) }
}
