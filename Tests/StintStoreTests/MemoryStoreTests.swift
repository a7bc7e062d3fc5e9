import StintCore
import StintTestKit
import Testing

@testable import StintStore

@Suite("Memory store") struct MemoryStoreTests {
    @Test("an image opens as another life, and the two no longer touch")
    func images() throws {
        let disk = MemoryDisk()
        let scenario = try StoreScenario(StoreFactory { try MemoryStore(disk: disk) })
        let row = scenario.insert()
        try scenario.commit()
        let store = try #require(scenario.store as? MemoryStore)
        let crashed = MemoryStore(store.image())
        scenario.finish(row)
        try scenario.commit()
        let state = try crashed.recover(at: scenario.now)
        #expect(state.batch == 1)
        #expect(state.numbers.epoch == scenario.numbers.epoch + 1)
        #expect(try crashed.makeReader().row(row.id) == row)
        #expect(try scenario.reader.row(row.id)?.state == .completed)
    }

    @Test("a store that was let go of frees its disk")
    func freesDisk() throws {
        let disk = MemoryDisk()
        _ = try MemoryStore(disk: disk)
        let second = try MemoryStore(disk: disk)
        #expect(throws: StoreError.self) { try MemoryStore(disk: disk) }
        second.close()
        second.close()
        _ = try MemoryStore(disk: disk)
    }

    @Test("the facts that a job is made with never change")
    func fixedFacts() async {
        await #expect(processExitsWith: .failure) {
            let scenario = try StoreScenario(StoreFactory { MemoryStore() })
            var row = scenario.insert()
            row.digest += 1
            scenario.write(.update, row)
            try scenario.commit()
        }
    }

    @Test("only a replay moves a final job")
    func finalJobs() async {
        await #expect(processExitsWith: .failure) {
            let scenario = try StoreScenario(StoreFactory { MemoryStore() })
            var row = scenario.finish(scenario.insert())
            row.state = .ready
            scenario.write(.update, row)
            try scenario.commit()
        }
    }
}
