import GRDB
import GRDBSQLite

/// When the write-ahead log is copied into the database file.
///
/// SQLite would do it inside the COMMIT that crosses a bound, and every reply of that commit would wait. So
/// autocheckpoint is off; maintenance does it between commits: past ``idlePages`` when nothing waits, past twice
/// ``boundBytes`` in any case. After a whole checkpoint SQLite starts the log over in the same file: overwriting it
/// costs half of what growing it does, so up to ``keptBytes`` it is not cut, except by a clean end.
final class WriteAheadLog {
    static let boundBytes = 8 * 1_048_576
    static let keptBytes = 3 * boundBytes
    private static let idlePages = 256
    /// How long writers and readers may be kept out when readers have kept the log from starting over.
    private static let restartMilliseconds: Int32 = 50

    /// Pages in the log, and those of them that the database file has already.
    private struct Fill {
        var pages: Int
        var copied = 0
    }

    private let connection: SQLiteConnectionPointer
    private let pagesMax: Int
    private let fill: UnsafeMutablePointer<Fill>
    /// Pages in the log when it was last tried to let it start over.
    private var stuckPages = 0

    typealias SQLiteConnectionPointer = OpaquePointer

    init(_ db: Database, path: String) throws {
        guard let connection = db.sqliteConnection else { preconditionFailure("the connection is closed") }
        self.connection = connection
        let pageBytes = try Int.fetchOne(db, sql: "PRAGMA page_size") ?? 4_096
        pagesMax = Self.boundBytes / pageBytes
        fill = .allocate(capacity: 1)
        fill.initialize(to: Fill(pages: Int(DiskSpace.bytes(of: path + "-wal")) / pageBytes))
        // The hook is told, after each commit, how many pages the log holds. It returns at once.
        sqlite3_wal_hook(
            connection,
            { context, _, _, pages in
                guard let fill = context?.assumingMemoryBound(to: Fill.self) else { return SQLITE_OK }
                let hasStartedOver = Int(pages) < fill.pointee.pages
                fill.pointee = Fill(pages: Int(pages), copied: hasStartedOver ? 0 : fill.pointee.copied)
                return SQLITE_OK
            }, fill)
    }

    /// The connection must be open still: the hook is taken off before its memory goes.
    deinit {
        sqlite3_wal_hook(connection, nil, nil)
        fill.deallocate()
    }

    private var isStuck: Bool { fill.pointee.pages >= 4 * pagesMax }

    func isCheckpointDue(isIdle: Bool) -> Bool {
        // A reader that stays (a backup) is not asked after every commit.
        if isStuck { return fill.pointee.pages < stuckPages || fill.pointee.pages >= stuckPages + pagesMax / 8 }
        return fill.pointee.pages - fill.pointee.copied >= (isIdle ? Self.idlePages : 2 * pagesMax)
    }

    /// Copies what no reader is in the way of, while readers go on. When all of it is copied, and readers have kept the
    /// log from starting over until it is four times its bound, they are waited for, shortly. Not when one of them still
    /// needs what is in the log: that may take as long as a backup does, and commits would wait with it.
    func checkpoint() throws(StoreError) {
        stuckPages = isStuck ? fill.pointee.pages : 0
        var pages: Int32 = 0
        var copied: Int32 = 0
        var code = sqlite3_wal_checkpoint_v2(connection, nil, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied)
        let isStuck = isStuck && code == SQLITE_OK && copied == pages
        if isStuck {
            sqlite3_busy_timeout(connection, Self.restartMilliseconds)
            code = sqlite3_wal_checkpoint_v2(connection, nil, SQLITE_CHECKPOINT_RESTART, &pages, &copied)
            sqlite3_busy_timeout(connection, SQLiteConnection.busyMilliseconds)
        }
        // A checkpoint that failed may have damaged the database file, and only a fresh start can tell; one that a
        // reader kept from finishing, or that found no room, is repeated later: the log has everything.
        guard [SQLITE_OK, SQLITE_BUSY, SQLITE_FULL].contains(code & 0xFF) else {
            throw StoreError(sqlite: code, message: String(cString: sqlite3_errmsg(connection)))
        }
        // After a restart the next commit writes from the beginning.
        fill.pointee =
            isStuck && code == SQLITE_OK
            ? Fill(pages: 0) : Fill(pages: max(0, Int(pages)), copied: max(0, Int(copied)))
    }

    /// Copies all of it and cuts the file to nothing, at the end of a life. Readers are waited for, shortly.
    func empty() throws(StoreError) {
        sqlite3_busy_timeout(connection, Self.restartMilliseconds)
        defer { sqlite3_busy_timeout(connection, SQLiteConnection.busyMilliseconds) }
        let code = sqlite3_wal_checkpoint_v2(connection, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
        guard code == SQLITE_OK else {
            throw StoreError(sqlite: code, message: String(cString: sqlite3_errmsg(connection)))
        }
        fill.pointee = Fill(pages: 0)
    }
}
