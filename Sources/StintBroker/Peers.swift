import StintCore
import StintTransport

/// Where the sessions of one socket live: session to address. A message that names an unknown session, or a known one
/// from another address (the connection broke, and what was under way on it is lost), is answered "say hello again".
///
/// A router does not say when a peer has gone, so sessions of programs that ended stay until something is sent to them.
/// When the table is full, those that were silent the longest make room; one of them that speaks again says HELLO again,
/// and nothing is lost.
struct Peers {
    private struct Peer {
        var address: PeerAddress
        /// Counts messages: larger is later.
        var heard: UInt64
        /// Whose connection it is; nil on a broker without keys.
        var user: UserID?
    }
    private var peers: [SessionID: Peer] = [:]
    private var clock: UInt64 = 0
    let most: Int

    init(most: Int) { self.most = most }

    var count: Int { peers.count }
    var isFull: Bool { peers.count >= most }

    /// A message of this session came from this address.
    mutating func hears(_ session: SessionID, at address: PeerAddress) -> Bool {
        guard let peer = peers[session], peer.address == address else { return false }
        clock += 1
        peers[session]?.heard = clock
        return true
    }

    func knows(_ session: SessionID, at address: PeerAddress) -> Bool { peers[session]?.address == address }
    func address(of session: SessionID) -> PeerAddress? { peers[session]?.address }

    mutating func add(_ session: SessionID, at address: PeerAddress, of user: UserID? = nil) {
        precondition(!isFull || peers[session] != nil)
        clock += 1
        peers[session] = Peer(address: address, heard: clock, user: user)
    }

    /// Every session, those first that were silent the longest.
    var all: [(session: SessionID, user: UserID?, address: PeerAddress)] {
        peers.sorted { $0.value.heard < $1.value.heard }.map { ($0.key, $0.value.user, $0.value.address) }
    }

    mutating func remove(_ session: SessionID) { peers[session] = nil }

    /// Removes the eighth that was silent the longest. Returns who that was, in that order.
    mutating func forgetSilent() -> [SessionID] {
        let order = peers.sorted { $0.value.heard < $1.value.heard }.prefix(max(1, most / 8)).map(\.key)
        for session in order { peers[session] = nil }
        return order
    }

    /// Removes those that nobody stands behind any more.
    mutating func keep(_ isAlive: (SessionID) -> Bool) { peers = peers.filter { isAlive($0.key) } }
}
