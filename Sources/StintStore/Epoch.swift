import StintCore

/// The rule that keeps fencing tokens rising over every restart.
enum Epoch {
    /// The epoch of the next life: above the stored one, and at least the wall clock in seconds, so that a database
    /// restored from a backup does not grant again the tokens that were granted after the backup was taken.
    static func next(after stored: UInt64, at now: WallTime) -> UInt64 {
        precondition(stored < UInt64(Int64.max), "the epoch \(stored) on disk cannot rise any more")
        return max(stored + 1, UInt64(max(0, now.milliseconds / 1_000)))
    }
}
