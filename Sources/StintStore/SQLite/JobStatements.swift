import GRDB
import StintCore

/// The writes of job rows: the hot path of every commit.
///
/// A statement sets only what its kind of write may change. The facts that a job is made with (id, type, time of
/// creation, size and digest of the payload) are never written again.
final class JobStatements {
    private let listing: ListingIndex
    /// The 16 bytes of the id being inserted: no copy of SQLite's own for each row.
    private let id = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 8)
    private let insert: Prepared
    private let insertPayload: Prepared
    private let update: Prepared
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
        insert = try Prepared(
            db,
            """
            INSERT INTO jobs (serial, state, lane, priority, rank, run_at, finished_at, started_at, epoch, sequence,
                worker, attempt, attempts_max, crashes, outcome, flags, attempt_number, type, id, created_at, digest,
                payload_bytes, extras, payload)
            VALUES (?1, ?2, ?16, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 0, ?16, ?17, ?18, ?19, ?20,
                ?21, ?22)
            """)
        insertPayload = try Prepared(db, "INSERT INTO payloads (serial, payload, extras) VALUES (?1, ?2, ?3)")
        let facts = """
            state = ?2, priority = ?3, rank = ?4, run_at = ?5, finished_at = ?6, started_at = ?7, epoch = ?8,
            sequence = ?9, worker = ?10, attempt = ?11, attempts_max = ?12, crashes = ?13, outcome = ?14, flags = ?15
            """
        update = try Prepared(db, "UPDATE jobs SET \(facts) WHERE serial = ?1")
        finish = try Prepared(
            db,
            """
            UPDATE jobs SET \(facts), attempt_number = ?16, error = ?17, progress = ?18, result = ?19
            WHERE serial = ?1
            """)
        old = try Prepared(db, "SELECT state, type, finished_at, id FROM jobs WHERE serial = ?1")
        retire = try Prepared(
            db,
            """
            INSERT INTO attempts (serial, epoch, sequence, number, worker, started_at, finished_at, outcome, error)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
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
            db,
            """
            UPDATE jobs SET \(facts), attempt_number = 0, error = NULL, progress = NULL, result = NULL
            WHERE serial = ?1
            """)
        log = try Prepared(db, "INSERT OR REPLACE INTO logs (serial, epoch, sequence, bytes) VALUES (?1, ?2, ?3, ?4)")
        deletes = try ["payloads", "checkpoints", "attempts", "logs"].map {
            try Prepared(db, "DELETE FROM \($0) WHERE serial = ?1")
        }
        delete = try Prepared(db, "DELETE FROM jobs WHERE serial = ?1")
    }

    deinit { id.deallocate() }

    func apply(_ write: JobWrite, of batch: Batch) throws(StoreError) {
        switch write.kind {
        case .insert: try applyInsert(write, batch)
        case .update:
            bindFacts(of: write.row, to: update)
            try runOnOneRow(update, write.row)
        case .finish: try applyFinish(write, batch)
        case .retire: try applyRetire(write, batch)
        case .replay: try applyReplay(write)
        case .delete: try applyDelete(write.row)
        }
        if write.kind != .delete {
            if write.row.state.isFinal { listing.finished(write.row) }
            if !write.log.isNone { try applyLog(write, batch) }
        }
    }

    private func bindFacts(of row: JobRow, to statement: Prepared) {
        statement.bind(1, row.serial)
        statement.bind(2, row.state.rawValue)
        statement.bind(3, row.priority)
        statement.bind(4, row.rank)
        statement.bind(5, row.runAt.milliseconds)
        statement.bind(6, row.finishedAt.milliseconds)
        statement.bind(7, row.startedAt.milliseconds)
        statement.bind(8, row.token.epoch)
        statement.bind(9, row.token.sequence)
        statement.bind(10, row.worker)
        statement.bind(11, row.attempt)
        statement.bind(12, row.attemptsMax)
        statement.bind(13, row.crashes)
        statement.bind(14, row.outcome.rawValue)
        statement.bind(15, JobFlags.of(row))
    }

    private func runOnOneRow(_ statement: Prepared, _ row: JobRow) throws(StoreError) {
        try statement.run()
        precondition(
            statement.changes == 1, "job \(row.id) with serial \(row.serial) is to be changed, and is not on disk")
    }

    private func applyInsert(_ write: JobWrite, _ batch: Batch) throws(StoreError) {
        bindFacts(of: write.row, to: insert)
        insert.bind(16, write.row.type.value)
        insert.bind(18, write.row.createdAt.milliseconds)
        insert.bind(19, write.row.digest)
        insert.bind(20, write.row.payloadBytes)
        id.storeBytes(of: write.row.id.high.bigEndian, as: UInt64.self)
        id.storeBytes(of: write.row.id.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        insert.bind(17, UnsafeRawBufferPointer(id))
        try batch.withBytes(of: write.payload, write.extras) { (payload, extras) throws(StoreError) in
            if payload.count + extras.count <= SQLiteSchema.inlineBytesMax {
                insert.bindUnlessEmpty(21, extras)
                insert.bind(22, payload)
                try insert.run()
            } else {
                insert.bindNull(21)
                insert.bindNull(22)
                try insert.run()
                insertPayload.bind(1, write.row.serial)
                insertPayload.bind(2, payload)
                insertPayload.bind(3, extras)
                try insertPayload.run()
            }
        }
        try listing.inserted(write.row)
    }

    private func applyFinish(_ write: JobWrite, _ batch: Batch) throws(StoreError) {
        bindFacts(of: write.row, to: finish)
        finish.bind(16, write.attemptNumber)
        try batch.withBytes(of: write.error, write.progress) { (error, progress) throws(StoreError) in
            finish.bindUnlessEmpty(17, error)
            finish.bindUnlessEmpty(18, progress)
            try batch.withBytes(of: write.result, .none) { (result, _) throws(StoreError) in
                finish.bindUnlessEmpty(19, result)
                try runOnOneRow(finish, write.row)
            }
        }
    }

    private func applyRetire(_ write: JobWrite, _ batch: Batch) throws(StoreError) {
        let row = write.row
        retire.bind(1, row.serial)
        retire.bind(2, row.token.epoch)
        retire.bind(3, row.token.sequence)
        retire.bind(4, write.attemptNumber)
        retire.bind(5, row.worker)
        retire.bind(6, row.startedAt.milliseconds)
        retire.bind(7, row.finishedAt.milliseconds)
        retire.bind(8, row.outcome.rawValue)
        try batch.withBytes(of: write.error, .none) { (error, _) throws(StoreError) in
            retire.bindUnlessEmpty(9, error)
            try retire.run()
        }
        bindFacts(of: row, to: update)
        try runOnOneRow(update, row)
    }

    private func applyReplay(_ write: JobWrite) throws(StoreError) {
        try leaveListing(write.row.serial)
        rememberLast.bind(1, write.row.serial)
        try rememberLast.run()
        bindFacts(of: write.row, to: restart)
        try runOnOneRow(restart, write.row)
    }

    private func applyDelete(_ row: JobRow) throws(StoreError) {
        if let (type, id) = try leaveListing(row.serial) {
            try listing.deleted(type: type, id: id, serial: row.serial)
        }
        for statement in deletes {
            statement.bind(1, row.serial)
            try statement.run()
        }
        delete.bind(1, row.serial)
        try runOnOneRow(delete, row)
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
    @discardableResult
    private func leaveListing(_ serial: Int64) throws(StoreError) -> (TypeIndex, (high: UInt64, low: UInt64))? {
        old.bind(1, serial)
        guard try old.next() else { return nil }
        defer { old.reset() }
        let type = TypeIndex(Int32(truncatingIfNeeded: old.integer(1)))
        if let state = JobState(rawValue: UInt8(truncatingIfNeeded: old.integer(0))), state.isFinal {
            listing.left(state: state, type: type, finishedAt: old.integer(2), serial: serial)
        }
        return (type, try old.halves(3))
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

extension Prepared {
    /// NULL for no bytes, which takes none.
    func bindUnlessEmpty(_ parameter: Int32, _ bytes: UnsafeRawBufferPointer) {
        if bytes.isEmpty { bindNull(parameter) } else { bind(parameter, bytes) }
    }
}
