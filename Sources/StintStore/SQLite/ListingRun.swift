import StintCore

/// Some final jobs of one state and type, in the order of the listing, packed: about four bytes a job, where a row of
/// an index would take thirty and a statement each.
///
/// A row of `runs` is one of them. The runs of a state and type do not overlap, and the place that a run is found by is
/// not after its first job.
enum ListingRun {
    /// Three of these share a page.
    static let entriesMax = 256
    private static let version: UInt8 = 1

    static func bytes(of places: ArraySlice<FinishedPlace>) -> [UInt8] {
        precondition(!places.isEmpty && places.count <= entriesMax)
        var writer = PackedWriter()
        writer.write(byte: version)
        var last = FinishedPlace(finishedAt: 0, serial: 0)
        for place in places {
            writer.write(signed: place.finishedAt &- last.finishedAt)
            writer.write(signed: place.serial &- last.serial)
            last = place
        }
        return writer.bytes
    }

    static func places(in bytes: [UInt8], entries: Int64) throws(StoreError) -> [FinishedPlace] {
        var reader = try PackedReader(bytes, version: version, subject: "a run of finished jobs")
        var places: [FinishedPlace] = []
        var last = FinishedPlace(finishedAt: 0, serial: 0)
        while !reader.isAtEnd {
            last.finishedAt &+= try reader.readSigned()
            last.serial &+= try reader.readSigned()
            places.append(last)
        }
        guard places.count == entries else { throw reader.damaged("\(places.count) jobs instead of \(entries)") }
        return places
    }

    /// The places of a run after some jobs came and others left, both in order; the later word counts.
    static func merged(_ places: [FinishedPlace], with changes: ArraySlice<ListingEntry>) -> [FinishedPlace] {
        var merged: [FinishedPlace] = []
        merged.reserveCapacity(places.count + changes.count)
        var rest = places[...]
        for change in changes {
            while let place = rest.first, place < change.place {
                merged.append(place)
                rest.removeFirst()
            }
            if rest.first == change.place { rest.removeFirst() }
            if !change.isRemoval { merged.append(change.place) }
        }
        return merged + rest
    }
}
