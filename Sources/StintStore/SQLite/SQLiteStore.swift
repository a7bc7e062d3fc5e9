import GRDB
import GRDBSQLite
import StintCore
import Synchronization

/// The store in one file, through SQLite in WAL mode with `synchronous=FULL`: what a broker uses unless it is told
/// otherwise.
///
///     let store = try SQLiteStore(path: ".stint/stint.db")
///     let state = try store.recover(at: now)
///
/// One connection writes, behind a lock that no second process passes (``StoreLock``); readers have read-only
/// connections of their own and never wait for it. Between two calls no reader holds a transaction, so the log can
/// always start over. See `docs/ARCHITECTURE.md`, "The store".
package final class SQLiteStore: Store {
    /// The file, without symbolic links.
    package let path: String
    private let queue: DatabaseQueue
    private let writer: WriterBox
    private let files: FilesInPlace
    private let figures = Mutex(Figures())

    private struct Figures: Sendable {
        var commits: Int64 = 0
        var commitMicroseconds = 0.0
        var unindexed: Int64 = 0
    }

    /// Opens a database, or makes one; its folder is made too when the folder above exists.
    ///
    /// - Throws: ``StoreError``: `inUse`, `notWritable`, `corrupt` (also: no database at all), `tooNew`, `rolledBack`,
    ///   `full`. Nothing is ever wiped to get a database open.
    package init(path: String) throws {
        let file = try DatabaseFile(path)
        self.path = file.path
        let lock = try StoreLock(database: file.path)
        try file.checkHeader()
        // Before SQLite makes an empty one of it.
        if DiskSpace.bytes(of: file.path) == 0 { try lock.noted.check(.none, path: file.path) }
        try LogCheck.check(file.path + "-wal")
        try Self.check(noted: lock.damagedPage, in: file.path)
        // A full disk must not keep a broker from starting and settling what it holds.
        if try DiskSpace.free(at: file.path) < DiskSpace.reserveBytes { try DiskSpace.releaseReserve(of: file.path) }
        try file.makeIfMissing()
        queue = try StoreError.translating { try SQLiteConnection.openWriter(file.path, reached: lock.noted) }
        let queue = queue
        files = try FilesInPlace(database: file.path)
        writer = try StoreError.translating {
            let (writer, log) = try queue.writeWithoutTransaction { db in
                (try SQLiteWriter(db), try WriteAheadLog(db, path: file.path))
            }
            return WriterBox(writer: writer, log: log, lock: lock)
        }
    }

    /// A broker that ended over a damaged page would end over it again.
    private static func check(noted page: UInt64?, in path: String) throws(StoreError) {
        PageSeals.forgetDamage(in: path)
        guard let page, !PageSeals.isWhole(page: page, in: path) else { return }
        throw StoreError(
            .corrupt,
            """
            page \(page) of the database \(path) is damaged: the disk changed it, or another program did. A broker met it \
            and ended, and nothing was acknowledged since. Nothing was changed: keep a copy of the database and its log, \
            restore the last backup with "stint restore", and check the disk. What else can be done is in the section \
            "Damage" of docs/OPERATING.md.
            """)
    }

    /// Notes for the next start that this life ended over a damaged page, if it did.
    package func noteDamage() {
        queue.writeWithoutTransaction { _ in
            if let page = PageSeals.damagedPage(in: path) { writer.note(damagedPage: page) }
        }
    }

    /// Of the library that this process runs with: `3.40.1`.
    package static var libraryVersion: String { String(cString: sqlite3_libversion()) }

    deinit { letGo() }

    // MARK: The contract

    package func recover(at now: WallTime) throws -> RecoveredState {
        try withWriter { writer, _ in
            var state = try StoreError.translating { try RecoveredState(writer.db) }
            state.numbers.epoch = Epoch.next(after: state.numbers.epoch, at: now)
            try writer.transaction { () throws(StoreError) in
                try writer.write(state.numbers, batch: state.batch)
            }
            writer.epoch = state.numbers.epoch
            try files.check(isWhole: true)
            self.writer.note(HighWater(epoch: writer.epoch, batch: state.batch), isSynced: true)
            return state
        }
    }

    package func commit(_ batch: Batch) throws {
        let start = ContinuousClock.now
        let unindexed = try withWriter { writer, _ in
            try writer.write(batch)
            try files.check(isWhole: false)
            return Int64(writer.listing.unindexed)
        }
        let microseconds = Double((ContinuousClock.now - start).inNanoseconds) / 1_000
        figures.withLock { figures in
            figures.commits += 1
            figures.unindexed = unindexed
            // The mean of about the last thirty.
            let weight = max(1 / Double(figures.commits), 1.0 / 32)
            figures.commitMicroseconds += weight * (microseconds - figures.commitMicroseconds)
        }
    }

    package func makeReader() throws -> any StoreReader {
        try StoreError.translating { try SQLiteReader(SQLiteConnection.openReader(path)) }
    }

    package func maintain(isIdle: Bool) throws -> Bool {
        let (isMoreToDo, unindexed) = try withWriter { writer, log in
            if self.writer.isLookDue(isIdle: isIdle) {
                try files.check(isWhole: true)
                // Between commits, because the write may wait for the journal of the file system, and no reply should.
                self.writer.note(HighWater(epoch: writer.epoch, batch: writer.batch))
            }
            guard writer.isMaintenanceDue(log: log, isIdle: isIdle), try hasRoomForUpkeep() else {
                return (false, Int64(writer.listing.unindexed))
            }
            return (try writer.maintain(log: log, isIdle: isIdle), Int64(writer.listing.unindexed))
        }
        figures.withLock { $0.unindexed = unindexed }
        return isMoreToDo
    }

    package func statistics() throws -> StoreStatistics {
        let figures = figures.withLock { $0 }
        return StoreStatistics(
            bytes: DiskSpace.bytes(of: path), logBytes: DiskSpace.bytes(of: path + "-wal"), commits: figures.commits,
            commitMicroseconds: figures.commitMicroseconds, unindexed: figures.unindexed)
    }

    /// Leaves the whole database in its one file, so that a copy of that is complete. Not when something failed: then
    /// nothing may be written any more. And not while another process reads: then the log keeps what is missing.
    package func close() {
        queue.writeWithoutTransaction { _ in
            if !writer.hasFailed { try? writer.parts?.log.empty() }
        }
        letGo()
    }

    private func letGo() {
        queue.writeWithoutTransaction { _ in writer.parts = nil }
        try? queue.close()
        writer.lock.withLock { $0 = nil }
    }

    // MARK: Disk space

    /// What must be left beyond what a write itself takes: pages of indexes, the log's own frames.
    package static let marginBytes: Int64 = 4 * 1_048_576

    /// Whether there is room to copy the log into the file, and to index what is behind. That can wait; a commit cannot,
    /// and the log starts over only when it was copied, so what is left is the commits' until there is space again.
    private func hasRoomForUpkeep() throws(StoreError) -> Bool {
        try DiskSpace.free(at: path) >= Self.marginBytes + DiskSpace.bytes(of: path + "-wal")
    }

    /// What the file system of the database has left for us, in bytes.
    package func freeBytes() throws -> Int64 { try DiskSpace.free(at: path) }

    /// Whether the reserve, 16 MiB of the disk that are kept for settling when it is full, is in place.
    package var hasReserve: Bool { DiskSpace.bytes(of: DiskSpace.reserve(of: path)) >= DiskSpace.reserveBytes }

    /// Gives the reserve back to the file system, so that what must be written can be.
    package func releaseReserve() throws { try DiskSpace.releaseReserve(of: path) }

    /// Puts the reserve in place; false when the disk has no room for it yet.
    package func restoreReserve() throws -> Bool { try DiskSpace.restoreReserve(of: path) }

    // MARK: The writing connection

    /// An uncontended dispatch queue runs its work in place: no thread is changed for a commit.
    func withWriter<Result>(_ body: (SQLiteWriter, WriteAheadLog) throws -> Result) throws -> Result {
        try queue.writeWithoutTransaction { _ in
            guard let parts = writer.parts else { preconditionFailure("\(path) was closed") }
            do {
                return try body(parts.writer, parts.log)
            } catch {
                writer.hasFailed = true
                throw error
            }
        }
    }
}

