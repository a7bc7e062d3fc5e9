import DequeModule
import StintCore
import StintTransport
import StintWire

/// One peer's way to the broker and back. Within a connection frames arrive in order and none is missing, as over TCP;
/// between connections anything goes. A connection that breaks takes along what was under way; the next one has
/// another address, and what the peer sent in between arrives there first.
struct Link {
    enum Side { case worker, client }

    enum Passage {
        case open
        /// What arrives waits until the way is open again.
        case held
        /// What arrives is gone. The connection has to break before anything passes again.
        case lost
    }

    struct ToBroker {
        var at: Instant
        var address: PeerAddress
        var body: [UInt8]
    }

    struct ToPeer {
        var at: Instant
        var session: UInt64
        var message: Stint_V1_Envelope.OneOf_Message
    }

    let side: Side
    /// Of the worker or client.
    let peer: Int
    /// The present connection; nil while there is none.
    var address: PeerAddress?
    /// Counts connections.
    var generation: UInt32 = 0
    var latencyMicroseconds: Int
    var toBroker = Lane<ToBroker>()
    var toPeer = Lane<ToPeer>()
    /// There is a connection, and nothing is under way on it.
    var isStill: Bool {
        address != nil && !isBlocked && unsent.isEmpty && toBroker.isEmpty && toPeer.isEmpty
    }
    /// Sent while there was no connection.
    var unsent: [[UInt8]] = []
    /// When a direction was cut that still is.
    var cutAt: Instant?
    /// The peer takes nothing: frames pile up at the broker.
    var isBlocked = false
    /// Takes a frame now and then while it is blocked.
    var isSlow = false
    /// The next connection breaks at once.
    var flaps = false

    /// Frames in one direction, in order.
    struct Lane<Frame> {
        var frames: Deque<Frame> = []
        var held: Deque<Frame> = []
        var passage = Passage.open
        var lastArrival = Instant(nanoseconds: 0)

        var isEmpty: Bool { frames.isEmpty && held.isEmpty && passage == .open }

        /// When a frame that is sent now arrives: not before the one before it.
        mutating func arrival(_ wanted: Instant) -> Instant {
            lastArrival = max(lastArrival, wanted)
            return lastArrival
        }
    }

    init(side: Side, peer: Int, latencyMicroseconds: Int) {
        self.side = side
        self.peer = peer
        self.latencyMicroseconds = latencyMicroseconds
    }
}
