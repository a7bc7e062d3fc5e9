import GRDB
import GRDBSQLite
import Glibc
import StintCore

/// A copy of a database as of one commit, in one file, taken while a broker writes or while none runs.
///
///     let report = try StoreBackup.take(of: ".stint/stint.db", to: "stint-backup.db")
///
/// It reads through a read-only connection, as ``SQLiteReader`` does, and never checkpoints: a second connection that did
/// could damage the database on SQLite before 3.51.3. One read transaction spans the copy, so everything that was
/// acknowledged before it began is in it, and nothing half. The log cannot start over meanwhile and grows with what
/// comes in.
///
/// The copy is made under another name, checked, synced, and only then named: a file of the wanted name is whole.
package enum StoreBackup {
    package struct Report: Hashable, Sendable {
        package var path: String
        package var bytes: Int64
        /// The last commit in it.
        package var batch: UInt64
        package var epoch: UInt64
        package var jobs: Int64
    }

    /// - Throws: ``StoreError``: `missing` (no database there), `exists` (the target does), `corrupt` (what was read is
    ///   damaged: no backup is made of it), `full`, `notWritable`.
    package static func take(of source: String, to target: String) throws -> Report {
        guard DiskSpace.bytes(of: source) > 0 else {
            throw StoreError(
                .missing,
                "there is no database \(source). Name the cluster's file with --config, or its folder with --data.")
        }
        // Without a broker, the log is as somebody left it.
        let lock = StoreLock.look(at: source)
        if !lock.isHeld { try LogCheck.check(source + "-wal") }
        let file = try NewFile(target)
        do {
            // The log too: what is in it may all be new pages.
            try DiskSpace.requireRoom(
                forCopyOf: DiskSpace.bytes(of: source) + DiskSpace.bytes(of: source + "-wal"), at: target)
            let report = try StoreError.translating { try copy(source, reached: lock.noted, to: file) }
            try file.name()
            return report
        } catch {
            file.remove()
            throw error
        }
    }

    private static func copy(_ source: String, reached: HighWater, to file: NewFile) throws -> Report {
        let reader = try SQLiteConnection.openReader(source)
        defer { try? reader.close() }
        try reader.read { db in
            try SQLiteConnection.checkOrigin(db, path: source)
            try reached.check(HighWater(db), path: source)
        }
        try SQLiteConnection.copy(reader, to: file.path)
        let copy = try SQLiteConnection.openCopy(file.path)
        defer { try? copy.close() }
        return try copy.writeWithoutTransaction { db in
            try StoreCheck.throwFirst(in: db, path: file.path)
            let reached = try HighWater(db)
            return Report(
                path: file.target, bytes: DiskSpace.bytes(of: file.path), batch: reached.batch, epoch: reached.epoch,
                jobs: try Int64.fetchOne(db, sql: "SELECT count(*) FROM jobs") ?? 0)
        }
    }
}

/// A file that gets its name when it is whole, and never takes one that is taken.
///
/// It is written beside its target and locked meanwhile, so that a second backup of the same name (a job of cron that the
/// first has outlived) neither removes what the first writes nor gives it a name before it is whole.
final class NewFile {
    let target: String
    /// Where it is written, beside its target.
    let path: String
    private let lock: Int32

    init(_ target: String) throws(StoreError) {
        self.target = target
        path = target + ".partial"
        guard access(target, F_OK) != 0 else {
            throw StoreError(.exists, "\(target) is there already, and nothing is overwritten. Name another file.")
        }
        // What is there was left by a process that was killed over it, unless somebody holds it.
        lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, DatabaseFile.mode)
        guard lock >= 0 else {
            throw StoreError(
                errno == ENOSPC ? .full : .notWritable,
                "\(path) cannot be made: \(SystemError.last). Check its folder, or name another place.")
        }
        // The one that held it may have given it its name since it was opened, or removed it.
        guard flock(lock, LOCK_EX | LOCK_NB) == 0, isThere else {
            close(lock)
            throw StoreError(
                .exists, "another backup is being made as \(target) at this moment. Wait for it, or name another file.")
        }
        for suffix in ["-journal", "-wal", "-shm"] { unlink(path + suffix) }
        guard ftruncate(lock, 0) == 0, fchmod(lock, DatabaseFile.mode) == 0 else {
            let reason = SystemError.last
            close(lock)
            throw StoreError(.notWritable, "\(path) cannot be emptied: \(reason). Remove it, or name another place.")
        }
    }

    deinit { close(lock) }

    /// Whether the path still leads to what is locked.
    private var isThere: Bool {
        var (named, held) = (stat(), stat())
        return lstat(path, &named) == 0 && fstat(lock, &held) == 0 && named.st_ino == held.st_ino
            && named.st_dev == held.st_dev
    }

    /// Makes it durable under its name.
    func name() throws(StoreError) {
        try DiskSpace.sync(path)
        // By a link, which does not take a name that somebody took meanwhile; there are file systems without.
        if link(path, target) == 0 {
            unlink(path)
        } else if errno == EEXIST || rename(path, target) != 0 {
            throw StoreError(
                errno == EEXIST ? .exists : .notWritable,
                "\(path) cannot be named \(target): \(SystemError.last). Name another file.")
        }
        try DiskSpace.syncFolder(of: target)
    }

    func remove() {
        for suffix in ["", "-journal", "-wal", "-shm"] { unlink(path + suffix) }
    }
}
