import GRDB
import StintCore

/// The indexes that only listings need, written behind.
///
/// - `listing`: final jobs by (state, type, finishedAt, serial). What it lacks is the log in `unindexed`.
/// - `listing_by_type`: all jobs by (type, id). What it lacks are the rows of `jobs` above the serial in
///   `broker.by_type_serial`.
///
/// Maintenance moves both tails into their index in steps of some thousand, sorted, so that neighbours share a page.
/// Both tails are bounded, because every listing reads them: past the bound, the commit itself takes a step.
final class ListingIndex {
    static let step = 4_096
    /// What either tail may hold before the commits take the steps themselves.
    var tailMax = 200_000

    /// What is not in the indexes yet, counted.
    private(set) var unindexed = 0
    private(set) var unindexedByType = 0
    /// Rows up to this serial are in `listing_by_type`.
    private(set) var byTypeSerial: Int64

    private var log = ListingLog()
    private let appendLog: Prepared
    private let readLog: Prepared
    private let trimLog: Prepared
    private let add: Prepared
    private let remove: Prepared
    private let readRows: Prepared
    private let addByType: Prepared
    private let removeByType: Prepared
    private let setByTypeSerial: Prepared

    init(_ db: Database) throws {
        appendLog = try Prepared(db, "INSERT INTO unindexed (batch, entries, bytes) VALUES (?1, ?2, ?3)")
        readLog = try Prepared(db, "SELECT batch, entries, bytes FROM unindexed ORDER BY batch")
        trimLog = try Prepared(db, "DELETE FROM unindexed WHERE batch <= ?1")
        add = try Prepared(
            db, "INSERT OR IGNORE INTO listing (state, type, finished_at, serial) VALUES (?1, ?2, ?3, ?4)")
        remove = try Prepared(
            db, "DELETE FROM listing WHERE state = ?1 AND type = ?2 AND finished_at = ?3 AND serial = ?4")
        readRows = try Prepared(db, "SELECT type, id, serial FROM jobs WHERE serial > ?1 ORDER BY serial LIMIT ?2")
        addByType = try Prepared(db, "INSERT INTO listing_by_type (type, id, serial) VALUES (?1, ?2, ?3)")
        removeByType = try Prepared(db, "DELETE FROM listing_by_type WHERE type = ?1 AND id = ?2")
        setByTypeSerial = try Prepared(db, "UPDATE broker SET by_type_serial = ?1")

        byTypeSerial = try Int64.fetchOne(db, sql: "SELECT by_type_serial FROM broker") ?? 0
        unindexed = try Int.fetchOne(db, sql: "SELECT total(entries) FROM unindexed") ?? 0
        unindexedByType =
            try Int.fetchOne(db, sql: "SELECT count(*) FROM jobs WHERE serial > ?", arguments: [byTypeSerial]) ?? 0
    }

    // MARK: While a batch is written

    func inserted(_ row: JobRow) throws(StoreError) {
        // Serials rise, so this is the rare case of one that comes late.
        if row.serial <= byTypeSerial { try writeByType(row.type, row.id, row.serial) } else { unindexedByType += 1 }
    }

    func finished(_ row: JobRow) {
        log.append(
            state: row.state, type: row.type, finishedAt: row.finishedAt.milliseconds, serial: row.serial,
            isRemoval: false)
    }

    /// A final job leaves its place.
    func left(state: JobState, type: TypeIndex, finishedAt: Int64, serial: Int64) {
        log.append(state: state, type: type, finishedAt: finishedAt, serial: serial, isRemoval: true)
    }

    func deleted(type: TypeIndex, id: (high: UInt64, low: UInt64), serial: Int64) throws(StoreError) {
        guard serial <= byTypeSerial else {
            unindexedByType -= 1
            return
        }
        removeByType.bind(1, type.value)
        removeByType.bind(2, high: id.high, low: id.low)
        try removeByType.run()
    }

    /// Writes the log of the batch, and takes a step when a tail is past its bound.
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
        // Twice what came in, so that the tail shrinks.
        if unindexed > tailMax { try indexFinished(atLeast: max(Self.step, 2 * added)) }
        if unindexedByType > tailMax { try indexByType(unindexedByType - tailMax + Self.step) }
    }

    // MARK: Behind

    /// Moves some of the tails into the indexes, within a transaction of the caller's.
    func step() throws(StoreError) {
        if unindexed > 0 { try indexFinished(atLeast: Self.step) }
        if unindexedByType > 0 { try indexByType(Self.step) }
    }

    private func indexFinished(atLeast count: Int) throws(StoreError) {
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
        for entry in ListingEntry.net(entries) {
            let statement = entry.isRemoval ? remove : add
            statement.bind(1, entry.state.rawValue)
            statement.bind(2, entry.type.value)
            statement.bind(3, entry.place.finishedAt)
            statement.bind(4, entry.place.serial)
            try statement.run()
        }
        trimLog.bind(1, batch)
        try trimLog.run()
    }

    private func indexByType(_ count: Int) throws(StoreError) {
        var rows: [(type: Int32, id: JobID, serial: Int64)] = []
        rows.reserveCapacity(count)
        readRows.bind(1, byTypeSerial)
        readRows.bind(2, count)
        while try readRows.next() {
            let (high, low) = try readRows.halves(1)
            rows.append(
                (Int32(truncatingIfNeeded: readRows.integer(0)), JobID(high: high, low: low), readRows.integer(2)))
        }
        guard let last = rows.last?.serial else {
            unindexedByType = 0
            return
        }
        rows.sort { ($0.type, $0.id) < ($1.type, $1.id) }
        for row in rows { try writeByType(TypeIndex(row.type), row.id, row.serial) }
        byTypeSerial = last
        unindexedByType -= rows.count
        setByTypeSerial.bind(1, last)
        try setByTypeSerial.run()
    }

    private func writeByType(_ type: TypeIndex, _ id: JobID, _ serial: Int64) throws(StoreError) {
        addByType.bind(1, type.value)
        addByType.bind(2, high: id.high, low: id.low)
        addByType.bind(3, serial)
        try addByType.run()
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
