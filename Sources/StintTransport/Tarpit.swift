import CZeroMQ

/// Connections that were ended for sending what is of no use, or more frames than anybody can read, and whose peers are not
/// told for a while: the kernel drops what they send, so they wait instead of connecting again at once.
///
/// Ending a connection costs its peer a millisecond, and the next one costs the broker as much as the last. An address
/// cannot be shut out: behind it may stand honest peers, on this host all of them. A connection can: what it costs from
/// here on is a descriptor and what libzmq holds of it, and both are bounded.
struct Tarpit {
    private struct Stuck {
        let descriptor: Int32
        /// Of the connection, because a descriptor may be another one's by then.
        let number: UInt64
        let until: Int64
        let bytes: UInt64
    }
    /// The one that is longest there first; few.
    private var stuck: [Stuck] = []
    /// What libzmq and the kernel hold of them, in bytes on the wire.
    private var bytes: UInt64 = 0

    static let patience: Int64 = 5_000_000_000
    /// At one time, and what they may hold together.
    private let connectionsMax: Int
    private let bytesMax: UInt64

    init(connectionsMax: Int = 64, bytesMax: UInt64 = 64 * 1_048_576) {
        self.connectionsMax = connectionsMax
        self.bytesMax = bytesMax
    }

    var count: Int { stuck.count }

    /// Lets a connection get stuck. False when it cannot: it is no TCP connection, or holds too much. Then it is to be
    /// ended.
    mutating func add(_ descriptor: Int32, number: UInt64, holding held: UInt64, at now: Int64) -> Bool {
        guard held <= bytesMax / 4, stint_drop_input(descriptor) == 0 else { return false }
        stuck.append(Stuck(descriptor: descriptor, number: number, until: now + Self.patience, bytes: held))
        bytes += held
        return true
    }

    /// The next one whose time is over, or that makes room for others; it is to be ended.
    mutating func next(at now: Int64) -> (descriptor: Int32, number: UInt64)? {
        guard let first = stuck.first, first.until <= now || stuck.count > connectionsMax || bytes > bytesMax else {
            return nil
        }
        stuck.removeFirst()
        precondition(bytes >= first.bytes, "a tarpit holds fewer than no bytes")
        bytes -= first.bytes
        return (first.descriptor, first.number)
    }
}
