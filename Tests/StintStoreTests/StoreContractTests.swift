import StintStore
import StintTestKit
import Testing

/// The stores there are.
enum StoreKind: String, CaseIterable, Codable {
    case memory, sqlite

    func factory(in folder: String) -> StoreFactory {
        switch self {
        case .memory:
            let disk = MemoryDisk()
            return StoreFactory { try MemoryStore(disk: disk) }
        case .sqlite: return StoreFactory { try SQLiteStore(path: folder + "/stint.db") }
        }
    }
}

// Goal: every store keeps every sentence of the contract. Method: each check of the conformance suite on each store.
@Suite("Store contract") struct StoreContractTests {
    @Test("every check, on every store", arguments: StoreContract.checks, StoreKind.allCases)
    func isKept(check: StoreContract.Check, kind: StoreKind) throws {
        let folder = try TemporaryFolder()
        try check.run(kind.factory(in: folder.path))
    }
}
