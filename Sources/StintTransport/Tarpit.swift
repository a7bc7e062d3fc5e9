import CZeroMQ
import Glibc

/// Connections that were ended for sending what is of no use, a message that does not end, or more frames than anybody can
/// read, and whose peers are not told for a while: the kernel drops what they send, so they wait instead of connecting again
/// at once.
///
/// Ending a connection costs its peer a millisecond, and the next one costs the broker as much as the last. An address
/// cannot be shut out: behind it may stand honest peers, on this host all of them. A connection can. libzmq is told that it
/// came to its end, and frees what it held; a descriptor of the tarpit's own keeps the kernel from telling the peer.
struct Tarpit: ~Copyable {
    private struct Stuck {
        let descriptor: Int32
        let until: Int64
    }
    /// The one that is longest there first; few.
    private var stuck: [Stuck] = []

    static let patience: Int64 = 5_000_000_000
    /// At one time.
    private let connectionsMax: Int

    init(connectionsMax: Int = 64) {
        precondition(connectionsMax > 0)
        self.connectionsMax = connectionsMax
    }

    deinit { for one in stuck { Self.end(one.descriptor) } }

    var count: Int { stuck.count }

    /// Lets a connection get stuck; its descriptor stays its owner's to close. False when it cannot: it is no TCP connection,
    /// or the process has no descriptor left. Then nothing was changed.
    mutating func add(_ descriptor: Int32, at now: Int64) -> Bool {
        let own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard own >= 0 else { return false }
        guard stint_drop_input(own) == 0 else {
            close(own)
            return false
        }
        // What has come already would be read to its end. tcp(7): with MSG_TRUNC it is thrown away, and nothing is copied.
        while recv(own, nil, 1_048_576, Int32(MSG_DONTWAIT) | Int32(MSG_TRUNC)) > 0 {}
        // Nothing of this reaches the peer.
        shutdown(own, Int32(SHUT_RD))
        stuck.append(Stuck(descriptor: own, until: now + Self.patience))
        if stuck.count > connectionsMax { endFirst() }
        return true
    }

    /// Ends those whose time is over: their peers are told.
    mutating func look(at now: Int64) {
        while let first = stuck.first, first.until <= now { endFirst() }
    }

    private mutating func endFirst() { Self.end(stuck.removeFirst().descriptor) }

    private static func end(_ descriptor: Int32) {
        disconnect(descriptor)
        close(descriptor)
    }
}
