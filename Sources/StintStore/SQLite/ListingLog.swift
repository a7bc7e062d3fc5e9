import StintCore

/// What happened to the listing of final jobs, in order, not yet applied to it: the tail of a log.
///
/// A commit that finishes, replays or deletes final jobs appends one packed blob to `unindexed`, about five bytes a
/// job, instead of touching one page of the index for each. Maintenance applies whole blobs, sorted. A listing is the
/// index with this tail applied: exact, also for a job that finished, was replayed, and finished again in between.
struct ListingEntry: Hashable, Sendable {
    var state: JobState
    var type: TypeIndex
    var place: FinishedPlace
    /// The job left this place: it was replayed or deleted.
    var isRemoval: Bool
}

/// Where a final job stands among those of its state: by time, then serial.
struct FinishedPlace: Hashable, Comparable, Sendable {
    var finishedAt: Int64
    var serial: Int64

    static let least = FinishedPlace(finishedAt: .min, serial: .min)
    static let greatest = FinishedPlace(finishedAt: .max, serial: .max)

    static func < (left: FinishedPlace, right: FinishedPlace) -> Bool {
        left.finishedAt == right.finishedAt ? left.serial < right.serial : left.finishedAt < right.finishedAt
    }
}

/// The entries of one commit. Each is written as its difference from the one before.
struct ListingLog {
    private static let version: UInt8 = 1
    private var writer = PackedWriter()
    private var last = FinishedPlace(finishedAt: 0, serial: 0)
    private(set) var count = 0

    var bytes: [UInt8] { writer.bytes }

    mutating func removeAll() {
        writer.removeAll()
        last = FinishedPlace(finishedAt: 0, serial: 0)
        count = 0
    }

    mutating func append(state: JobState, type: TypeIndex, finishedAt: Int64, serial: Int64, isRemoval: Bool) {
        precondition(state.isFinal)
        if count == 0 { writer.write(byte: Self.version) }
        writer.write(byte: state.rawValue << 1 | (isRemoval ? 1 : 0))
        writer.write(UInt64(UInt32(bitPattern: type.value)))
        writer.write(signed: finishedAt &- last.finishedAt)
        writer.write(signed: serial &- last.serial)
        last = FinishedPlace(finishedAt: finishedAt, serial: serial)
        count += 1
    }

    /// Calls `body` with each entry of a blob, in order.
    static func forEach(
        in bytes: [UInt8], batch: Int64, _ body: (ListingEntry) throws(StoreError) -> Void
    ) throws(StoreError) {
        var reader = try PackedReader(bytes, version: version, subject: "the unindexed jobs of batch \(batch)")
        var finishedAt: Int64 = 0
        var serial: Int64 = 0
        while !reader.isAtEnd {
            let head = try reader.readByte()
            guard let state = JobState(rawValue: head >> 1), state.isFinal else {
                throw reader.damaged("state \(head >> 1)")
            }
            let type = try reader.read(as: UInt32.self)
            finishedAt &+= try reader.readSigned()
            serial &+= try reader.readSigned()
            try body(
                ListingEntry(
                    state: state, type: TypeIndex(Int32(bitPattern: type)),
                    place: FinishedPlace(finishedAt: finishedAt, serial: serial), isRemoval: head & 1 == 1))
        }
    }
}
