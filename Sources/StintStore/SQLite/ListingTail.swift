import StintCore

/// The part of the log of final jobs that a listing must put on top of the index: what it says of a place is newer than
/// what the index says.
struct ListingTail {
    private var isThere: [FinishedPlace: Bool] = [:]

    init(_ statements: ReaderStatements, state: JobState, type: TypeIndex?) throws(StoreError) {
        let query = statements.unindexed
        let blobs = try query.all { (batch: query.integer(0), bytes: query.bytes(1)) }
        for blob in blobs {
            try ListingLog.forEach(in: blob.bytes, batch: blob.batch) { (entry) throws(StoreError) in
                guard entry.state == state, type == nil || entry.type == type else { return }
                isThere[entry.place] = !entry.isRemoval
            }
        }
    }

    /// Whether the index has no say about this place.
    func mentions(_ place: FinishedPlace) -> Bool { isThere[place] != nil }

    /// Places with a job, in this order.
    func places(by precedes: (FinishedPlace, FinishedPlace) -> Bool) -> [FinishedPlace] {
        isThere.filter(\.value).map(\.key).sorted(by: precedes)
    }
}
