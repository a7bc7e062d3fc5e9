import GRDB
import GRDBSQLite
import StintCore

/// Writes batches on the one connection that may write. Statements are prepared once and bound directly
/// (``Prepared``); nothing here makes a string or a boxed value per row.
///
/// One transaction a batch, one fsync a transaction. Whatever fails, the transaction is rolled back before the error
/// leaves, and no later batch is taken: what the disk holds then is for the next start to find out.
final class SQLiteWriter {
    let db: Database
    let begin: Statement
    let commit: Statement
    let rollback: Statement
    let jobs: JobStatements
    let rows: RowStatements
    let listing: ListingIndex
    private let numbers: Prepared
    /// The last batch on disk.
    private(set) var batch: UInt64
    /// Of this life; 0 until ``SQLiteStore/recover(at:)``.
    var epoch: UInt64 = 0
    private var isBroken = false

    init(_ db: Database) throws {
        self.db = db
        begin = try db.makeStatement(sql: "BEGIN IMMEDIATE")
        commit = try db.makeStatement(sql: "COMMIT")
        rollback = try db.makeStatement(sql: "ROLLBACK")
        listing = try ListingIndex(db)
        jobs = try JobStatements(db, listing: listing)
        rows = try RowStatements(db)
        numbers = try Prepared(
            db,
            """
            UPDATE broker SET batch = ?1, epoch = ?2, next_serial = ?3, next_rank = ?4, next_worker = ?5,
                next_operation = ?6, highest_id = ?7, wall = ?8
            """)
        batch = UInt64(bitPattern: try Int64.fetchOne(db, sql: "SELECT batch FROM broker") ?? 0)
    }

    func write(_ batch: Batch) throws(StoreError) {
        precondition(batch.number == self.batch + 1, "batch \(batch.number) does not follow batch \(self.batch)")
        precondition(
            batch.numbers.epoch == epoch && epoch > 0,
            "a batch of epoch \(batch.numbers.epoch) in epoch \(epoch): recover first, then keep its epoch")
        try transaction { () throws(StoreError) in
            // Rows first: a checkpoint that is written, and its job deleted, in one batch leaves nothing behind.
            for write in batch.rows { try rows.apply(write, of: batch) }
            try jobs.apply(batch)
            try listing.endBatch(batch.number)
            try write(batch.numbers, batch: batch.number)
        }
        self.batch = batch.number
    }

    func write(_ values: BrokerNumbers, batch: UInt64) throws(StoreError) {
        numbers.bind(1, batch)
        numbers.bind(2, values.epoch)
        numbers.bind(3, values.nextSerial)
        numbers.bind(4, values.nextRank)
        numbers.bind(5, values.nextWorker)
        numbers.bind(6, values.nextOperation)
        numbers.bind(7, high: values.highestID.high, low: values.highestID.low)
        numbers.bind(8, values.wall.milliseconds)
        try numbers.run()
    }

    /// Runs `body` in a transaction of its own; returns when that is on disk.
    func transaction(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        guard !isBroken else {
            throw StoreError(
                .failed, "an earlier commit failed and its outcome is unknown. Start the broker again to recover.")
        }
        do {
            try StoreError.translating { try begin.execute() }
            try body()
            try StoreError.translating { try commit.execute() }
        } catch {
            isBroken = true
            // A failed COMMIT can leave the transaction open.
            if db.isInsideTransaction { try? rollback.execute() }
            throw error
        }
    }
}
