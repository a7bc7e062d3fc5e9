import StintStore
import StintTestKit
import Testing

/// Every store, held to the one contract.
@Suite("The store contract") struct StoreContractTests {
    enum StoreKind: String, CaseIterable {
        case memory, sqlite

        func factory(in folder: TemporaryFolder) -> StoreFactory {
            switch self {
            case .memory:
                let disk = MemoryDisk()
                return StoreFactory { try MemoryStore(disk: disk) }
            case .sqlite:
                let path = folder.path("stint.db")
                return StoreFactory { try SQLiteStore(path: path) }
            }
        }
    }

    @Test("is kept", arguments: StoreContract.checks, StoreKind.allCases)
    func isKept(check: StoreContract.Check, kind: StoreKind) throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        try check.run(kind.factory(in: folder))
    }
}
