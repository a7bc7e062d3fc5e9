import Foundation
import StintCore
import StintTestKit
import Testing

@testable import StintStore

// Goal: what is wrong with a store is found from outside, with the next step, and nothing is changed by looking.
@Suite("Inspection of a store") struct InspectionTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path("stint.db")
    }

    private func scenario() throws -> StoreScenario {
        let path = path
        let scenario = try StoreScenario(StoreFactory { try SQLiteStore(path: path) })
        scenario.add(.type(TypeIndex(0), name: "mail"))
        scenario.insert()
        scenario.finish(scenario.insert())
        var counts = Counts()
        counts.ready = 1
        counts.completed = 1
        scenario.add(.counts(TypeIndex(0), counts))
        try scenario.commit()
        return scenario
    }

    private func failures(_ depth: StoreInspection.Depth = .quick) -> [String] {
        StoreInspection(of: path, depth: depth).findings.filter { $0.severity == .failure && $0.subject != "room" }
            .map(\.subject)
    }

    @Test("a sound store has no failure, in use or not, and says who has it")
    func sound() throws {
        let scenario = try scenario()
        let inUse = StoreInspection(of: path, depth: .whole)
        #expect(inUse.holder == getpid() && inUse.batch == 1 && inUse.syncMicroseconds != nil)
        #expect(failures(.whole) == [])
        scenario.close()
        #expect(StoreInspection(of: path).holder == nil)
        #expect(failures(.whole) == [])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.contains("probe") } == [])
    }

    @Test("a store that is not there yet is no failure")
    func missing() { #expect(failures() == []) }

    @Test(
        "rows that do not agree are found by a whole inspection",
        arguments: [
            "UPDATE counts SET ready = 7", "UPDATE jobs SET finished_at = finished_at + 1 WHERE state = 5",
            "UPDATE jobs SET payload = x'00' WHERE serial = 1", "DELETE FROM jobs WHERE serial = 2",
            "UPDATE broker SET next_serial = 1",
        ])
    func rows(damage: String) throws {
        let path = path
        let store = try SQLiteStore(path: path)
        let scenario = try StoreScenario(StoreFactory { store })
        scenario.add(.type(TypeIndex(0), name: "mail"))
        scenario.insert()
        scenario.finish(scenario.insert())
        var counts = Counts()
        counts.ready = 1
        counts.completed = 1
        scenario.add(.counts(TypeIndex(0), counts))
        try scenario.commit()
        #expect(failures(.whole) == [])
        try store.withWriter { writer, _ in try writer.db.execute(sql: damage) }
        #expect(failures(.whole).contains("rows"))
        #expect(failures(.quick) == [])
        scenario.close()
    }

    @Test("an older copy, a missing log and a damaged one are found")
    func files() throws {
        let scenario = try scenario()
        defer { scenario.close() }
        _ = try scenario.store.maintain(isIdle: true)
        let copy = folder.path("copy.db")
        for suffix in ["", "-wal", ".lock"] {
            try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix)
        }
        func found() -> [String] {
            StoreInspection(of: copy).findings.filter { $0.severity == .failure && $0.subject != "room" }.map(\.subject)
        }
        #expect(found() == [])
        var log = try Data(contentsOf: URL(fileURLWithPath: copy + "-wal"))
        log[5_000] ^= 1
        try log.write(to: URL(fileURLWithPath: copy + "-wal"))
        #expect(found().contains("log"))
        for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: copy + suffix) }
        #expect(found() != [])
    }
}
