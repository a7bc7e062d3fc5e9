import Foundation
import GRDB
import StintCore
import StintTestKit
import Testing

@testable import StintStore

// Goal: acknowledged means on disk, all of a batch or nothing. Method: the files are copied as a crash would leave
// them, cut and damaged, and opened again.
@Suite("Durability of SQLite") struct SQLiteDurabilityTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path("stint.db")
    }

    private func scenario() throws -> StoreScenario {
        let path = path
        return try StoreScenario(StoreFactory { try SQLiteStore(path: path) })
    }

    /// Each batch writes to every kind of table: its number says how much of each there must be.
    private func commitBatches(_ count: Int, _ scenario: StoreScenario) throws {
        for _ in 0..<count {
            let number = scenario.open.number
            scenario.add(.type(TypeIndex(Int(number) - 1), name: "type\(number)"))
            scenario.add(.answer(RequestID(high: 1, low: number), scenario.blob("yes"), at: scenario.now))
            scenario.insert(payload: [UInt8](repeating: 1, count: 3_000))
            scenario.finish(scenario.insert())
            try scenario.commit()
        }
    }

    /// Opens a copy of the database and checks that it is the state after one whole batch.
    private func wholeBatch(at path: String) throws -> UInt64 {
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        let state = try store.recover(at: .none)
        let reader = try store.makeReader()
        let batch = state.batch
        #expect(state.types.count == Int(batch))
        #expect(state.numbers.nextSerial == Int64(batch) * 2 + 1)
        #expect(try reader.readyPage(type: TypeIndex(0), from: .first, limit: 1_000).rows.count == Int(batch))
        #expect(try reader.list(JobQuery(state: .completed, limit: 1_000)).jobs.count == Int(batch))
        #expect(try reader.answer(RequestID(high: 1, low: batch)) != nil || batch == 0)
        #expect(try reader.answer(RequestID(high: 1, low: batch + 1)) == nil)
        let integrity = try store.withWriter { writer, _ in
            try String.fetchOne(writer.db, sql: "PRAGMA integrity_check")
        }
        #expect(integrity == "ok")
        return batch
    }

    @Test("what was committed is found in a copy of the files that was taken at once")
    func copyAfterCommit() throws {
        let scenario = try scenario()
        defer { scenario.close() }
        for batch in 1...5 {
            try commitBatches(1, scenario)
            let copy = folder.path("copy\(batch).db")
            try folder.copyDatabase(from: path, to: copy)
            #expect(try wholeBatch(at: copy) == UInt64(batch))
        }
    }

    @Test("a log cut anywhere gives whole batches, and never fewer for a longer log")
    func cutLog() throws {
        let scenario = try scenario()
        defer { scenario.close() }
        try commitBatches(2, scenario)
        while try scenario.store.maintain(isIdle: true) {}
        try commitBatches(4, scenario)
        let log = try Data(contentsOf: URL(fileURLWithPath: path + "-wal"))
        var last: UInt64 = 0
        // A frame is 24 bytes and a page. Every edge of one is cut at, and some places before, after and between.
        let frame = 4_096 + 24
        for (index, end) in stride(from: 32, through: log.count, by: frame).enumerated() {
            for cut in index % 8 == 0 ? [end - 1, end, end + 25, end + 2_000] : [end] where cut <= log.count {
                let copy = folder.path("cut.db")
                try folder.copyDatabase(from: path, to: copy)
                try log.prefix(cut).write(to: URL(fileURLWithPath: copy + "-wal"))
                // Whatever was lost with the tables themselves is an empty database.
                let batch = try wholeBatch(at: copy)
                #expect(batch >= last)
                last = batch
                try FileManager.default.removeItem(atPath: copy)
            }
        }
        #expect(last == 6)
    }

    @Test("a bit that turned in the log refuses the start, or costs the end of the log, and never half of a batch")
    func damagedLog() throws {
        let scenario = try scenario()
        defer { scenario.close() }
        try commitBatches(5, scenario)
        let log = try Data(contentsOf: URL(fileURLWithPath: path + "-wal"))
        var random = SeededRandom(seed: 3)
        var found: Set<UInt64> = []
        var refused = 0
        for _ in 0..<40 {
            // Without the lock file, which would tell that the last batch is missing.
            let copy = folder.path("damaged.db")
            try folder.copyDatabase(from: path, to: copy)
            var damaged = log
            damaged[32 + Int(random.next(upTo: UInt64(log.count - 33)))] ^= 1 << UInt8(random.next(upTo: 7))
            try damaged.write(to: URL(fileURLWithPath: copy + "-wal"))
            do {
                found.insert(try wholeBatch(at: copy))
            } catch let error as StoreError {
                #expect(error.code == .corrupt && error.description.contains("stint restore"))
                refused += 1
            }
            for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: copy + suffix) }
        }
        #expect(refused > 20)
        // The last batch, and the one before when it is their joint that turned.
        #expect(found.isSubset(of: [3, 4, 5]))
    }

    @Test("after a clean end the database file holds everything by itself")
    func cleanEnd() throws {
        let scenario = try scenario()
        try commitBatches(3, scenario)
        #expect(DiskSpace.bytes(of: path + "-wal") > 0)
        // The readers are open still, as a broker's are.
        scenario.close()
        #expect(DiskSpace.bytes(of: path + "-wal") == 0)
        let copy = folder.path("copy.db")
        try FileManager.default.copyItem(atPath: path, toPath: copy)
        #expect(try wholeBatch(at: copy) == 3)
    }

    @Test("the end of a store that failed writes nothing more")
    func endAfterFailure() throws {
        let scenario = try scenario()
        try commitBatches(3, scenario)
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        // Any failure: here its lock file is taken away.
        try FileManager.default.removeItem(atPath: path + ".lock")
        #expect(throws: StoreError.self) { _ = try scenario.store.maintain(isIdle: true) }
        scenario.close()
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
        let copy = folder.path("copy.db")
        try folder.copyDatabase(from: path, to: copy)
        #expect(try wholeBatch(at: copy) == 3)
    }

    @Test("a full disk fails the commit, and every later one, and the next start has the batch before")
    func fullDisk() throws {
        let store = try SQLiteStore(path: path)
        var numbers = try store.recover(at: .none).numbers
        // SQLite reports this bound exactly as it reports a full disk.
        try store.withWriter { writer, _ in
            let pages = try #require(try Int.fetchOne(writer.db, sql: "PRAGMA page_count"))
            try writer.db.execute(sql: "PRAGMA max_page_count = \(pages + 20)")
        }
        var number: UInt64 = 0
        var failure: StoreError?
        while failure == nil, number < 100 {
            number += 1
            var batch = Batch(number: number, numbers: numbers)
            let row = JobRow(
                id: JobID(high: number, low: 1), serial: Int64(number), type: TypeIndex(0), state: .ready, priority: 0,
                rank: Int64(number), runAt: .none, createdAt: .none, attemptsMax: 1, payloadBytes: 9_000, digest: 0)
            var write = JobWrite(.insert, row)
            write.payload = batch.add(Bytes([UInt8](repeating: 7, count: 9_000)))
            batch.jobs = [write]
            numbers.nextSerial += 1
            batch.numbers = numbers
            do { try store.commit(batch) } catch { failure = error as? StoreError }
        }
        #expect(failure?.code == .full)
        #expect(failure?.description.contains("Free space") == true)
        let later = #expect(throws: StoreError.self) { try store.commit(Batch(number: number, numbers: numbers)) }
        #expect(later?.code == .failed)
        store.close()

        let next = try SQLiteStore(path: path)
        defer { next.close() }
        #expect(try next.recover(at: .none).batch == number - 1)
        #expect(
            try next.makeReader().readyPage(type: TypeIndex(0), from: .first, limit: 99).rows.count == Int(number) - 1)
    }
}
