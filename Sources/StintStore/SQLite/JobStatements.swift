import GRDB
import StintCore

/// The writes of job rows: the hot path of every commit.
///
/// Inserts and the writes that end or change an attempt go to SQLite many at a time, out of a ``BatchTable``; what is
/// rare (a replay, a removal, a log, a large payload) one by one. A statement sets only what its kind of write may
/// change: the facts that a job is made with (id, type, time of creation, size and digest of the payload) are never
/// written again.
final class JobStatements {
    private let listing: ListingIndex
    private let table: BatchTable
    private let insert: Prepared
    private let insertPayload: Prepared
    private let change: Prepared
    private let finish: Prepared
    private let old: Prepared
    private let retire: Prepared
    private let rememberLast: Prepared
    private let restart: Prepared
    private let log: Prepared
    /// One for each table that something of a job lies in.
    private let deletes: [Prepared]
    private let delete: Prepared

    init(_ db: Database, listing: ListingIndex) throws {
        self.listing = listing
        table = try BatchTable(db)
        // FAIL, not ABORT: a failure ends the broker and rolls the whole batch back, so that SQLite need not remember
        // how to undo one statement.
        let birth = ["lane", "type", "id", "created_at", "digest", "payload_bytes", "extras", "payload"]
        let born = (["serial"] + Self.facts + birth).joined(separator: ", ")
        insert = try Prepared(
            db, "INSERT OR FAIL INTO jobs (\(born), attempt_number) SELECT \(born), 0 FROM batch")
        insertPayload = try Prepared(db, "INSERT INTO payloads (serial, payload, extras) VALUES (?1, ?2, ?3)")
        change = try Prepared(db, Self.update(Self.facts))
        finish = try Prepared(db, Self.update(Self.facts + ["attempt_number", "error", "progress", "result"]))
        old = try Prepared(db, "SELECT state, type, finished_at FROM jobs WHERE serial = ?1")
        retire = try Prepared(
            db,
            """
            INSERT OR FAIL INTO attempts
                (serial, epoch, sequence, number, worker, started_at, finished_at, outcome, error)
            SELECT serial, epoch, sequence, attempt_number, worker, started_at, finished_at, outcome, error FROM batch
            """)
        // Cancelled between two attempts, a job still names the one before, which is in the history already.
        rememberLast = try Prepared(
            db,
            """
            INSERT OR IGNORE INTO attempts
                (serial, epoch, sequence, number, worker, started_at, finished_at, outcome, error)
            SELECT serial, epoch, sequence, attempt_number, worker, started_at, finished_at, outcome, error
            FROM jobs WHERE serial = ?1 AND NOT (epoch = 0 AND sequence = 0)
            """)
        restart = try Prepared(
            db, "UPDATE jobs SET attempt_number = 0, error = NULL, progress = NULL, result = NULL WHERE serial = ?1")
        log = try Prepared(db, "INSERT OR REPLACE INTO logs (serial, epoch, sequence, bytes) VALUES (?1, ?2, ?3, ?4)")
        deletes = try ["payloads", "checkpoints", "attempts", "logs"].map {
            try Prepared(db, "DELETE FROM \($0) WHERE serial = ?1")
        }
        delete = try Prepared(db, "DELETE FROM jobs WHERE serial = ?1")
    }

    /// The columns that every write of a row sets.
    private static let facts = [
        "state", "priority", "rank", "run_at", "finished_at", "started_at", "epoch", "sequence", "worker", "attempt",
        "attempts_max", "crashes", "outcome", "flags",
    ]

    /// Sets these columns of every row that the batch names. An upsert, because it takes the rows as they come; UPDATE
    /// FROM would collect them in a table of its own first. No row is ever inserted: ``run(_:_:_:of:)`` checks it.
    private static func update(_ columns: [String]) -> String {
        """
        INSERT OR FAIL INTO jobs (serial, \(columns.joined(separator: ", ")))
        SELECT serial, \(columns.joined(separator: ", ")) FROM batch WHERE true
        ON CONFLICT (serial) DO UPDATE SET \(columns.map { "\($0) = excluded.\($0)" }.joined(separator: ", "))
        """
    }

    // MARK: A batch

    /// Writes in the order of the batch, except that inserts go before the other writes up to the next replay or
    /// removal: they have no row in common, and so most batches take two statements.
    func apply(_ batch: Batch) throws(StoreError) {
        try batch.jobs.withUnsafeBufferPointer { (writes) throws(StoreError) in
            var rest = writes[...]
            while let first = rest.first {
                switch first.kind {
                case .replay: try applyReplay(rest.prefix(1), batch)
                case .delete: try applyDelete(first.row)
                case .insert, .update, .finish, .retire:
                    let section = rest.prefix { $0.kind != .replay && $0.kind != .delete }
                    try applySection(section, batch)
                    rest = rest[section.endIndex...]
                    continue
                }
                rest = rest.dropFirst()
            }
        }
    }

    private typealias Writes = Slice<UnsafeBufferPointer<JobWrite>>

