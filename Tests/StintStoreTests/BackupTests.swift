import Foundation
import Glibc
import StintCore
import StintTestKit
import Testing

@testable import StintStore

// Goal: a backup holds everything that was acknowledged before it began, and nothing half; a restore loses nothing that
// was there, and no token comes again.
@Suite("Backup and restore") struct BackupTests {
    private let folder: TemporaryFolder
    private let path: String
    private let backup: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path("stint.db")
        backup = folder.path("backup.db")
    }

    private func scenario() throws -> StoreScenario {
        let path = path
        return try StoreScenario(StoreFactory { try SQLiteStore(path: path) })
    }

    private func ready(_ path: String) throws -> Int {
        let reader = try SQLiteReader(SQLiteConnection.openReader(path))
        return try reader.readyPage(type: TypeIndex(0), from: .first, limit: 10_000).rows.count
    }

    /// Counts as a broker keeps them: a backup is checked in full.
    private func insert(_ count: Int, _ scenario: StoreScenario, total: Int) throws {
        if scenario.open.number == 1 { scenario.add(.type(TypeIndex(0), name: "mail")) }
        for _ in 0..<count { scenario.insert(payload: [UInt8](repeating: 1, count: 3_000)) }
        var counts = Counts()
        counts.ready = Int64(total)
        scenario.add(.counts(TypeIndex(0), counts))
        try scenario.commit()
    }

    @Test("a backup of a store in use is as of one commit, one file, and whole")
    func running() throws {
        let scenario = try scenario()
        defer { scenario.close() }
        try insert(5, scenario, total: 5)
        try scenario.maintain()
        try insert(7, scenario, total: 12)
        let report = try StoreBackup.take(of: path, to: backup)
        #expect(report.batch == 2 && report.jobs == 12)
        #expect(try ready(backup) == 12)
        #expect(StoreInspection(of: backup, depth: .whole).severity < .failure)
        try insert(1, scenario, total: 13)
        #expect(try ready(path) == 13)
    }

    @Test("backups taken while another thread commits hold whole commits, and all before they began")
    func underLoad() throws {
        let scenario = try scenario()
        defer { scenario.close() }
        try insert(1, scenario, total: 1)
        let path = path
        let backup = backup
        for round in 0..<6 {
            let before = Int(scenario.open.number) - 1
            let taking = OtherThread { _ = try StoreBackup.take(of: path, to: "\(backup)\(round)") }
            for _ in 0..<20 { try insert(1, scenario, total: Int(scenario.open.number)) }
            try taking.join()
            let found = StoreInspection(of: "\(backup)\(round)", depth: .whole)
            #expect(found.severity < .failure)
            let batch = Int(try #require(found.batch))
            #expect(batch >= before && batch < Int(scenario.open.number))
            #expect(try ready("\(backup)\(round)") == batch)
        }
    }

    @Test("nothing is overwritten, and what is cut short leaves no file of that name")
    func refusals() throws {
        let missing = #expect(throws: StoreError.self) { try StoreBackup.take(of: path, to: backup) }
        #expect(missing?.code == .missing)
        let scenario = try scenario()
        try insert(3, scenario, total: 3)
        _ = try StoreBackup.take(of: path, to: backup)
        let again = #expect(throws: StoreError.self) { try StoreBackup.take(of: path, to: backup) }
        #expect(again?.code == .exists)
        let inUse = #expect(throws: StoreError.self) { try StoreRestore.restore(backup, to: path, at: .none) }
        #expect(inUse?.code == .inUse)
        scenario.close()
        // Damage is not backed up as if it were whole.
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[bytes.count - 2_000] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
        let other = folder.path("other.db")
        let damaged = #expect(throws: StoreError.self) { try StoreBackup.take(of: path, to: other) }
        #expect(damaged?.code == .corrupt)
        #expect(!FileManager.default.fileExists(atPath: other))
        #expect(!FileManager.default.fileExists(atPath: other + ".partial"))
    }

    @Test("a damaged or foreign backup is not restored, and the store stays as it is")
    func badBackup() throws {
        let scenario = try scenario()
        try insert(30, scenario, total: 30)
        _ = try StoreBackup.take(of: path, to: backup)
        scenario.close()
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        var bytes = try Data(contentsOf: URL(fileURLWithPath: backup))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: backup))
        try Data("no database at all".utf8).write(to: URL(fileURLWithPath: folder.path("text")))
        for file in [backup, folder.path("text"), folder.path("missing")] {
            let error = #expect(throws: StoreError.self) { try StoreRestore.restore(file, to: path, at: .none) }
            #expect(error?.code == (file.hasSuffix("missing") ? .missing : .corrupt))
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
        try SQLiteStore(path: path).close()
    }

    @Test("a restored store is that of the backup; what was there is kept; no epoch comes again")
    func restored() throws {
        let scenario = try scenario()
        try insert(4, scenario, total: 4)
        _ = try StoreBackup.take(of: path, to: backup)
        try insert(4, scenario, total: 8)
        // Lives after the backup, whose tokens must not come again, with a wall clock that stands still.
        for _ in 0..<3 { try scenario.reopen() }
        let epoch = scenario.recovered.numbers.epoch
        scenario.close()

        let report = try StoreRestore.restore(backup, to: path, at: WallTime(milliseconds: 5_000))
        #expect(report.jobs == 4 && report.batch == 1)
        let kept = try #require(report.kept)
        #expect(try ready(kept) == 8)
        let store = try SQLiteStore(path: path)
        let recovered = try store.recover(at: .none)
        store.close()
        #expect(recovered.batch == 1 && recovered.numbers.epoch > epoch)
        #expect(try ready(path) == 4)
        // And once more in the same second.
        let again = try StoreRestore.restore(backup, to: path, at: WallTime(milliseconds: 5_000))
        #expect(again.kept != kept && again.epoch >= recovered.numbers.epoch)
        #expect(try ready(kept) == 8)
    }

    // Method: the n-th renaming fails, then every one from there on but those that put things back.
    @Test("a restore that cannot move a file leaves the store as it was", arguments: 1...3)
    func immovable(_ failing: Int) throws {
        let scenario = try scenario()
        try insert(4, scenario, total: 4)
        _ = try StoreBackup.take(of: path, to: backup)
        try insert(4, scenario, total: 8)
        scenario.close()
        try Data().write(to: URL(fileURLWithPath: path + "-wal"))
        var calls = 0
        let error = #expect(throws: StoreError.self) {
            try StoreRestore.restore(backup, to: path, at: WallTime(milliseconds: 5_000)) { from, to in
                calls += 1
                errno = EACCES
                return calls != failing && rename(from, to) == 0
            }
        }
        #expect(error?.code == .notWritable && error?.description.contains("The store is as it was.") == true)
        #expect(try ready(path) == 8)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path(""))
        #expect(!names.contains { $0.contains(".before-") || $0.contains(".restoring") }, "\(names)")
        try SQLiteStore(path: path).close()
    }

    @Test("two backups of one name at a time: the second is refused, and the first becomes whole")
    func sameName() throws {
        let scenario = try scenario()
        defer { scenario.close() }
        try insert(3, scenario, total: 3)
        // The first is under way: it has its file, and has not given it its name.
        let first = try NewFile(backup)
        let error = #expect(throws: StoreError.self) { try StoreBackup.take(of: path, to: backup) }
        #expect(error?.code == .exists && error?.description.contains("another backup") == true)
        #expect(FileManager.default.fileExists(atPath: first.path))
        try first.name()
        #expect(!FileManager.default.fileExists(atPath: first.path))
        // What a process that was killed left behind is in nobody's way.
        let other = folder.path("other.db")
        try Data(repeating: 7, count: 100_000).write(to: URL(fileURLWithPath: other + ".partial"))
        #expect(try StoreBackup.take(of: path, to: other).jobs == 3)
        #expect(!FileManager.default.fileExists(atPath: other + ".partial"))
    }

    // Method: a file that claims to be larger than any disk, and holds nothing.
    @Test("a copy that would fill the disk is refused before it is begun")
    func noRoom() throws {
        let scenario = try scenario()
        try insert(4, scenario, total: 4)
        _ = try StoreBackup.take(of: path, to: backup)
        scenario.close()
        let size = try #require(FileManager.default.attributesOfItem(atPath: path)[.size] as? Int64)
        let room = try DiskSpace.free(at: path)
        #expect(truncate(path, off_t(room - 60 * 1_048_576)) == 0)
        let other = folder.path("other.db")
        let taking = #expect(throws: StoreError.self) { try StoreBackup.take(of: path, to: other) }
        #expect(taking?.code == .full && taking?.description.contains("another disk") == true)
        #expect(!FileManager.default.fileExists(atPath: other + ".partial"))
        #expect(truncate(path, off_t(size)) == 0)
        #expect(truncate(backup, off_t(room)) == 0)
        let restoring = #expect(throws: StoreError.self) { try StoreRestore.restore(backup, to: path, at: .none) }
        #expect(restoring?.code == .full)
        try SQLiteStore(path: path).close()
    }

    @Test("a restore into an empty place makes the store")
    func empty() throws {
        let scenario = try scenario()
        try insert(4, scenario, total: 4)
        _ = try StoreBackup.take(of: path, to: backup)
        scenario.close()
        let other = folder.path("new/stint.db")
        #expect(try StoreRestore.restore(backup, to: other, at: .none).kept == nil)
        let store = try SQLiteStore(path: other)
        defer { store.close() }
        #expect(try store.recover(at: .none).batch == 1)
    }
}
