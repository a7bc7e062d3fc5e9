import StintCore
import StintTransport

/// Where the sessions of one socket live: session to address. A message that names an unknown session, or a known one
/// from another address (the connection broke, and what was under way on it is lost), is answered "say hello again".
///
/// A connection has one session at a time, and a key a bounded number: so nobody can crowd the others out by saying HELLO
/// again and again.
///
/// A router does not say when a peer has gone, so sessions of programs that ended stay until something is sent to them.
/// When there is no room, those that were silent the longest make some; one of them that speaks again says HELLO again,
/// and nothing is lost.
struct Peers {
    private struct Peer {
        var address: PeerAddress
        /// Counts messages: larger is later.
        var heard: UInt64
        /// Whose connection it is; nil on a broker without keys.
        var user: UserID?
        /// Requests without an answer.
        var requests = 0
    }
    /// What a message is worth.
    enum Hearing {
        case unknown, heard
        /// Its session has too many requests without an answer.
        case tooManyRequests
    }
    private var peers: [SessionID: Peer] = [:]
    private var sessions: [PeerAddress: SessionID] = [:]  // for lookup only
    private var ofUser: [UserID: Int] = [:]  // for lookup only
    private var clock: UInt64 = 0
    let most: Int
    /// Of one key.
    let ofUserMost: Int

    init(most: Int, ofUser: Int = Limits.keySessionsMax) {
        self.most = most
        ofUserMost = ofUser
    }

    var count: Int { peers.count }
    var isFull: Bool { peers.count >= most }

    /// Whether there is room for this session of a key, which may be there already. Nil: peers have no keys here.
    func hasRoom(for user: UserID?, session: SessionID) -> Bool {
        guard let user else { return true }
        return ofUser[user, default: 0] < ofUserMost || peers[session]?.user == user
    }

    /// The key with the most sessions, and how many; nil while there are none.
    var fullest: (user: UserID, sessions: Int)? {
        ofUser.max { ($0.value, $0.key.description) < ($1.value, $1.key.description) }.map { ($0.key, $0.value) }
    }

    /// A message of this session came from this address.
    mutating func hears(_ session: SessionID, at address: PeerAddress) -> Bool {
        place(of: session, heardAt: address) != nil
    }

    /// A request of this session came from this address; it is one more without an answer.
    mutating func hearsRequest(_ session: SessionID, at address: PeerAddress) -> Hearing {
        guard let place = place(of: session, heardAt: address) else { return .unknown }
        guard peers.values[place].requests < Limits.requestsInFlightMax else { return .tooManyRequests }
        peers.values[place].requests += 1
        return .heard
    }

    /// Looked up once for each message. Nil when the session does not speak from this address.
    private mutating func place(of session: SessionID, heardAt address: PeerAddress) -> [SessionID: Peer].Index? {
        guard let place = peers.index(forKey: session), peers.values[place].address == address else { return nil }
        clock += 1
        peers.values[place].heard = clock
        return place
    }

    /// The most of one session.
    var requestsInFlightMost: Int { peers.values.reduce(0) { max($0, $1.requests) } }

    /// A request was answered, or has no answer.
    mutating func answered(_ session: SessionID) {
        guard let place = peers.index(forKey: session), peers.values[place].requests > 0 else { return }
        peers.values[place].requests -= 1
    }

    func knows(_ session: SessionID, at address: PeerAddress) -> Bool { peers[session]?.address == address }
    func address(of session: SessionID) -> PeerAddress? { peers[session]?.address }
    /// The session of a connection.
    func session(at address: PeerAddress) -> SessionID? { sessions[address] }

    /// The former session of the connection, if there is one, is to be removed first.
    mutating func add(_ session: SessionID, at address: PeerAddress, of user: UserID? = nil) {
        precondition(!isFull || peers[session] != nil)
        precondition(sessions[address] == nil || sessions[address] == session, "a connection has one session")
        remove(session)
        clock += 1
        peers[session] = Peer(address: address, heard: clock, user: user)
        sessions[address] = session
        if let user { ofUser[user, default: 0] += 1 }
    }

    /// Every session, those first that were silent the longest.
    var all: [(session: SessionID, user: UserID?, address: PeerAddress)] {
        peers.sorted { $0.value.heard < $1.value.heard }.map { ($0.key, $0.value.user, $0.value.address) }
    }

    mutating func remove(_ session: SessionID) {
        guard let peer = peers.removeValue(forKey: session) else { return }
        sessions[peer.address] = nil
        guard let user = peer.user else { return }
        let left = ofUser[user, default: 0] - 1
        precondition(left >= 0, "a key has fewer than no sessions")
        ofUser[user] = left > 0 ? left : nil
    }

    /// Removes the eighth that was silent the longest. Returns who that was, in that order.
    mutating func forgetSilent() -> [(session: SessionID, address: PeerAddress)] {
        forget(all.prefix(max(1, most / 8)))
    }

    /// Removes the eighth of a key's sessions that was silent the longest.
    mutating func forgetSilent(of user: UserID) -> [(session: SessionID, address: PeerAddress)] {
        forget(all.lazy.filter { $0.user == user }.prefix(max(1, ofUserMost / 8)))
    }

    private mutating func forget(
        _ silent: some Sequence<(session: SessionID, user: UserID?, address: PeerAddress)>
    ) -> [(session: SessionID, address: PeerAddress)] {
        let gone = silent.map { (session: $0.session, address: $0.address) }
        for peer in gone { remove(peer.session) }
        return gone
    }

    /// Removes those that nobody stands behind any more.
    mutating func keep(_ isAlive: (SessionID) -> Bool) {
        for session in peers.keys.filter({ !isAlive($0) }) { remove(session) }
    }
}
