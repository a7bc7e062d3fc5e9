import GRDB
import StintCore

/// The listing of final jobs, which nothing but listings and retention needs, written behind.
///
/// It lies in `runs` (``ListingRun``); what that lacks is the log in `unindexed`. Maintenance moves the log into the runs
/// in steps of some thousand jobs, sorted. The log is bounded, because every listing reads it: past the bound, the
/// commit itself takes a step.
final class ListingIndex {
    static let step = 4_096
    /// What the log may hold before the commits take the steps themselves.
    var tailMax = 200_000

    /// Entries of the log on disk.
    private(set) var unindexed = 0

    private var log = ListingLog()
    private let appendLog: Prepared
    private let readLog: Prepared
    private let trimLog: Prepared
    private let runOf: Prepared
    private let nextRun: Prepared
    private let add: Prepared
    private let remove: Prepared

    init(_ db: Database) throws {
        appendLog = try Prepared(db, "INSERT INTO unindexed (batch, entries, bytes) VALUES (?1, ?2, ?3)")
        readLog = try Prepared(db, "SELECT batch, entries, bytes FROM unindexed ORDER BY batch")
        trimLog = try Prepared(db, "DELETE FROM unindexed WHERE batch <= ?1")
        runOf = try Prepared(
            db,
            """
            SELECT number, entries, bytes FROM runs
            WHERE state = ?1 AND type = ?2 AND (finished_at, serial) <= (?3, ?4)
            ORDER BY finished_at DESC, serial DESC LIMIT 1
            """)
        nextRun = try Prepared(
            db,
            """
            SELECT finished_at, serial FROM runs WHERE state = ?1 AND type = ?2 AND (finished_at, serial) > (?3, ?4)
            ORDER BY finished_at, serial LIMIT 1
            """)
        add = try Prepared(
            db, "INSERT INTO runs (state, type, finished_at, serial, entries, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        remove = try Prepared(db, "DELETE FROM runs WHERE number = ?1")
        unindexed = try Int.fetchOne(db, sql: "SELECT total(entries) FROM unindexed") ?? 0
    }

    // MARK: While a batch is written

    func finished(_ row: JobRow) {
        log.append(
            state: row.state, type: row.type, finishedAt: row.finishedAt.milliseconds, serial: row.serial,
            isRemoval: false)
    }

    /// A final job leaves its place.
    func left(state: JobState, type: TypeIndex, finishedAt: Int64, serial: Int64) {
        log.append(state: state, type: type, finishedAt: finishedAt, serial: serial, isRemoval: true)
    }

    /// Writes the log of the batch, and takes a step when it is past its bound.
    func endBatch(_ batch: UInt64) throws(StoreError) {
        let added = log.count
        if added > 0 {
            appendLog.bind(1, batch)
            appendLog.bind(2, added)
            try log.bytes.withUnsafeBufferPointer { (bytes) throws(StoreError) in
                appendLog.bind(3, UnsafeRawBufferPointer(bytes))
                try appendLog.run()
            }
            unindexed += added
            log.removeAll()
        }
        // Twice what came in, so that the log shrinks.
        if unindexed > tailMax { try index(atLeast: max(Self.step, 2 * added)) }
    }

    // MARK: Behind

    /// Moves some of the log into the runs, within a transaction of the caller's.
    func step() throws(StoreError) {
        if unindexed > 0 { try index(atLeast: Self.step) }
    }

    private func index(atLeast count: Int) throws(StoreError) {
        var entries: [ListingEntry] = []
        var batch: Int64 = 0
        while entries.count < count, try readLog.next() {
            batch = readLog.integer(0)
            let before = entries.count
            try ListingLog.forEach(in: readLog.bytes(2), batch: batch) { (entry) throws(StoreError) in
                entries.append(entry)
            }
            guard Int64(entries.count - before) == readLog.integer(1) else {
                throw .corrupt("the unindexed jobs of batch \(batch) are not as many as were written")
            }
        }
        readLog.reset()
        unindexed -= entries.count
        var rest = ListingEntry.net(entries)[...]
        while let first = rest.first {
            let ofOneLine = rest.prefix { $0.state == first.state && $0.type == first.type }
            try index(ofOneLine)
            rest = rest[ofOneLine.endIndex...]
        }
        trimLog.bind(1, batch)
        try trimLog.run()
    }

    /// Takes the changes of one state and type, in order, into the runs that they belong to.
    private func index(_ changes: ArraySlice<ListingEntry>) throws(StoreError) {
        var rest = changes
        while let first = rest.first {
            bind(first, to: runOf)
            let run = try runOf.first { () throws(StoreError) in
                (
                    number: runOf.integer(0),
                    places: try ListingRun.places(in: runOf.bytes(2), entries: runOf.integer(1))
                )
            }
            bind(first, to: nextRun)
            let next = try nextRun.first { FinishedPlace(finishedAt: nextRun.integer(0), serial: nextRun.integer(1)) }
            let ofOneRun = rest.prefix { change in next.map { change.place < $0 } ?? true }
            if let run {
                remove.bind(1, run.number)
                try remove.run()
            }
            try write(ListingRun.merged(run?.places ?? [], with: ofOneRun), first.state, first.type)
            rest = rest[ofOneRun.endIndex...]
        }
    }

    private func write(_ places: [FinishedPlace], _ state: JobState, _ type: TypeIndex) throws(StoreError) {
        var rest = places[...]
        while let first = rest.first {
            let piece = rest.prefix(ListingRun.entriesMax)
            bind(ListingEntry(state: state, type: type, place: first, isRemoval: false), to: add)
            add.bind(5, piece.count)
            try ListingRun.bytes(of: piece).withUnsafeBufferPointer { (bytes) throws(StoreError) in
                add.bind(6, UnsafeRawBufferPointer(bytes))
                try add.run()
            }
            rest = rest[piece.endIndex...]
        }
    }

    private func bind(_ entry: ListingEntry, to statement: Prepared) {
        statement.bind(1, entry.state.rawValue)
        statement.bind(2, entry.type.value)
        statement.bind(3, entry.place.finishedAt)
        statement.bind(4, entry.place.serial)
    }
}

extension ListingEntry {
    /// What is left of a piece of the log when only the last word on each place counts, in the order of the index.
    static func net(_ entries: [ListingEntry]) -> [ListingEntry] {
        let sorted = entries.indices.sorted { left, right in
            let (one, other) = (entries[left], entries[right])
            if one.state != other.state { return one.state.rawValue < other.state.rawValue }
            if one.type != other.type { return one.type < other.type }
            return one.place == other.place ? left < right : one.place < other.place
        }
        var net: [ListingEntry] = []
        net.reserveCapacity(entries.count)
        for index in sorted {
            let entry = entries[index]
            if let last = net.last, last.state == entry.state, last.type == entry.type, last.place == entry.place {
                net.removeLast()
            }
            net.append(entry)
        }
        return net
    }
}
