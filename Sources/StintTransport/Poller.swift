import CZeroMQ
import Glibc

/// Waits until one of a few sockets, wakers and descriptors can be read. Owned by the thread that owns the sockets;
/// one wait allocates nothing.
///
///     let poller = Poller()
///     let workers = poller.add(workersSocket), wakes = poller.add(waker)
///     poller.wait(upTo: .milliseconds(250))
///     if poller.isReadable(wakes) { waker.clear() }
///     if poller.isReadable(workers) { while let message = workersSocket.receive() { … } }
///
/// It tells levels, not edges: what was not read is reported again by the next wait. It has no notion of "writable": a
/// router is so whenever any one of its peers is, and a dealer is at all times.
package final class Poller {
    /// One thing that is waited for.
    package struct Slot: Hashable, Sendable {
        fileprivate let index: Int
    }

    private enum Source {
        case router(RouterSocket)
        case messages(DealerSocket)
        case events(DealerSocket)
        case waker(Waker)
        case descriptor
    }

    /// Up to here libzmq's poll needs no heap.
    package static let slotsMax = Int(ZMQ_POLLITEMS_DFLT)
    /// How often a dealer that is in doubt is looked at.
    private static let doubtMilliseconds = 10

    private let items: UnsafeMutablePointer<zmq_pollitem_t>
    private var sources: [Source] = []

    package init() {
        items = .allocate(capacity: Self.slotsMax)
        items.initialize(repeating: zmq_pollitem_t(), count: Self.slotsMax)
    }

    deinit { items.deallocate() }

    package func add(_ socket: RouterSocket) -> Slot { add(.router(socket), descriptor: 0) }

    /// `events` is readable when ``DealerSocket/nextEvent()`` has one.
    package func add(_ socket: DealerSocket) -> (messages: Slot, events: Slot) {
        (add(.messages(socket), descriptor: 0), add(.events(socket), descriptor: 0))
    }

    package func add(_ waker: Waker) -> Slot { add(.waker(waker), descriptor: waker.descriptor) }

    /// A descriptor that stays open for as long as the poller is used.
    package func add(descriptor: Int32) -> Slot { add(.descriptor, descriptor: descriptor) }

    private func add(_ source: Source, descriptor: Int32) -> Slot {
        precondition(sources.count < Self.slotsMax, "a poller waits for at most \(Self.slotsMax) things")
        let index = sources.count
        sources.append(source)
        items[index] = zmq_pollitem_t(socket: nil, fd: descriptor, events: Int16(ZMQ_POLLIN), revents: 0)
        return Slot(index: index)
    }

    /// Switches one slot off, or on again. What cannot be worked on now must not end the wait at once, again and again.
    package func watch(_ slot: Slot, _ isWatched: Bool) {
        items[slot.index].events = isWatched ? Int16(ZMQ_POLLIN) : 0
        if !isWatched { items[slot.index].revents = 0 }
    }

    /// What the last wait found.
    package func isReadable(_ slot: Slot) -> Bool { items[slot.index].revents != 0 }

    /// Returns when something can be read, or when the time is over, never before; signals do not end it.
    ///
    /// - Parameter timeout: Nil waits for ever, zero looks once. libzmq counts whole milliseconds, so a part of one is
    ///   rounded up: work that is due in 200 µs is begun after up to 1 ms, and no loop spins towards its deadline.
    /// - Returns: Is anything readable?
    @discardableResult
    package func wait(upTo timeout: Duration?) -> Bool {
        refreshSockets()
        let deadline = timeout.map { Self.deadline(after: $0) }
        while true {
            let remaining = deadline.map { max(0, $0 - MonotonicClock.nanoseconds()) }
            var milliseconds = remaining.map { Self.milliseconds(roundingUp: $0) } ?? -1
            if hasDealerInDoubt, milliseconds < 0 || milliseconds > Self.doubtMilliseconds {
                milliseconds = Self.doubtMilliseconds
            }
            var ready = zmq_poll(items, Int32(sources.count), milliseconds)
            if ready < 0 {
                precondition(zmq_errno() == EINTR, "zmq_poll failed: error \(zmq_errno())")
                continue
            }
            ready += markLosses()
            if ready > 0 { return true }
            if let deadline, MonotonicClock.nanoseconds() >= deadline { return false }
        }
    }

    /// A rebuilt dealer has new sockets; a closed one traps here instead of inside libzmq.
    private func refreshSockets() {
        for index in sources.indices {
            switch sources[index] {
            case .router(let router): items[index].socket = router.socket.raw
            case .messages(let dealer): items[index].socket = dealer.socket.raw
            case .events(let dealer): items[index].socket = dealer.monitor.socket.raw
            case .waker, .descriptor: break
            }
        }
    }

    private var hasDealerInDoubt: Bool {
        for case .events(let dealer) in sources where dealer.isInDoubt { return true }
        return false
    }

    /// libzmq does not report that it gave an endpoint up, so this does.
    private func markLosses() -> Int32 {
        var marked: Int32 = 0
        for index in sources.indices {
            guard case .events(let dealer) = sources[index], items[index].events != 0, items[index].revents == 0,
                dealer.hasLossToReport
            else { continue }
            items[index].revents = Int16(ZMQ_POLLIN)
            marked += 1
        }
        return marked
    }

    private static func deadline(after timeout: Duration) -> Int64 {
        let (seconds, attoseconds) = timeout.components
        // A wait of more than a century is for ever, and does not overflow.
        guard seconds < 3_200_000_000 else { return .max }
        return MonotonicClock.nanoseconds() + max(0, seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    private static func milliseconds(roundingUp nanoseconds: Int64) -> Int {
        Int(min((nanoseconds + 999_999) / 1_000_000, 3_600_000))
    }
}
