import Foundation
import Logging
import StintCore
import StintStore
import StintTestKit
import StintTransport
import Synchronization
import Testing

@testable import StintBroker

@Suite("A committing thread under watch") struct CommitterWatchTests {
    /// A store whose commits return when the test says so.
    private final class HangingStore: Store {
        let hang: Waker
        private let inner = MemoryStore()

        init() throws { hang = try Waker() }

        func recover(at now: WallTime) throws -> RecoveredState { try inner.recover(at: now) }
        func makeReader() throws -> any StoreReader { try inner.makeReader() }
        func maintain(isIdle: Bool) throws -> Bool { false }
        func statistics() throws -> StoreStatistics { try inner.statistics() }
        func close() { inner.close() }

        func commit(_ batch: Batch) throws {
            hang.wait(upTo: nil)
            try inner.commit(batch)
        }
    }

    private final class Told: Sendable {
        let stalls = Mutex<[Watchdog.Stall]>([])
        let bell: Waker

        init() throws { bell = try Waker() }

        func tell(_ stalls: [Watchdog.Stall]) {
            self.stalls.withLock { $0 = stalls }
            bell.wake()
        }
    }

    // Goal: a commit that never returns is found, and named. Method: the real committer on its own thread, and a store that
    // hangs. Before, while the thread has nothing to do, the watchdog must see it turn.
    @Test("a commit that does not return is told, and an idle thread is not")
    func hangs() throws {
        let folder = URL.temporaryDirectory.appending(path: "stint-watch-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let room = try RoomKeeper(
            store: SQLiteStore(path: folder.appending(path: "stint.db").path), logger: Logger(label: "test"))
        let store = try HangingStore()
        let state = try store.recover(at: WallTime(milliseconds: 1_000))
        let done = try Waker()
        let committer = try Committer(store: store, room: room) { done.wake() }
        let thread = try SocketThread(name: "stint-commit") { committer.run() }
        let told = try Told()
        let watchdog = try Watchdog([committer.pulse], .init(stallMax: .milliseconds(1_500)), onStall: told.tell)
        // Idle for longer than the bound.
        #expect(!told.bell.wait(upTo: .milliseconds(2_000)))

        committer.start(Batch(number: state.batch + 1, numbers: state.numbers))
        #expect(told.bell.wait(upTo: .seconds(30)))
        let stall = try #require(told.stalls.withLock { $0 }.first)
        #expect(stall.thread == "stint-commit" && stall.place == .committing)

        store.hang.wake()
        #expect(done.wait(upTo: .seconds(30)))
        committer.stop()
        thread.join()
        watchdog.stop()
    }
}
