import StintCore
import StintTestKit
import Testing

@testable import StintStore

// Goal: one commit costs one sync, and not none. Method: the calls that reach the kernel are counted; one trace at a
// time, because a process has one tracer.
@Suite("Syncs of a commit", .serialized, .enabled(if: Strace.isUsable, "strace is missing or may not trace"))
struct SyncCountTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path("stint.db")
    }

    @Test("one commit is one sync of the log, whatever it writes")
    func oneSync() throws {
        let path = path
        let scenario = try StoreScenario(StoreFactory { try SQLiteStore(path: path) })
        defer { scenario.close() }
        // The first commit also syncs the header of the log.
        try scenario.commit()
        let trace = try Strace.trace("fsync,fdatasync", output: folder.path("trace")) {
            for _ in 0..<7 {
                scenario.finish(scenario.insert(payload: [UInt8](repeating: 1, count: 20_000)))
                scenario.insert()
                try scenario.commit()
            }
        }
        let ours = trace.filter { $0.contains(path) }
        #expect(ours.count == 7)
        #expect(ours.allSatisfy { $0.contains("fdatasync(") && $0.contains("stint.db-wal") })
    }

    // In the database first: a lock file that is ahead of it would refuse what is right.
    @Test("the epoch is synced before recovery returns, in the database and then in the lock file")
    func epochIsSynced() throws {
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        _ = try store.recover(at: .none)
        let trace = try Strace.trace("fsync,fdatasync", output: folder.path("trace")) {
            _ = try store.recover(at: .none)
        }
        let ours = trace.filter { $0.contains(path) }
        #expect(ours.count == 2)
        #expect(ours.first?.contains("stint.db-wal") == true && ours.last?.contains("stint.db.lock") == true)
    }
}
