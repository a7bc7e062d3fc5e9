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
struct NewFile {
    let target: String
    /// Where it is written, beside its target.
    let path: String

    init(_ target: String) throws(StoreError) {
        self.target = target
        path = target + ".partial"
        guard access(target, F_OK) != 0 else {
            throw StoreError(.exists, "\(target) is there already, and nothing is overwritten. Name another file.")
        }
        // Left by a process that was killed over it.
        remove()
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, DatabaseFile.mode)
        guard descriptor >= 0 else {
            throw StoreError(
                errno == ENOSPC ? .full : .notWritable,
                "\(path) cannot be made: \(SystemError.last). Check its folder, or name another place.")
        }
        close(descriptor)
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
