import Foundation
import GRDB
import StintCore
import StintTestKit
import Testing

@testable import StintStore

// Goal: the log neither grows without bound nor is copied inside a commit. Method: steady writing, with the upkeep that
// a busy and an idle broker gives it, watching the sizes of the files.
@Suite("Write-ahead log") struct WriteAheadLogTests {
    private let folder: TemporaryFolder
    private let scenario: StoreScenario
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        let path = folder.path("stint.db")
        self.path = path
        scenario = try StoreScenario(StoreFactory { try SQLiteStore(path: path) })
    }

    /// About a megabyte.
    private func commitMegabyte() throws {
        scenario.insert(payload: [UInt8](repeating: 1, count: 1_000_000))
        try scenario.commit()
    }

    private var logBytes: Int64 { get throws { try scenario.store.statistics().logBytes } }
    private var fileBytes: Int64 { get throws { try scenario.store.statistics().bytes } }

    @Test("a commit never copies the log")
    func commitDoesNotCheckpoint() throws {
        defer { scenario.close() }
        let before = try fileBytes
        for _ in 0..<20 { try commitMegabyte() }
        #expect(try fileBytes == before)
        #expect(try logBytes > 20_000_000)
    }

    @Test("under steady load it is copied past twice its bound, and written over in place")
    func boundedWhileBusy() throws {
        defer { scenario.close() }
        for index in 0..<60 {
            try commitMegabyte()
            let before = try fileBytes
            _ = try scenario.store.maintain(isIdle: false)
            if index < 14 { #expect(try fileBytes == before) }
            #expect(try logBytes < 19_000_000)
        }
        #expect(try fileBytes > 40_000_000)
        // Kept, not cut.
        #expect(try logBytes > 16_000_000)
    }

    @Test("when idle it is copied past a megabyte, and not for less")
    func copiedWhenIdle() throws {
        defer { scenario.close() }
        while try scenario.store.maintain(isIdle: true) {}
        let before = try fileBytes
        scenario.insert()
        try scenario.commit()
        while try scenario.store.maintain(isIdle: true) {}
        #expect(try fileBytes == before)
        for _ in 0..<2 { try commitMegabyte() }
        while try scenario.store.maintain(isIdle: true) {}
        #expect(try fileBytes > before + 1_900_000)
    }

    @Test("a reader between two calls does not keep it from starting over")
    func readersLetGo() throws {
        defer { scenario.close() }
        for _ in 0..<60 {
            try commitMegabyte()
            _ = try scenario.reader.list(JobQuery(limit: 3))
            _ = try scenario.reader.readyPage(type: TypeIndex(0), from: .first, limit: 1)
            _ = try scenario.reader.row(serial: 1)
            let row = try #require(try scenario.reader.row(serial: 1))
            _ = try scenario.reader.details(row.id)
            _ = try scenario.reader.known([.least])
            _ = try scenario.store.maintain(isIdle: false)
        }
        #expect(try logBytes < 19_000_000)
    }

    @Test("a reader that stays keeps it from starting over only while it stays")
    func stuckReader() throws {
        defer { scenario.close() }
        try commitMegabyte()
        let other = try SQLiteConnection.openReader(path)
        try other.unsafeRead { db in
            try db.execute(sql: "BEGIN")
            _ = try Int.fetchOne(db, sql: "SELECT count(*) FROM jobs")
            for _ in 0..<40 {
                try commitMegabyte()
                _ = try scenario.store.maintain(isIdle: false)
            }
            try db.execute(sql: "COMMIT")
        }
        let stuck = try logBytes
        #expect(stuck > 40_000_000)
        _ = try scenario.store.maintain(isIdle: false)
        for _ in 0..<40 {
            try commitMegabyte()
            _ = try scenario.store.maintain(isIdle: false)
        }
        // Started over, and cut to what is kept.
        #expect(try logBytes <= Int64(WriteAheadLog.keptBytes))
    }

    @Test("upkeep ends, and says so")
    func upkeepEnds() throws {
        defer { scenario.close() }
        for _ in 0..<5 { try commitMegabyte() }
        var steps = 0
        while try scenario.store.maintain(isIdle: true) { steps += 1 }
        #expect(steps < 10)
        #expect(try !scenario.store.maintain(isIdle: true))
        #expect(try !scenario.store.maintain(isIdle: false))
    }
}
