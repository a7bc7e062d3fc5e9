import GRDB
import GRDBSQLite

/// How connections are opened, and what the writer insists on.
///
/// GRDB sets `synchronous=NORMAL` whenever it turns WAL on, and does so after `prepareDatabase`. So the writer is a
/// queue in journal mode `.default`, for which GRDB sets nothing; it sets WAL and FULL itself, reads them back, and
/// serves only when they hold: with NORMAL, a power cut would take back what was acknowledged.
enum SQLiteConnection {
    static let pageBytes = 4_096
    static let busyMilliseconds: Int32 = 5_000

    /// - Parameter reached: How far the database must have come already; checked before anything is written to it.
    static func openWriter(_ path: String, reached: HighWater = .none) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "stint.store"
        configuration.journalMode = .default
        configuration.busyMode = .timeout(Double(busyMilliseconds) / 1_000)
        configuration.foreignKeysEnabled = false
        configuration.prepareDatabase { db in
            guard sqlite3_db_readonly(db.sqliteConnection, "main") == 0 else {
                throw StoreError(
                    .notWritable,
                    "the database \(path) can only be read. Check the owner and the permissions of the file and of its "
                        + "folder.")
            }
            // The size of a page is settled by the first write; after that the line has no effect.
            try db.execute(sql: "PRAGMA page_size = \(pageBytes)")
            PageSeals.makeRoom(db.sqliteConnection)
            _ = try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL")
            try db.execute(
                sql: """
                    PRAGMA synchronous = FULL;
                    PRAGMA secure_delete = OFF;
                    PRAGMA temp_store = MEMORY;
                    PRAGMA cache_size = -32768;
                    PRAGMA mmap_size = 0;
                    PRAGMA wal_autocheckpoint = 0;
                    PRAGMA journal_size_limit = \(WriteAheadLog.keptBytes);
                    """)
        }
        PageSeals.install()
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        try queue.writeWithoutTransaction { db in try reached.check(HighWater(db), path: path) }
        try migrate(queue, path: path)
        try queue.writeWithoutTransaction { db in try checkDurability(db, path: path) }
        return queue
    }

    static func openReader(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "stint.store.reader"
        configuration.readonly = true
        configuration.busyMode = .timeout(Double(busyMilliseconds) / 1_000)
        configuration.prepareDatabase { db in
            try db.execute(
                sql: """
                    PRAGMA temp_store = MEMORY;
                    PRAGMA cache_size = -8192;
                    PRAGMA mmap_size = 0;
                    """)
        }
        PageSeals.install()
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    /// A connection to a file that is nobody's yet: what is half written when the process dies is removed, so it needs no
    /// syncs; whoever made it syncs it once, at the end.
    static func openCopy(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "stint.copy"
        configuration.prepareDatabase { db in
            try db.execute(
                sql: """
                    PRAGMA page_size = \(pageBytes); PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY;
                    PRAGMA mmap_size = 0;
                    """)
        }
        PageSeals.install()
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Copies a database into a file that is empty, with seals on its pages, as one file without a log.
    static func copy(_ source: DatabaseQueue, to path: String) throws {
        let pageBytes = try source.read { db in
            var reserved: Int32 = -1
            sqlite3_file_control(db.sqliteConnection, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved)
            return reserved == Int32(PageSeals.bytes) ? try Int32.fetchOne(db, sql: "PRAGMA page_size") ?? 0 : 0
        }
        let copy = try openCopy(path)
        do {
            defer { try? copy.close() }
            try copy.writeWithoutTransaction { db in
                var pageBytes = pageBytes
                sqlite3_file_control(db.sqliteConnection, "main", SealingFiles.tellPageBytes, &pageBytes)
            }
            try source.backup(to: copy)
            try copy.writeWithoutTransaction { db in
                // Any program can read it by itself; the broker that is started on it turns the log on again.
                _ = try String.fetchOne(db, sql: "PRAGMA journal_mode = DELETE")
                guard pageBytes == 0 else { return }
                // From before there were seals: all of it is written anew, with room for them.
                PageSeals.makeRoom(db.sqliteConnection)
                try db.execute(sql: "VACUUM")
            }
        }
        if pageBytes == 0 { try PageSeals.writeAll(in: path) }
    }

    /// Refuses a database that is not Stint's, or of a newer Stint, without writing to it.
    static func checkOrigin(_ db: Database, path: String) throws {
        let application = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") ?? 0
        guard application == SQLiteSchema.applicationID || (application == 0 && tables == 0) else {
            throw StoreError(
                .corrupt,
                "\(path) is a database of another program. Nothing was changed: name another file as the store.")
        }
        guard try !SQLiteSchema.migrator.hasBeenSuperseded(db) else {
            throw StoreError(
                .tooNew,
                "the database \(path) was written by a newer version of Stint, or by one from before the first release. "
                    + "Install the version that wrote it, restore a backup from before the upgrade, or name another "
                    + "file as the store.")
        }
    }

    private static func migrate(_ queue: DatabaseQueue, path: String) throws {
        let migrator = SQLiteSchema.migrator
        try queue.writeWithoutTransaction { db in
            try checkOrigin(db, path: path)
            let application = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
            // Before anything else, and by itself: a start that is cut short between two steps can be repeated.
            if application == 0 { try db.execute(sql: "PRAGMA application_id = \(SQLiteSchema.applicationID)") }
        }
        try migrator.migrate(queue)
    }

    /// Reads back the three settings on which "acknowledged means on disk" rests.
    static func checkDurability(_ db: Database, path: String) throws {
        let journal = try String.fetchOne(db, sql: "PRAGMA journal_mode") ?? "unknown"
        let synchronous = try Int.fetchOne(db, sql: "PRAGMA synchronous") ?? -1
        let autocheckpoint = try Int.fetchOne(db, sql: "PRAGMA wal_autocheckpoint") ?? -1
        guard journal == "wal", synchronous == 2, autocheckpoint == 0 else {
            throw StoreError(
                .failed,
                "the database \(path) has journal_mode \(journal), synchronous \(synchronous) and wal_autocheckpoint "
                    + "\(autocheckpoint) where wal, 2 and 0 are needed to keep what is acknowledged. Put it on a local "
                    + "file system that supports shared memory files.")
        }
    }
}
