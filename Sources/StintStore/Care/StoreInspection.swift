import GRDB
import Glibc
import StintCore

/// What can be said about a store from outside: while a broker runs on it, after one was killed, or when none will start.
///
///     for finding in StoreInspection(of: ".stint/stint.db").findings { … }
///
/// It changes nothing and never throws: what cannot be read is a finding. A broker that runs is not stopped by it; a
/// ``Depth/whole`` one reads all of the database, and the log cannot start over meanwhile.
package struct StoreInspection: Sendable {
    package enum Depth: Hashable, Sendable {
        /// Headers, sizes, the lock, the disk: some milliseconds, whatever the size.
        case quick
        /// Every page and every row as well.
        case whole
    }

    package struct Finding: Hashable, Sendable {
        package enum Severity: Int, Comparable, Sendable {
            /// As it should be.
            case fine
            /// Worth knowing.
            case note
            /// It works, and something should be done.
            case warning
            /// Something is broken, or nothing will start.
            case failure

            package static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }
        }

        package var severity: Severity
        /// What it is about, for programs: `file`, `lock`, `schema`, `log`, `room`, `sync`, `rows`.
        package var subject: String
        package var sentence: String
        /// What to do; empty when there is nothing to do.
        package var nextStep: String
    }

    package let path: String
    /// In the order in which they were made.
    package private(set) var findings: [Finding] = []
    /// The process that has the store, if one has.
    package private(set) var holder: Int32?
    package private(set) var batch: UInt64?
    package private(set) var epoch: UInt64?
    package private(set) var bytes: Int64 = 0
    package private(set) var logBytes: Int64 = 0
    package private(set) var freeBytes: Int64?
    package private(set) var syncMicroseconds: Int64?

    /// The worst of the findings.
    package var severity: Finding.Severity { findings.map(\.severity).max() ?? .fine }

    package init(of path: String, depth: Depth = .quick) {
        self.path = path
        bytes = DiskSpace.bytes(of: path)
        logBytes = DiskSpace.bytes(of: path + "-wal")
        inspectLock()
        inspectRoom()
        inspectSync()
        guard bytes > 0 else {
            add(
                holder == nil ? .note : .failure, "file", "there is no database \(path) yet, or it is empty",
                holder == nil ? "the first start of the broker makes one" : "restore a backup with stint restore")
            return
        }
        inspectLog()
        inspectDatabase(depth)
        if !PageSeals.areOn(path), severity < .failure {
            add(
                .note, "file", "the pages of the database have no seals: it is from before there were any",
                "a backup of it that is restored has them")
        }
    }

    private mutating func add(
        _ severity: Finding.Severity, _ subject: String, _ sentence: String, _ nextStep: String = ""
    ) {
        findings.append(Finding(severity: severity, subject: subject, sentence: sentence, nextStep: nextStep))
    }

    // MARK: Files

    private mutating func inspectLock() {
        let state = StoreLock.look(at: path)
        holder = state.holder
        if let holder {
            add(.fine, "lock", "process \(holder) has the store")
        } else if state.isHeld {
            add(.note, "lock", "another process has the store", "see which: fuser \(path).lock")
        } else {
            add(.fine, "lock", "no broker has the store")
        }
    }

    private mutating func inspectRoom() {
        guard let free = try? DiskSpace.free(at: path) else {
            return add(
                .failure, "room", "the folder of \(path) cannot be looked at: \(SystemError.last)",
                "check that it is there and mounted")
        }
        freeBytes = free
        let megabytes = free / 1_048_576
        if free < DiskSpace.watermarkBytes {
            add(
                .failure, "room", "the disk has \(megabytes) MiB left, and new jobs are refused below 64",
                "free some space on it; a broker that waits goes on by itself")
        } else if free < 4 * DiskSpace.watermarkBytes {
            add(
                .warning, "room", "the disk has \(megabytes) MiB left; below 64 new jobs are refused", "free some space"
            )
        } else {
            add(.fine, "room", "the disk has \(megabytes) MiB left")
        }
    }

    /// How long a commit waits for the disk: the median of some small writes to a file of its own, each synced.
    private mutating func inspectSync() {
        guard let median = DiskSpace.syncMicroseconds(beside: path) else {
            return add(
                .warning, "sync", "nothing can be written beside \(path): \(SystemError.last)",
                "check the permissions of the folder, and the mount")
        }
        syncMicroseconds = median
        let text = "a small write takes \(median) µs to reach the disk"
        if median > 20_000 {
            add(.warning, "sync", text + ", and every commit waits for one", "move the store to a faster disk")
        } else {
            add(.fine, "sync", text)
        }
    }

    private mutating func inspectLog() {
        // That of a broker that runs changes while it is looked at.
        if holder == nil {
            do {
                try LogCheck.check(path + "-wal")
            } catch {
                return add(.failure, "log", error.description, "restore a backup with stint restore")
            }
        }
        let megabytes = logBytes / 1_048_576
        if logBytes > 4 * Int64(WriteAheadLog.keptBytes) {
            add(
                .warning, "log", "the write-ahead log has \(megabytes) MiB",
                "something reads the database for long, or the disk is too slow for the load: see who has it open with "
                    + "fuser \(path)")
        } else {
            add(.fine, "log", "the write-ahead log has \(megabytes) MiB")
        }
    }

    // MARK: Database

    private mutating func inspectDatabase(_ depth: Depth) {
        do {
            try StoreError.translating {
                try DatabaseFile.checkHeader(of: path)
                let reader = try SQLiteConnection.openReader(path)
                defer { try? reader.close() }
                // One state of it, however long it takes.
                try reader.read { db in
                    try SQLiteConnection.checkOrigin(db, path: path)
                    try inspectSchema(db)
                    if depth == .whole { try inspectRows(db) }
                }
            }
        } catch let error as StoreError {
            add(
                .failure, error.code == .tooNew ? "schema" : "file", error.description,
                error.code == .corrupt ? "restore a backup with stint restore" : "")
        } catch {
            add(.failure, "file", "\(error)")
        }
    }

    private mutating func inspectSchema(_ db: Database) throws {
        let reached = try HighWater(db)
        (batch, epoch) = (reached.batch, reached.epoch)
        let pending = try !SQLiteSchema.migrator.hasCompletedMigrations(db)
        if pending {
            add(
                .note, "schema", "the database is of an older release",
                "the next start of the broker brings it up to date")
        } else {
            add(.fine, "schema", "the database is at commit \(reached.batch) of epoch \(reached.epoch)")
        }
        // A running broker notes what it has just committed, so only a store at rest can be behind its note.
        let noted = StoreLock.look(at: path).noted
        if holder == nil, reached.epoch < noted.epoch || reached.batch < noted.batch {
            add(
                .failure, "lock",
                "the database is at commit \(reached.batch) of epoch \(reached.epoch), and a broker acknowledged commit "
                    + "\(noted.batch) of epoch \(noted.epoch): it is an older copy, or its log is missing",
                "put the newest stint.db and stint.db-wal back, or restore a backup with stint restore")
        }
    }

    private mutating func inspectRows(_ db: Database) throws {
        let problems = try StoreCheck.problems(in: db)
        for problem in problems {
            add(.failure, "rows", problem, "restore a backup with stint restore")
        }
        if problems.isEmpty { add(.fine, "rows", "every page and every row is as it was written") }
    }
}
