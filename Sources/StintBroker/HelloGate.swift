import DequeModule
import StintCore
import StintTransport
import StintWire

/// HELLOs are the most expensive messages, and after a restart all come at once: a token bucket lets so many a second
/// through, and the others wait their turn, so that those who are through are served meanwhile.
///
/// One waits for each connection, the newest; and not more bytes than a bound. One that is dropped is said again by its
/// peer, which has had no answer. The key of one that waited is looked at again.
struct HelloGate {
    struct Waiting {
        var message: Stint_V1_Envelope.OneOf_Message
        var session: SessionID
        var peer: PeerAddress
        var bytes: Int
        /// Whose key the connection proved.
        var user: UserID?
    }
    private let perSecond: Int64
    private let bytesMax: Int
    private var tokens: Int64
    /// When the last token was added.
    private var filledAt: Instant?
    private var waiting: [PeerAddress: Waiting] = [:]  // for lookup only
    private var order: Deque<PeerAddress> = []
    private var bytes = 0

    init(perSecond: Int = Limits.hellosPerSecond, bytesMax: Int = Limits.hellosWaitingBytesMax) {
        self.perSecond = Int64(perSecond)
        self.bytesMax = bytesMax
        tokens = Int64(perSecond)
    }

    /// Whether a HELLO may be answered now. Nobody overtakes those that wait.
    mutating func admits(at now: Instant) -> Bool {
        fill(at: now)
        guard order.isEmpty, tokens > 0 else { return false }
        tokens -= 1
        return true
    }

    /// Lets one wait, if there is room. One that waited already on its connection gives it its place.
    ///
    /// - Returns: Whether its connection had none there: who says HELLO again before the first one is answered is in no
    ///   hurry that an honest peer knows.
    @discardableResult
    mutating func add(_ hello: Waiting) -> Bool {
        let former = waiting[hello.peer]
        let room = bytesMax - bytes + (former?.bytes ?? 0)
        guard hello.bytes <= room else { return former == nil }
        bytes += hello.bytes - (former?.bytes ?? 0)
        waiting[hello.peer] = hello
        if former == nil { order.append(hello.peer) }
        return former == nil
    }

    /// Takes the next one whose turn has come.
    mutating func next(at now: Instant) -> Waiting? {
        fill(at: now)
        guard tokens > 0, let peer = order.popFirst(), let hello = waiting.removeValue(forKey: peer) else { return nil }
        tokens -= 1
        bytes -= hello.bytes
        return hello
    }

    /// When the next one may come through; nil when none waits.
    func wake(at now: Instant) -> Instant? {
        order.isEmpty ? nil : (filledAt ?? now) + .nanoseconds(1_000_000_000 / perSecond)
    }

    private mutating func fill(at now: Instant) {
        guard let since = filledAt else {
            filledAt = now
            return
        }
        let interval = 1_000_000_000 / perSecond
        let due = max(0, (now - since).inNanoseconds) / interval
        guard due > 0 else { return }
        tokens = min(perSecond, tokens + min(due, perSecond))
        filledAt = since + .nanoseconds(due * interval)
    }
}
