import GRDB
import GRDBSQLite

/// What SQLite reports, as one sentence with the next step.
extension StoreError {
    init(sqlite code: Int32, message: String) {
        let detail = "SQLite error \(code): \(message)"
        // The index of the log is a file that SQLite sizes by itself; a disk without room for that has a code of its own
        // (a macro with a shift, which Swift does not see).
        let isFullForIndex = code == SQLITE_IOERR | (19 << 8)
        // A page whose seal does not hold (``PageSeals``).
        if code == SQLITE_IOERR | (32 << 8) {
            self = .corrupt("a page is not as it was written: the disk changed it, or another program did")
            return
        }
        switch isFullForIndex ? SQLITE_FULL : code & 0xFF {
        case SQLITE_FULL:
            self.init(
                .full, "the disk of the database is full (\(detail)). Free space on it, then start the broker again.")
        case SQLITE_CORRUPT, SQLITE_NOTADB:
            self = .corrupt(detail)
        case SQLITE_READONLY, SQLITE_PERM, SQLITE_CANTOPEN, SQLITE_AUTH:
            self.init(
                .notWritable,
                "the database cannot be opened for writing (\(detail)). Check the owner and the permissions of its "
                    + "file and folder.")
        default:
            self.init(
                .failed,
                "the database failed (\(detail)). What was acknowledged is on disk, what was being written may or may not "
                    + "be: start the broker again, and check the disk if it happens again.")
        }
    }

    init(_ error: DatabaseError) {
        self.init(sqlite: error.extendedResultCode.rawValue, message: error.message ?? "no message")
    }

    static func corrupt(_ detail: String) -> StoreError {
        StoreError(
            .corrupt,
            "the database is damaged (\(detail)). Nothing was changed: keep a copy of its files, and restore the last "
                + "backup with \"stint restore\", or save the rows with the sqlite3 command \".dump\".")
    }

    /// Runs something that uses GRDB's own interface, with its errors turned into the store's.
    static func translating<Result>(_ body: () throws -> Result) throws(StoreError) -> Result {
        do {
            return try body()
        } catch let error as StoreError {
            throw error
        } catch let error as DatabaseError {
            throw StoreError(error)
        } catch {
            throw StoreError(.failed, "the database failed (\(error)). Start the broker again.")
        }
    }
}
