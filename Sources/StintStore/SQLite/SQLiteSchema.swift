import GRDB

/// The tables, as a list of migrations that only ever grows. A database with a migration that is not listed here comes
/// from a newer Stint and is refused.
///
/// - `jobs` is keyed by serial, so that jobs enqueued together lie together and an insert appends. Small columns that
///   change come first, blobs last: reading or skipping facts never touches the overflow pages of a large payload. Ids
///   are 16 bytes, the greatest first, so that they sort as ``JobID`` does. Numbers without sign are stored as the
///   signed number of the same bits.
/// - A payload of up to 2 KiB lies in the row; a larger one in `payloads` (the row then has NULL), so that settling its
///   job does not write it again.
/// - The hot indexes are `jobs_id` and `jobs_ready`; `jobs_pending` costs a job that is never scheduled or waiting
///   nothing but a comparison. There is none by type for these states: a listing of one type walks (``JobListing``).
/// - `runs` lists the final jobs and is written behind: see ``ListingIndex``.
enum SQLiteSchema {
    /// "Stin": says that a file is a database of Stint's.
    static let applicationID: Int32 = 0x5374_696E
    static let inlineBytesMax = 2_048

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1", foreignKeyChecks: .immediate) { db in
            try db.execute(sql: version1)
        }
        migrator.registerMigration("2: the wall clock of the last batch", foreignKeyChecks: .immediate) { db in
            try db.execute(sql: "ALTER TABLE broker ADD COLUMN wall INTEGER NOT NULL DEFAULT 0")
        }
        migrator.registerMigration("3: the audit log", foreignKeyChecks: .immediate) { db in
            try db.execute(sql: auditTable)
        }
        migrator.registerMigration("4: the bytes of each line", foreignKeyChecks: .immediate) { db in
            try db.execute(sql: bytesOfLines)
        }
        return migrator
    }

    /// The audit log: records are added at its end and, of very many, removed at its beginning.
    private static let auditTable = """
        CREATE TABLE audit (
            number INTEGER PRIMARY KEY,
            at INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            count INTEGER NOT NULL,
            who TEXT NOT NULL,
            what TEXT NOT NULL,
            previous BLOB NOT NULL,
            digest BLOB NOT NULL
        );
        """

    private static let version1 = """
        CREATE TABLE broker (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            batch INTEGER NOT NULL,
            epoch INTEGER NOT NULL,
            next_serial INTEGER NOT NULL,
            next_rank INTEGER NOT NULL,
            next_worker INTEGER NOT NULL,
            next_operation INTEGER NOT NULL,
            highest_id BLOB NOT NULL
        );
        INSERT INTO broker VALUES (1, 0, 0, 1, 1, 1, 1, zeroblob(16));

        CREATE TABLE jobs (
            serial INTEGER PRIMARY KEY,
            state INTEGER,
            lane INTEGER,
            priority INTEGER,
            rank INTEGER,
            run_at INTEGER,
            finished_at INTEGER,
            started_at INTEGER,
            epoch INTEGER,
            sequence INTEGER,
            worker INTEGER,
            attempt INTEGER,
            attempts_max INTEGER,
            crashes INTEGER,
            outcome INTEGER,
            flags INTEGER,
            attempt_number INTEGER,
            type INTEGER,
            id BLOB,
            created_at INTEGER,
            digest INTEGER,
            payload_bytes INTEGER,
            error BLOB,
            progress BLOB,
            result BLOB,
            extras BLOB,
            payload BLOB
        );
        CREATE UNIQUE INDEX jobs_id ON jobs (id);
        CREATE INDEX jobs_ready ON jobs (lane, priority DESC, rank) WHERE state = 3;
        CREATE INDEX jobs_pending ON jobs (state, run_at) WHERE state < 3;

        CREATE TABLE payloads (serial INTEGER PRIMARY KEY, extras BLOB NOT NULL, payload BLOB NOT NULL);
        CREATE TABLE checkpoints (serial INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
        CREATE TABLE attempts (
            serial INTEGER NOT NULL,
            epoch INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            number INTEGER NOT NULL,
            worker INTEGER NOT NULL,
            started_at INTEGER NOT NULL,
            finished_at INTEGER NOT NULL,
            outcome INTEGER NOT NULL,
            error BLOB,
            PRIMARY KEY (serial, epoch, sequence)
        ) WITHOUT ROWID;
        CREATE TABLE logs (
            serial INTEGER NOT NULL,
            epoch INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            bytes BLOB NOT NULL,
            PRIMARY KEY (serial, epoch, sequence)
        ) WITHOUT ROWID;

        CREATE TABLE types (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
        CREATE TABLE workers (
            number INTEGER PRIMARY KEY,
            instance BLOB NOT NULL,
            name TEXT NOT NULL,
            pool TEXT NOT NULL,
            since INTEGER NOT NULL
        );
        CREATE TABLE counts (
            type INTEGER PRIMARY KEY,
            waiting INTEGER NOT NULL,
            scheduled INTEGER NOT NULL,
            ready INTEGER NOT NULL,
            completed INTEGER NOT NULL,
            dead INTEGER NOT NULL,
            cancelled INTEGER NOT NULL
        );
        CREATE TABLE grants (
            epoch INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            worker INTEGER NOT NULL,
            slots INTEGER NOT NULL,
            granted_at INTEGER NOT NULL,
            entries BLOB NOT NULL,
            PRIMARY KEY (epoch, sequence)
        ) WITHOUT ROWID;
        CREATE TABLE answers (request BLOB PRIMARY KEY, at INTEGER NOT NULL, bytes BLOB NOT NULL) WITHOUT ROWID;
        CREATE INDEX answers_at ON answers (at);
        CREATE TABLE operations (
            number INTEGER PRIMARY KEY,
            kind INTEGER NOT NULL,
            state INTEGER NOT NULL,
            type INTEGER,
            before INTEGER NOT NULL,
            cursor_time INTEGER NOT NULL,
            cursor_serial INTEGER NOT NULL,
            done INTEGER NOT NULL,
            is_paused INTEGER NOT NULL,
            amount INTEGER NOT NULL
        );

        CREATE TABLE unindexed (batch INTEGER PRIMARY KEY, entries INTEGER NOT NULL, bytes BLOB NOT NULL);
        CREATE TABLE runs (
            number INTEGER PRIMARY KEY,
            state INTEGER NOT NULL,
            type INTEGER NOT NULL,
            finished_at INTEGER NOT NULL,
            serial INTEGER NOT NULL,
            entries INTEGER NOT NULL,
            bytes BLOB NOT NULL
        );
        CREATE UNIQUE INDEX runs_place ON runs (state, type, finished_at, serial);
        """

    /// What a line weighs, to bound it. Counted once here; kept from then on.
    private static let bytesOfLines = """
        ALTER TABLE counts ADD COLUMN unfinished_bytes INTEGER NOT NULL DEFAULT 0;
        UPDATE counts SET unfinished_bytes = (
            SELECT coalesce(sum(payload_bytes), 0) FROM jobs
            WHERE jobs.type = counts.type AND jobs.state IN (1, 2, 3));
        """
}
