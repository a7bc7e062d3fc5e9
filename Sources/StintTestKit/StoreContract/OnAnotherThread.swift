import Foundation
import Synchronization

/// Runs `body` on a thread of its own and waits until it has ended.
func onAnotherThread(_ body: @escaping @Sendable () throws -> Void) throws {
    let other = OtherThread(body)
    try other.join()
}

/// A thread that runs one function.
package final class OtherThread: Sendable {
    private let failure = Mutex<(any Error)?>(nil)
    private let end = DispatchSemaphore(value: 0)

    package init(_ body: @escaping @Sendable () throws -> Void) {
        Thread.detachNewThread { [self] in
            do { try body() } catch { failure.withLock { $0 = error } }
            end.signal()
        }
    }

    /// Waits for its end and throws what it threw. To be called once.
    package func join() throws {
        end.wait()
        if let failure = failure.withLock({ $0 }) { throw failure }
    }
}

/// Tells another thread that it may end.
final class Flag: Sendable {
    private let state = Mutex(false)

    var isRaised: Bool { state.withLock { $0 } }
    func raise() { state.withLock { $0 = true } }
}
