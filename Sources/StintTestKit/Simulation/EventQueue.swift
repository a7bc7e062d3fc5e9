import HeapModule
import StintCore

/// What is to happen in a simulated world, by time; what is due at the same moment happens in the order in which it was
/// asked for. Nothing is ever taken out early: whoever is called for something that no longer matters ignores it.
struct EventQueue<What> {
    struct Event: Comparable {
        let at: Instant
        let order: UInt64
        let what: What

        static func < (left: Event, right: Event) -> Bool {
            left.at == right.at ? left.order < right.order : left.at < right.at
        }
        static func == (left: Event, right: Event) -> Bool { left.order == right.order }
    }

    private var heap: Heap<Event> = []
    private(set) var count: UInt64 = 0

    mutating func add(_ what: What, at: Instant) {
        count += 1
        heap.insert(Event(at: at, order: count, what: what))
    }

    /// Takes the next event out, if it is due by this moment.
    mutating func next(by limit: Instant) -> Event? {
        guard let first = heap.min, first.at <= limit else { return nil }
        return heap.removeMin()
    }
}
