import CZeroMQ
import Glibc
import Synchronization

/// Wakes a thread that waits in a ``Poller``, from any other thread: put something into a queue, then call ``wake()``.
///
/// A million wakes cost one system call as long as the thread has not answered the first.
///
/// **No wake-up is lost**, as long as the owner calls ``clear()`` *before* it looks at its queues:
/// - `isPending` is set only by a wake that goes on to write to the descriptor; so while it is set, the descriptor is
///   readable or about to be, and a second wake may skip its write.
/// - `clear()` empties the descriptor first and lowers the flag second. A wake in between skips its write, but
///   what it queued before is visible to the owner: both exchanges are on one atomic, and the owner's acquires what
///   the waker's released. A wake after the flag is down writes again.
/// - The other order would lose one: flag down, a wake writes, the owner's read swallows that write, and every later
///   wake finds the flag up and skips.
package final class Waker: Sendable {
    /// For the poller: readable while a wake is unanswered.
    let descriptor: Int32
    private let isPending = Atomic(false)

    package init() throws(TransportError) {
        descriptor = stint_eventfd()
        guard descriptor >= 0 else { throw .system("make an eventfd", errno) }
    }

    deinit { _ = close(descriptor) }

    /// Makes the owner's wait return. Any thread, any number of times.
    package func wake() {
        guard !isPending.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var one: UInt64 = 1
        while write(descriptor, &one, 8) < 0 {
            // EAGAIN would need a counter of 2^64 - 2; the flag keeps it below the number of threads.
            precondition(errno == EINTR, "an eventfd refused a write: error \(errno)")
        }
    }

    /// Waits for a wake, and answers it; for a thread that waits for nothing else. The time is that of the monotonic
    /// clock: a timed wait of a `DispatchSemaphore` ends by the wall clock here, so that a clock that is set back by an
    /// hour makes it an hour longer.
    ///
    /// - Parameter timeout: Whole milliseconds, rounded up; nil waits for ever.
    /// - Returns: Whether a wake came.
    @discardableResult
    package func wait(upTo timeout: Duration?) -> Bool {
        let deadline = timeout.map { MonotonicClock.nanoseconds() + max(0, Int64($0 / .nanoseconds(1))) }
        while true {
            let left = deadline.map { max(0, $0 - MonotonicClock.nanoseconds()) }
            var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&watched, 1, left.map { Int32(clamping: ($0 + 999_999) / 1_000_000) } ?? -1)
            precondition(ready >= 0 || errno == EINTR, "poll failed on an eventfd: error \(errno)")
            if ready > 0 {
                clear()
                return true
            }
            if let deadline, MonotonicClock.nanoseconds() >= deadline { return false }
        }
    }

    /// Answers all wakes so far. The owner's thread only, before it looks at what was queued.
    package func clear() {
        var count: UInt64 = 0
        while read(descriptor, &count, 8) < 0 {
            if errno == EAGAIN { break }
            precondition(errno == EINTR, "an eventfd refused a read: error \(errno)")
        }
        _ = isPending.exchange(false, ordering: .acquiringAndReleasing)
    }
}
