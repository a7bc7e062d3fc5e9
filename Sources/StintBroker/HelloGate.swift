import DequeModule
import Foundation
import StintCore
import StintTransport
import StintWire

/// HELLOs are the most expensive messages, and after a restart all come at once: a token bucket lets so many a second
/// through, and the others wait their turn, so that those who are through are served meanwhile.
///
/// One waits for each connection, and for each life of a worker, the newest; and not more bytes than a bound. A worker
/// that has waited too long connects anew: then its new HELLO has the place of the former, which would cost a turn and be
/// answered to nobody. (Behind all others, it would be too old again when its turn came, and so for ever.) One that is
/// dropped is said again by its peer, which has had no answer. The key of one that waited is looked at again.
struct HelloGate {
    struct Waiting {
        var message: Stint_V1_Envelope.OneOf_Message
        var session: SessionID
        var peer: PeerAddress
        var bytes: Int
        /// Whose key the connection proved.
        var user: UserID?

        /// The life of a worker that speaks; nobody takes the place of one with another key.
        fileprivate var life: Life? {
            guard case .workerHello(let hello) = message, hello.instance.count == 16 else { return nil }
            return Life(instance: hello.instance, user: user)
        }

        /// Which session of that life it begins; 0: not said.
        fileprivate var incarnation: UInt32 {
            guard case .workerHello(let hello) = message else { return 0 }
            return hello.incarnation
        }
    }

    fileprivate struct Life: Hashable {
        var instance: Data
        var user: UserID?
    }

    private let perSecond: Int64
    private let bytesMax: Int
    private var tokens: Int64
    /// When the last token was added.
    private var filledAt: Instant?
    private var waiting: [PeerAddress: (hello: Waiting, place: UInt64)] = [:]  // for lookup only
    private var lives: [Life: PeerAddress] = [:]  // for lookup only
    /// Places in the order in which they were taken, and who has each; some are empty.
    private var order: Deque<UInt64> = []
    private var holders: [UInt64: PeerAddress] = [:]  // for lookup only
    private var nextPlace: UInt64 = 0
    private var bytes = 0

    init(_ bounds: Bounds) { self.init(perSecond: bounds.hellosPerSecond, bytesMax: bounds.hellosWaitingBytes) }

    init(perSecond: Int, bytesMax: Int) {
        self.perSecond = Int64(perSecond)
        self.bytesMax = bytesMax
        tokens = Int64(perSecond)
    }

    /// Whether a HELLO may be answered now. Nobody overtakes those that wait.
    mutating func admits(at now: Instant) -> Bool {
        fill(at: now)
        guard waiting.isEmpty, tokens > 0 else { return false }
        tokens -= 1
        return true
    }

    /// Lets one wait, if there is room. One that waited already on its connection, or in the same life, gives it its place.
    ///
    /// - Returns: Whether its connection had none there: who says HELLO again before the first one is answered is in no
    ///   hurry that an honest peer knows.
    @discardableResult
    mutating func add(_ hello: Waiting) -> Bool {
        let isFirst = waiting[hello.peer] == nil
        var former = [hello.peer]
        if let peer = hello.life.flatMap({ lives[$0] }), peer != hello.peer {
            // Late, from a connection that broke.
            if let newer = waiting[peer]?.hello, hello.incarnation > 0, hello.incarnation < newer.incarnation {
                return isFirst
            }
            former.append(peer)
        }
        let room = bytesMax - bytes + former.reduce(0) { $0 + (waiting[$1]?.hello.bytes ?? 0) }
        guard hello.bytes <= room else { return isFirst }
        let place = former.compactMap { leave($0) }.min() ?? newPlace()
        bytes += hello.bytes
        waiting[hello.peer] = (hello, place)
        holders[place] = hello.peer
        if let life = hello.life { lives[life] = hello.peer }
        return isFirst
    }

    private mutating func newPlace() -> UInt64 {
        nextPlace += 1
        order.append(nextPlace)
        return nextPlace
    }

    /// Takes out the one that waits on a connection. Returns its place, which nobody has then.
    private mutating func leave(_ peer: PeerAddress) -> UInt64? {
        guard let (hello, place) = waiting.removeValue(forKey: peer) else { return nil }
        bytes -= hello.bytes
        holders[place] = nil
        if let life = hello.life, lives[life] == peer { lives[life] = nil }
        return place
    }

    /// Takes the next one whose turn has come.
    mutating func next(at now: Instant) -> Waiting? {
        fill(at: now)
        guard tokens > 0 else { return nil }
        while let place = order.popFirst() {
            guard let peer = holders[place], let hello = waiting[peer]?.hello else { continue }
            _ = leave(peer)
            tokens -= 1
            return hello
        }
        return nil
    }

    /// When the next one may come through; nil when none waits.
    func wake(at now: Instant) -> Instant? {
        waiting.isEmpty ? nil : (filledAt ?? now) + .nanoseconds(1_000_000_000 / perSecond)
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
