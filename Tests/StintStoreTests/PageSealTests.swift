import Foundation
import GRDB
import StintCore
import StintTestKit
import Testing

@testable import StintStore

// Goal: a page that is not as it was written is never read as one. Method: bytes of a database at rest are changed, by
// this test or by another program.
@Suite("Page seals") struct PageSealTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path("stint.db")
    }

    private func makeStore(jobs: Int = 40) throws {
        let path = path
        let scenario = try StoreScenario(StoreFactory { try SQLiteStore(path: path) })
        for _ in 0..<jobs { scenario.insert(payload: [UInt8](repeating: 65, count: 900)) }
        scenario.add(.type(TypeIndex(0), name: "mail"))
        var counts = Counts()
        counts.ready = Int64(jobs)
        scenario.add(.counts(TypeIndex(0), counts))
        try scenario.commit()
        scenario.close()
    }

    private func turn(_ offset: Int) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[offset] ^= 4
        try bytes.write(to: URL(fileURLWithPath: path))
    }

    @Test("every page of a stopped store has one")
    func all() throws {
        try makeStore()
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        #expect(bytes[20] == 8 && bytes.count > 20 * 4_096)
        for start in stride(from: 0, to: bytes.count, by: 4_096) {
            let page = bytes[start..<start + 4_096]
            #expect(Array(page).withUnsafeBytes { PageSeals.holds(on: $0, number: UInt64(start / 4_096) + 1) })
        }
        // A page in another's place is not as it was written either.
        #expect(!Array(bytes[4_096..<8_192]).withUnsafeBytes { PageSeals.holds(on: $0, number: 3) })
    }

    @Test("a damaged page fails what reads it, and nothing else; the next start refuses it until it is mended")
    func damage() throws {
        try makeStore()
        let size = try Data(contentsOf: URL(fileURLWithPath: path)).count
        // Somewhere among the rows, which lie at the end.
        try turn(size - 3 * 4_096 + 2_000)
        let store = try SQLiteStore(path: path)
        _ = try store.recover(at: .none)
        let reader = try store.makeReader()
        var refused = 0
        var read = 0
        for serial in 1...40 {
            do {
                if try reader.row(serial: Int64(serial)) != nil { read += 1 }
            } catch let error as StoreError {
                #expect(error.code == .corrupt && error.description.contains("stint restore"))
                refused += 1
            }
        }
        #expect(refused > 0 && read > 20 && refused + read == 40)
        store.noteDamage()
        store.close()
        let error = #expect(throws: StoreError.self) { try SQLiteStore(path: path) }
        #expect(error?.code == .corrupt && error?.description.contains("page ") == true)
        try turn(size - 3 * 4_096 + 2_000)
        try SQLiteStore(path: path).close()
    }

    @Test("a header that denies its seals is damaged")
    func header() throws {
        try makeStore(jobs: 1)
        try turn(20)
        let error = #expect(throws: StoreError.self) { try SQLiteStore(path: path) }
        #expect(error?.code == .corrupt)
    }

    @Test("a database from before there were seals is read, and gets them when a backup of it is restored")
    func older() throws {
        try makeOlder()
        let store = try SQLiteStore(path: path)
        #expect(try store.recover(at: .none).batch == 1)
        #expect(!PageSeals.areOn(path))
        store.close()
        let backup = folder.path("backup.db")
        _ = try StoreBackup.take(of: path, to: backup)
        _ = try StoreRestore.restore(backup, to: path, at: .none)
        #expect(PageSeals.areOn(path))
        let next = try SQLiteStore(path: path)
        defer { next.close() }
        #expect(try next.recover(at: .none).batch == 1)
        #expect(try next.makeReader().readyPage(type: TypeIndex(0), from: .first, limit: 99).rows.count == 40)
        #expect(StoreInspection(of: path, depth: .whole).severity < .failure)
    }

    /// The same rows without room for seals.
    private func makeOlder() throws {
        try makeStore()
        let other = folder.path("older.db")
        let queue = try DatabaseQueue(path: path)
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA journal_mode = DELETE")
            try db.execute(sql: "ATTACH '\(other)' AS other; PRAGMA other.journal_mode = DELETE")
            // By the schema and the rows: a copy of pages would keep the room.
            let schema = try String.fetchAll(
                db, sql: "SELECT sql FROM main.sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
            let plain = try DatabaseQueue(path: other)
            try plain.writeWithoutTransaction { db in
                for sql in schema { try db.execute(sql: sql) }
                try db.execute(sql: "PRAGMA application_id = \(SQLiteSchema.applicationID)")
            }
            try plain.close()
            for table in try String.fetchAll(
                db, sql: "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            {
                try db.execute(sql: "INSERT INTO other.\(table) SELECT * FROM main.\(table)")
            }
        }
        try queue.close()
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: other, toPath: path)
    }
}
