import CZeroMQ
import Synchronization

/// The sign of life of one thread. That thread writes it whenever it turns; the ``Watchdog`` reads it.
///
///     pulse.beat(.waiting)      // before the wait, which must be bounded
///     poller.wait(upTo: min(patience, watchdog.look))
///     pulse.beat(.turning)
///
/// One beat is one store of one word, so a loop can afford several a turn, each with the place where it stands: the last
/// place is what people read when the thread never comes back from it.
package final class Pulse: Sendable {
    /// Where a thread stands.
    package enum Place: UInt8, Sendable, CaseIterable {
        /// Has nothing to do and no deadline, or has ended: not judged.
        case resting
        /// In a bounded wait for work.
        case waiting
        case turning
        case committing
        case maintaining
        case waitingForRoom
        case reading
        case sending
    }

    /// What the watchdog sees: it changes with every beat.
    package struct Reading: Equatable, Sendable {
        fileprivate let word: UInt64

        package var place: Place { Place(rawValue: UInt8(truncatingIfNeeded: word)) ?? .turning }
    }

    package let name: String
    /// Beats in the upper 56 bits, the place in the lower 8. Only the owner writes, so it needs no exchange.
    private let word = Atomic<UInt64>(0)
    private let owner = Atomic<Int32>(0)

    /// - Parameter name: Of the thread.
    package init(name: String) { self.name = name }

    /// From the thread itself.
    package func beat(_ place: Place) {
        let last = word.load(ordering: .relaxed)
        if last == 0 { owner.store(stint_thread_id(), ordering: .relaxed) }
        word.store(((last >> 8) &+ 1) << 8 | UInt64(place.rawValue), ordering: .relaxed)
    }

    /// The thread ends, or waits for something that has no deadline.
    package func rest() { beat(.resting) }

    package var reading: Reading { Reading(word: word.load(ordering: .relaxed)) }

    /// The kernel's number of the thread; nil before its first beat.
    package var thread: Int32? {
        let id = owner.load(ordering: .relaxed)
        return id == 0 ? nil : id
    }
}
