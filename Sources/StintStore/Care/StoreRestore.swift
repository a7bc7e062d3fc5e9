import GRDB
import Glibc
import StintCore

/// Puts a backup in the place of a database. What was there is kept under other names, and no token of it is ever
/// granted again.
///
/// The order of steps is such that a restore that is cut short anywhere leaves a store that the next start refuses, or
/// one of the two whole ones: the new file is complete and synced before the old one is moved, the old database is moved
/// before its log (a log without its database opens nothing; the log of another database would be read into the new
/// one), and the lock file, which tells how far the old one had come, is written last.
package enum StoreRestore {
    package struct Report: Hashable, Sendable {
        package var path: String
        package var batch: UInt64
        /// Of the last life that ran on either database. The next one is above it.
        package var epoch: UInt64
        package var jobs: Int64
        /// Where the database is now that was there before; nil when there was none.
        package var kept: String?
    }

    /// - Throws: ``StoreError``: `inUse` (a broker runs on it), `missing` (no such backup), `corrupt` (the backup is
    ///   damaged, or none of Stint's), `tooNew`, `full`, `notWritable`. Whatever it is, the old database is where it
    ///   was, or where the sentence says.
    package static func restore(_ backup: String, to given: String, at now: WallTime) throws -> Report {
        try restore(backup, to: given, at: now) { rename($0, $1) == 0 }
    }

    /// - Parameter move: Renames a file, and sets errno when it does not.
    static func restore(
        _ backup: String, to given: String, at now: WallTime, move: (String, String) -> Bool
    ) throws -> Report {
        guard DiskSpace.bytes(of: backup) > 0 else {
            throw StoreError(.missing, "there is no backup \(backup), or it is empty. Nothing was changed.")
        }
        let path = try DatabaseFile(given).path
        let lock = try StoreLock(database: path)
        let staged = path + ".restoring"
        func removeStaged() { for suffix in ["", "-wal", "-shm", "-journal"] { unlink(staged + suffix) } }
        removeStaged()
        try DiskSpace.requireRoom(forCopyOf: DiskSpace.bytes(of: backup), at: staged)
        do {
            return try StoreError.translating {
                try copy(backup, to: staged)
                let reached = try prepare(staged, above: max(lock.noted.epoch, epoch(of: path)))
                let jobs = try count(staged)
                try DiskSpace.sync(staged)
                let kept = try setAside(path, at: now, move)
                guard move(staged, path) else {
                    throw failure("\(staged) cannot be named \(path)", putBack(kept, to: path, move))
                }
                try DiskSpace.syncFolder(of: path)
                lock.note(reached, isSynced: true)
                return Report(path: path, batch: reached.batch, epoch: reached.epoch, jobs: jobs, kept: kept)
            }
        } catch {
            removeStaged()
            throw error
        }
    }

    /// Through SQLite, page by page, so that a page of the backup that is damaged is not restored.
    private static func copy(_ backup: String, to staged: String) throws {
        try DatabaseFile.checkHeader(of: backup)
        let descriptor = open(staged, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, DatabaseFile.mode)
        guard descriptor >= 0 else {
            throw StoreError(
                errno == ENOSPC ? .full : .notWritable,
                "\(staged) cannot be made: \(SystemError.last). Nothing was changed.")
        }
        close(descriptor)
        let source = try SQLiteConnection.openReader(backup)
        defer { try? source.close() }
        try source.read { db in try SQLiteConnection.checkOrigin(db, path: backup) }
        try SQLiteConnection.copy(source, to: staged)
        let copy = try SQLiteConnection.openCopy(staged)
        defer { try? copy.close() }
        try copy.writeWithoutTransaction { db in
            try StoreCheck.throwFirst(in: db, path: backup)
        }
    }

    /// Brings it up to date as a start would, and its epoch to that of the last life on either database: a token that was
    /// granted after the backup must not be granted again, wherever the wall clock stands.
    private static func prepare(_ staged: String, above epoch: UInt64) throws -> HighWater {
        let queue = try SQLiteConnection.openWriter(staged)
        defer { try? queue.close() }
        return try queue.writeWithoutTransaction { db in
            try db.execute(
                sql: "UPDATE broker SET epoch = max(epoch, ?)", arguments: [Int64(bitPattern: epoch)])
            let log = try WriteAheadLog(db, path: staged)
            try log.empty()
            return try HighWater(db)
        }
    }

    private static func count(_ path: String) throws -> Int64 {
        let reader = try SQLiteConnection.openReader(path)
        defer {
            try? reader.close()
            for suffix in ["-wal", "-shm"] { unlink(path + suffix) }
        }
        return try reader.read { db in try Int64.fetchOne(db, sql: "SELECT count(*) FROM jobs") ?? 0 }
    }

    /// Of the database that is there, as far as it can be read. The lock file says it too; either may be lost.
    private static func epoch(of path: String) -> UInt64 {
        guard DiskSpace.bytes(of: path) > 0, let reader = try? SQLiteConnection.openReader(path) else { return 0 }
        defer { try? reader.close() }
        return (try? reader.read { db in try HighWater(db) })?.epoch ?? 0
    }

    private static func setAside(
        _ path: String, at now: WallTime, _ move: (String, String) -> Bool
    ) throws(StoreError) -> String? {
        guard access(path, F_OK) == 0 || access(path + "-wal", F_OK) == 0 else { return nil }
        var kept = "\(path).before-\(now.milliseconds / 1_000)"
        var number = 1
        while access(kept, F_OK) == 0 || access(kept + "-wal", F_OK) == 0 {
            number += 1
            kept = "\(path).before-\(now.milliseconds / 1_000).\(number)"
        }
        for suffix in ["", "-wal"] where !move(path + suffix, kept + suffix) && errno != ENOENT {
            throw failure("\(path)\(suffix) cannot be moved to \(kept)\(suffix)", putBack(kept, to: path, move))
        }
        unlink(path + "-shm")
        try DiskSpace.syncFolder(of: path)
        return kept
    }

    /// Undoes ``setAside(_:at:_:)``, as far as it came: the log first, because one without its database opens nothing.
    ///
    /// - Returns: Why it had to be done, and where the store is now.
    private static func putBack(_ kept: String?, to path: String, _ move: (String, String) -> Bool) -> (String, String)
    {
        let reason = SystemError.last
        guard let kept else { return (reason, "There is no store, as before.") }
        var isBack = true
        for suffix in ["-wal", ""] where access(kept + suffix, F_OK) == 0 {
            isBack = move(kept + suffix, path + suffix) && isBack
        }
        return (
            reason,
            isBack
                ? "The store is as it was."
                : "Parts of the store are at \(kept) now: move \(kept)-wal to \(path)-wal, then \(kept) to \(path)."
        )
    }

    private static func failure(_ what: String, _ why: (reason: String, state: String)) -> StoreError {
        StoreError(
            .notWritable, "\(what): \(why.reason). \(why.state) Check the permissions of the folder, and try again.")
    }
}
