import Dispatch
import StintStore

/// Looks once a second how much room the disk has, and tells the loop before the room is gone.
final class DiskWatch: Sendable {
    /// Below this, new jobs are refused; the store keeps a reserve of its own for settling.
    static let watermarkBytes: Int64 = 64 * 1_048_576

    private let store: SQLiteStore
    private let control: BrokerControl
    private let end = DispatchSemaphore(value: 0)

    init(store: SQLiteStore, control: BrokerControl) {
        self.store = store
        self.control = control
    }

    /// The body of the thread.
    func run() {
        repeat {
            if let free = try? store.freeBytes(), let statistics = try? store.statistics() {
                control.storeJudged(
                    isFull: free < Self.watermarkBytes, bytes: statistics.bytes + statistics.logBytes)
            }
        } while end.wait(timeout: .now() + .seconds(1)) == .timedOut
    }

    func stop() { end.signal() }
}
