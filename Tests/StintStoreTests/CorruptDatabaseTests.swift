import GRDB
import StintCore
import StintTestKit
import Testing

@testable import StintStore

// Goal: a row that makes no sense is reported with a sentence, never trusted and never a trap.
@Suite("Damaged rows") struct CorruptDatabaseTests {
    @Test(
        "are reported when they are read",
        arguments: [
            "UPDATE jobs SET state = 99", "UPDATE jobs SET outcome = 99", "UPDATE jobs SET id = x'0102'",
            "UPDATE unindexed SET bytes = x'01FFFF'", "DELETE FROM jobs",
        ])
    func listed(damage: String) throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteStore(path: folder.path("stint.db"))
        let scenario = try StoreScenario(StoreFactory { store })
        defer { scenario.close() }
        scenario.finish(scenario.insert())
        try scenario.commit()
        try store.withWriter { writer, _ in try writer.db.execute(sql: damage) }
        let error = #expect(throws: StoreError.self) {
            try scenario.reader.list(JobQuery(state: .completed, limit: 5))
        }
        #expect(error?.code == .corrupt)
    }

    @Test(
        "are reported at recovery",
        arguments: [
            "UPDATE grants SET entries = x'09'", "UPDATE workers SET instance = x'00'", "UPDATE types SET number = 4",
            "UPDATE counts SET ready = -1", "UPDATE operations SET kind = 77", "DELETE FROM broker",
        ])
    func recovered(damage: String) throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteStore(path: folder.path("stint.db"))
        let scenario = try StoreScenario(StoreFactory { store })
        defer { scenario.close() }
        scenario.add(.type(TypeIndex(0), name: "mail"))
        scenario.add(.counts(TypeIndex(0), Counts()))
        scenario.add(
            .worker(WorkerRow(number: 1, instance: InstanceID(high: 1, low: 2), name: "a", pool: "b", since: .none)))
        scenario.add(
            .grant(GrantRow(first: scenario.nextToken(), worker: 1, slots: 1, grantedAt: .none, entries: [])))
        scenario.add(
            .operation(OperationRow(number: 1, kind: .replay, state: .dead, type: nil, before: .none)))
        try scenario.commit()
        try store.withWriter { writer, _ in try writer.db.execute(sql: damage) }
        let error = #expect(throws: StoreError.self) { try store.recover(at: .none) }
        #expect(error?.code == .corrupt)
        #expect(error?.description.contains("backup") == true)
    }
}
