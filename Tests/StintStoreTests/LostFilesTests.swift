import Foundation
import StintCore
import StintTestKit
import Testing

@testable import StintStore

// Goal: files of a store that are taken away, or put back as they were once, are noticed before anything is
// acknowledged; going on without what is lost takes a deed of its own. Method: the files are removed, replaced and
// copied, under an open store and between two lives.
@Suite("Lost and older files") struct LostFilesTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path("stint.db")
    }

    private func scenario(_ batches: Int = 1) throws -> StoreScenario {
        let path = path
        let scenario = try StoreScenario(StoreFactory { try SQLiteStore(path: path) })
        for _ in 0..<batches { try commit(scenario) }
        return scenario
    }

    /// With the upkeep that follows soon after.
    private func commit(_ scenario: StoreScenario) throws {
        scenario.insert()
        try scenario.commit()
        _ = try scenario.store.maintain(isIdle: true)
    }

    /// What a kill would leave in another folder, with the lock file.
    private func copyAfterKill(_ suffixes: String...) throws -> String {
        let copy = folder.path("killed.db")
        for suffix in suffixes { try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix) }
        return copy
    }

    private func expectRolledBack(_ path: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let error = #expect(throws: StoreError.self, sourceLocation: sourceLocation) {
            try SQLiteStore(path: path).close()
        }
        #expect(error?.code == .rolledBack, sourceLocation: sourceLocation)
        for word in [path, path + "-wal", path + ".lock", "backup"] {
            #expect(error?.description.contains(word) == true, sourceLocation: sourceLocation)
        }
    }

    // MARK: Between two lives

    @Test("the lock file says who holds it and how far the database has come")
    func noted() throws {
        let scenario = try scenario(3)
        defer { scenario.close() }
        let lines = try String(contentsOfFile: path + ".lock", encoding: .utf8).split(separator: "\n")
        #expect(lines.prefix(3) == ["\(getpid())", "epoch 1700000000", "batch 3"])
        try commit(scenario)
        #expect(try String(contentsOfFile: path + ".lock", encoding: .utf8).contains("\nbatch 4\n"))
    }

    @Test("a database that is gone, or empty, is not made anew", arguments: [true, false])
    func missing(isRemoved: Bool) throws {
        try scenario().close()
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        if !isRemoved { try Data().write(to: URL(fileURLWithPath: path)) }
        expectRolledBack(path)
        #expect(FileManager.default.fileExists(atPath: path) == !isRemoved)
        #expect(DiskSpace.bytes(of: path) == 0)
        try FileManager.default.removeItem(atPath: path + ".lock")
        try SQLiteStore(path: path).close()
    }

    @Test("a log that is missing after a kill is noticed, and the log that is put back mends it")
    func missingLog() throws {
        let scenario = try scenario(5)
        defer { scenario.close() }
        let copy = try copyAfterKill("", ".lock")
        expectRolledBack(copy)
        try? FileManager.default.removeItem(atPath: copy + "-shm")
        try? FileManager.default.removeItem(atPath: copy + "-wal")
        try FileManager.default.copyItem(atPath: path + "-wal", toPath: copy + "-wal")
        let store = try SQLiteStore(path: copy)
        defer { store.close() }
        #expect(try store.recover(at: .none).batch == 5)
    }

    @Test("one batch that is missing is noticed, also within one life")
    func oneBatch() throws {
        let scenario = try scenario(2)
        defer { scenario.close() }
        let copy = try copyAfterKill("", "-wal")
        try commit(scenario)
        try FileManager.default.copyItem(atPath: path + ".lock", toPath: copy + ".lock")
        expectRolledBack(copy)
    }

    @Test("an older copy is refused and left as it is, and served once the lock file is removed")
    func backup() throws {
        let first = try scenario(2)
        let backup = folder.path("backup.db")
        try folder.copyDatabase(from: path, to: backup)
        first.close()
        try SQLiteStore(path: path).close()
        let next = try SQLiteStore(path: path)
        _ = try next.recover(at: .none)
        next.close()
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(atPath: backup + suffix, toPath: path + suffix)
        }
        expectRolledBack(path)
        expectRolledBack(path)
        try FileManager.default.removeItem(atPath: path + ".lock")
        let restored = try SQLiteStore(path: path)
        defer { restored.close() }
        #expect(try restored.recover(at: .none).batch == 2)
    }

    @Test("a lock file that notes nothing refuses nothing", arguments: ["", "4711\n", "4711\nepoch x\nbatch\n"])
    func oldLock(text: String) throws {
        try text.write(toFile: path + ".lock", atomically: false, encoding: .utf8)
        try SQLiteStore(path: path).close()
        #expect(try String(contentsOfFile: path + ".lock", encoding: .utf8).contains("epoch 0\nbatch 0\n"))
    }

    // MARK: Under an open store

    @Test(
        "a file that is removed or replaced while it is open fails the next commit", arguments: ["", "-wal", ".lock"])
    func removed(suffix: String) throws {
        for isReplaced in [false, true] {
            let scenario = try scenario()
            try FileManager.default.moveItem(atPath: path + suffix, toPath: path + suffix + ".away")
            if isReplaced { try Data("x".utf8).write(to: URL(fileURLWithPath: path + suffix)) }
            scenario.insert()
            for _ in 0..<2 {
                let error = #expect(throws: StoreError.self) { _ = try scenario.store.maintain(isIdle: true) }
                let words = path + suffix + (isReplaced ? " was replaced" : " was removed")
                #expect(error?.description.contains(words) == true)
            }
            // The lock file is looked after between commits only.
            if suffix != ".lock" { #expect(throws: StoreError.self) { try scenario.commit() } }
            scenario.close()
            for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
                try FileManager.default.removeItem(atPath: folder.path(name))
            }
        }
    }
}