    private func applySection(_ section: Writes, _ batch: Batch) throws(StoreError) {
        if section.contains(where: { $0.kind == .insert }) { try run(insert, section, .insert, of: batch) }
        // One job may have several writes: those of one statement in a row keep their order.
        var rest = section.drop { $0.kind == .insert }
        while let first = rest.first {
            let kinds: BatchTable.Kinds = first.kind == .finish ? .finish : .change
            let writes = rest.prefix { $0.kind == .insert || kinds.contains(.init($0.kind)) }
            if writes.contains(where: { $0.kind == .retire }) { try run(retire, writes, .retire, of: batch) }
            try run(kinds == .finish ? finish : change, writes, kinds, of: batch)
            rest = rest[writes.endIndex...].drop { $0.kind == .insert }
        }
        for write in section {
            if write.kind == .insert { try applyLargePayload(write, batch) }
            try noteEnd(of: write, batch)
        }
    }

    private func run(
        _ statement: Prepared, _ writes: Writes, _ kinds: BatchTable.Kinds, of batch: Batch
    ) throws(StoreError) {
        let isInsert = kinds == .insert || kinds == .retire
        if !isInsert { statement.lastInsertedRow = 0 }
        try table.with(writes, kinds, of: batch) { () throws(StoreError) in try statement.run() }
        precondition(
            isInsert || statement.lastInsertedRow == 0,
            "job \(statement.lastInsertedRow) is to be changed, and is not on disk")
    }

    private func applyLargePayload(_ write: JobWrite, _ batch: Batch) throws(StoreError) {
        try batch.withBytes(of: write.payload, write.extras) { (payload, extras) throws(StoreError) in
            guard payload.count + extras.count > SQLiteSchema.inlineBytesMax else { return }
            insertPayload.bind(1, write.row.serial)
            insertPayload.bind(2, payload)
            insertPayload.bind(3, extras)
            try insertPayload.run()
        }
    }

    /// What a write brings with it when it ends an attempt: a place among the final jobs, and a log.
    private func noteEnd(of write: JobWrite, _ batch: Batch) throws(StoreError) {
        if write.row.state.isFinal { listing.finished(write.row) }
        if !write.log.isNone { try applyLog(write, batch) }
    }

    // MARK: One by one

    private func applyReplay(_ write: Writes, _ batch: Batch) throws(StoreError) {
        let serial = write[write.startIndex].row.serial
        try leaveListing(serial)
        rememberLast.bind(1, serial)
        try rememberLast.run()
        restart.bind(1, serial)
        try restart.run()
        try run(change, write, .replay, of: batch)
        try noteEnd(of: write[write.startIndex], batch)
    }

    private func applyDelete(_ row: JobRow) throws(StoreError) {
        try leaveListing(row.serial)
        for statement in deletes {
            statement.bind(1, row.serial)
            try statement.run()
        }
        delete.bind(1, row.serial)
        try delete.run()
        precondition(delete.changes == 1, "job \(row.serial) is to be removed, and is not on disk")
    }

    private func applyLog(_ write: JobWrite, _ batch: Batch) throws(StoreError) {
        log.bind(1, write.row.serial)
        log.bind(2, write.row.token.epoch)
        log.bind(3, write.row.token.sequence)
        try batch.withBytes(of: write.log, .none) { (lines, _) throws(StoreError) in
            log.bind(4, lines)
            try log.run()
        }
    }

    /// Takes the row as it stands on disk out of the listing of final jobs, if it is there.
    private func leaveListing(_ serial: Int64) throws(StoreError) {
        old.bind(1, serial)
        guard try old.next() else { return }
        defer { old.reset() }
        guard let state = JobState(rawValue: UInt8(truncatingIfNeeded: old.integer(0))), state.isFinal else { return }
        let type = TypeIndex(Int32(truncatingIfNeeded: old.integer(1)))
        listing.left(state: state, type: type, finishedAt: old.integer(2), serial: serial)
    }
}

/// Small facts of a row that few rows have, as bits of one column.
enum JobFlags {
    static let cancelRequested: Int64 = 1
    static let isBackoff: Int64 = 2

    static func of(_ row: JobRow) -> Int64 {
        (row.cancelRequested ? cancelRequested : 0) | (row.isBackoff ? isBackoff : 0) | Int64(row.plan) << 2
    }

    static func plan(_ flags: Int64) -> UInt32 { UInt32(truncatingIfNeeded: flags >> 2) }
}

extension Batch {
    /// The bytes of two blobs, where they lie; empty for none.
    func withBytes<Result>(
        of first: Blob, _ second: Blob,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        try withBytes(of: first) { (one) throws(StoreError) in
            try withBytes(of: second) { (other) throws(StoreError) in try body(one, other) }
        }
    }

    private func withBytes<Result>(
        of blob: Blob, _ body: (UnsafeRawBufferPointer) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        if blob.isNone { return try body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        let bytes = blobs[Int(blob.place) - 1]
        return try bytes.buffer.withUnsafeBufferPointer { (buffer) throws(StoreError) in
            try body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[bytes.range]))
        }
    }
}
