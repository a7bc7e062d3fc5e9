import StintCore

/// The lowest stored id above the highest one of the present: ids between the two are new without a look anywhere.
///
/// Ids of the future are stored too: a client's clock may be days ahead, or the broker's behind. They do not raise the mark
/// (``JobID/isOfThePresent(at:)``), but one day the present comes to where they are, and then they must be found again.
struct FirstAbove {
    private var id: JobID?
    /// Those of batches that readers may not see yet.
    private var pending: [(batch: UInt64, id: JobID)] = []

    /// An id was stored that did not raise the mark and lies above it.
    mutating func stored(_ above: JobID, batch: UInt64) {
        pending.append((batch, above))
        if let known = id { id = min(known, above) }
    }

    mutating func committed(_ batch: UInt64) {
        if !pending.isEmpty { pending.removeAll { $0.batch <= batch } }
    }

    /// - Parameters:
    ///   - mark: The highest id of the present.
    ///   - read: Asks the disk for the lowest id above another.
    mutating func above(_ mark: JobID, _ read: (JobID) throws -> JobID?) rethrows -> JobID {
        if let id, id > mark { return id }
        let stored = try read(mark) ?? .greatest
        let first = pending.reduce(stored) { $1.id > mark ? min($0, $1.id) : $0 }
        id = first
        return first
    }
}