/// Carries the writer into the queue of its connection.
///
/// Unchecked, because: `parts`, `hasFailed`, `noted` and `lookedAt` are touched by `SQLiteStore.init` before anyone else knows the
/// store, and after that only inside the store's serial `DatabaseQueue`; `lock` has a lock of its own.
private final class WriterBox: @unchecked Sendable {
    var parts: (writer: SQLiteWriter, log: WriteAheadLog)?
    var hasFailed = false
    private var noted = HighWater.none
    private var lookedAt = ContinuousClock.now
    let lock: Mutex<StoreLock?>

    init(writer: SQLiteWriter, log: WriteAheadLog, lock: StoreLock) {
        parts = (writer, log)
        self.lock = Mutex(lock)
    }

    func note(_ reached: HighWater, isSynced: Bool = false) {
        guard reached != noted || isSynced else { return }
        noted = reached
        lock.withLock { $0?.note(reached, isSynced: isSynced) }
    }

    func note(damagedPage page: UInt64) {
        lock.withLock { $0?.note(noted, damagedPage: page, isSynced: true) }
    }

    /// Whether to look after the files, and note: under load ten times a second.
    func isLookDue(isIdle: Bool) -> Bool {
        guard isIdle || .now - lookedAt >= .milliseconds(100) else { return false }
        lookedAt = .now
        return true
    }
}
