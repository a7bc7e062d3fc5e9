import DequeModule
import StintTransport

/// Clients that do not take what they are sent. Nothing is worked out for them until they do: what they ask waits, and the
/// broker's time and memory go to those who read.
///
/// Nobody reports that a peer reads again, so some of them are looked at in each turn, in the order in which they fell
/// behind.
package struct SlowReaders {
    private var peers: Deque<PeerAddress> = []
    private var known: Set<PeerAddress> = []  // for lookup only
    private static let looksPerTurn = 64

    package init() {}

    package var isEmpty: Bool { peers.isEmpty }

    /// This one fell behind.
    package mutating func add(_ peer: PeerAddress) {
        if known.insert(peer).inserted { peers.append(peer) }
    }

    /// Looks at some of them and takes out those that have caught up, or are gone.
    package mutating func catchUp(_ isBehind: (PeerAddress) -> Bool) -> [PeerAddress] {
        var free: [PeerAddress] = []
        for _ in 0..<min(peers.count, Self.looksPerTurn) {
            let peer = peers.removeFirst()
            if isBehind(peer) {
                peers.append(peer)
            } else {
                known.remove(peer)
                free.append(peer)
            }
        }
        return free
    }
}
