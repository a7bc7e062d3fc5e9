import Foundation
import GRDB
import StintCore
import StintTestKit
import Testing

@testable import StintStore

// Goal: a database that cannot be served is refused in one sentence with the next step, and left as it is.
@Suite("Opening a database") struct SQLiteOpeningTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path("stint.db")
    }

    private func expectRefused(
        _ path: String, _ code: StoreError.Code, mentioning words: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: StoreError.self, sourceLocation: sourceLocation) {
            try SQLiteStore(path: path).close()
        }
        #expect(error?.code == code, sourceLocation: sourceLocation)
        for word in words { #expect(error?.description.contains(word) == true, sourceLocation: sourceLocation) }
    }

    // A later page may reach the disk before the first, which says that the file is a database.
    @Test("a database whose making was cut short by a power cut is made again")
    func cutShortAtTheBeginning() throws {
        try Data(repeating: 0, count: 8_192).write(to: URL(fileURLWithPath: path))
        // What SQLite writes first: how many pages there were before (https://www.sqlite.org/fileformat2.html, section 3).
        var journal = Data([0xD9, 0xD5, 0x05, 0xF9, 0x20, 0xA1, 0x63, 0xD7])
        for word in [0, 1, 0, 512, 4_096] as [UInt32] {
            withUnsafeBytes(of: word.bigEndian) { journal.append(contentsOf: $0) }
        }
        journal.append(Data(repeating: 0, count: 512 - journal.count))
        try journal.write(to: URL(fileURLWithPath: path + "-journal"))
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        #expect(try store.recover(at: WallTime(milliseconds: 1)).batch == 0)
    }

    @Test("the folder is made when the one above exists")
    func makesFolder() throws {
        try SQLiteStore(path: folder.path(".stint/stint.db")).close()
        #expect(FileManager.default.fileExists(atPath: folder.path(".stint/stint.db")))
    }

    @Test("what is made is for its owner alone, and what is there keeps its permissions")
    func permissions() throws {
        func mode(_ name: String) -> mode_t {
            var facts = stat()
            #expect(stat(folder.path(name), &facts) == 0, "\(name)")
            return facts.st_mode & 0o777
        }
        let store = try SQLiteStore(path: folder.path(".stint/stint.db"))
        _ = try store.recover(at: .none)
        #expect(try store.restoreReserve())
        #expect(mode(".stint") == 0o700)
        for suffix in ["", "-wal", "-shm", ".lock", ".reserve"] { #expect(mode(".stint/stint.db\(suffix)") == 0o600) }
        store.close()
        #expect(chmod(folder.path(".stint"), 0o755) == 0 && chmod(folder.path(".stint/stint.db"), 0o640) == 0)
        try SQLiteStore(path: folder.path(".stint/stint.db")).close()
        #expect(mode(".stint") == 0o755 && mode(".stint/stint.db") == 0o640)
    }

    @Test("a disk without room for the index of the log is called full")
    func fullAtOpening() {
        #expect(StoreError(sqlite: 4_874, message: "disk I/O error").code == .full)
        #expect(StoreError(sqlite: 13, message: "database or disk is full").code == .full)
        #expect(StoreError(sqlite: 266, message: "disk I/O error").code == .failed)
    }

    @Test("the folder is not made when the one above is missing")
    func missingFolder() {
        expectRefused(folder.path("a/b/stint.db"), .notWritable, mentioning: folder.path("a/b"), "does not exist")
        #expect(!FileManager.default.fileExists(atPath: folder.path("a")))
    }

    @Test("a folder or a device in place of the file is refused")
    func notAFile() throws {
        expectRefused(folder.path, .notWritable, mentioning: "Name a file")
        expectRefused("/dev/null", .notWritable, mentioning: "device")
    }

    @Test("a file in place of the folder is refused")
    func fileInPlaceOfFolder() throws {
        try Data("x".utf8).write(to: URL(fileURLWithPath: folder.path("file")))
        expectRefused(folder.path("file/stint.db"), .notWritable)
    }

    @Test("what may not be written is refused", .enabled(if: geteuid() != 0, "the superuser may write anything"))
    func notWritable() throws {
        try SQLiteStore(path: path).close()
        try FileManager.default.setAttributes([.posixPermissions: 0o444], ofItemAtPath: path)
        expectRefused(path, .notWritable, mentioning: path, "permissions")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: folder.path)
        expectRefused(path, .notWritable, mentioning: "permissions")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
    }

    @Test(
        "a file that is no database is refused and left alone",
        arguments: ["x", "this is a text of more than 16 bytes"])
    func notADatabase(text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        expectRefused(path, .corrupt, mentioning: "not a database", path)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
    }

    @Test("an empty file becomes a database")
    func emptyFile() throws {
        try Data().write(to: URL(fileURLWithPath: path))
        try SQLiteStore(path: path).close()
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count > 0)
    }

    @Test("a database of another program is refused and left alone")
    func otherProgram() throws {
        let queue = try DatabaseQueue(path: path)
        try queue.write { try $0.execute(sql: "CREATE TABLE songs (name TEXT)") }
        try queue.close()
        expectRefused(path, .corrupt, mentioning: "another program")
        let tables = try DatabaseQueue(path: path).read {
            try String.fetchAll($0, sql: "SELECT name FROM sqlite_master")
        }
        #expect(tables == ["songs"])
    }

    @Test("a database from before the audit log opens, keeps its rows, and gets one")
    func withoutAudit() throws {
        let queue = try DatabaseQueue(path: path)
        try SQLiteSchema.migrator.migrate(queue, upTo: "1")
        try queue.write { db in
            try db.execute(sql: "UPDATE broker SET batch = 7, next_serial = 9")
            try db.execute(sql: "INSERT INTO types VALUES (0, 'mail')")
            try db.execute(sql: "PRAGMA application_id = \(SQLiteSchema.applicationID)")
        }
        try queue.close()
        let store = try SQLiteStore(path: path)
        let recovered = try store.recover(at: WallTime(milliseconds: 1_900_000_000_000))
        #expect(recovered.batch == 7 && recovered.numbers.nextSerial == 9 && recovered.types == ["mail"])
        #expect(recovered.audit == .none)
        #expect(try store.makeReader().audit(after: 0, limit: 10) == [])
        store.close()
    }

    @Test("a database of a newer version is refused")
    func newerVersion() throws {
        try SQLiteStore(path: path).close()
        let queue = try DatabaseQueue(path: path)
        try queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('v999')") }
        try queue.close()
        expectRefused(path, .tooNew, mentioning: "newer version")
    }

    @Test("a damaged database is refused, not wiped")
    func damaged() throws {
        try SQLiteStore(path: path).close()
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        for index in 100..<4_096 { bytes[index] = 0xA5 }
        try bytes.write(to: URL(fileURLWithPath: path))
        expectRefused(path, .corrupt, mentioning: "backup")
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == bytes)
    }

    @Test("a second opening names the file and the process that has it")
    func inUse() throws {
        let store = try SQLiteStore(path: path)
        expectRefused(path, .inUse, mentioning: path + ".lock", "process \(getpid())")
        store.close()
        try SQLiteStore(path: path).close()
    }

    @Test("a symbolic link leads to the same lock")
    func symbolicLink() throws {
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        try FileManager.default.createSymbolicLink(atPath: folder.path("link"), withDestinationPath: path)
        expectRefused(folder.path("link"), .inUse)
        try FileManager.default.createSymbolicLink(atPath: folder.path("other"), withDestinationPath: folder.path)
        expectRefused(folder.path("other/stint.db"), .inUse)
    }

    @Test("a store that is let go of without closing frees its lock")
    func freesLock() throws {
        _ = try SQLiteStore(path: path).recover(at: .none)
        try SQLiteStore(path: path).close()
    }

    @Test("the writer reads back its settings")
    func settings() throws {
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        let settings = try store.withWriter { writer, _ in
            try ["journal_mode", "synchronous", "wal_autocheckpoint", "secure_delete"].map {
                try String.fetchOne(writer.db, sql: "PRAGMA \($0)")
            }
        }
        #expect(settings == ["wal", "2", "0", "0"])
    }

    @Test(
        "a connection that would lose what it acknowledged is refused",
        arguments: [
            "PRAGMA synchronous = NORMAL", "PRAGMA synchronous = OFF", "PRAGMA wal_autocheckpoint = 1000",
        ])
    func weakSettings(weakening: String) throws {
        let queue = try SQLiteConnection.openWriter(path)
        try queue.writeWithoutTransaction { db in
            try SQLiteConnection.checkDurability(db, path: path)
            try db.execute(sql: weakening)
        }
        #expect(throws: StoreError.self) {
            try queue.writeWithoutTransaction { try SQLiteConnection.checkDurability($0, path: path) }
        }
    }

    // The trap: GRDB sets NORMAL whenever it sets up WAL itself.
    @Test("a queue that GRDB set up in WAL mode would be refused")
    func trapOfGRDB() throws {
        var configuration = Configuration()
        configuration.journalMode = .wal
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        #expect(throws: StoreError.self) {
            try queue.writeWithoutTransaction { try SQLiteConnection.checkDurability($0, path: path) }
        }
    }

    @Test("a reader cannot write")
    func readerIsReadOnly() throws {
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        let reader = try SQLiteConnection.openReader(store.path)
        #expect(throws: DatabaseError.self) {
            try reader.writeWithoutTransaction { try $0.execute(sql: "DELETE FROM jobs") }
        }
    }
}
