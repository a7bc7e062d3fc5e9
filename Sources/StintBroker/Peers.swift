import StintCore
import StintTransport

/// Where the sessions of one socket live: session to address. A message that names an unknown session, or a known one
/// from another address (the connection broke, and what was under way on it is lost), is answered "say hello again".
struct Peers {
    private var addresses: [SessionID: PeerAddress] = [:]
    let most: Int

    init(most: Int) { self.most = most }

    var count: Int { addresses.count }
    var isFull: Bool { addresses.count >= most }

    func knows(_ session: SessionID, at peer: PeerAddress) -> Bool { addresses[session] == peer }
    func address(of session: SessionID) -> PeerAddress? { addresses[session] }

    mutating func add(_ session: SessionID, at peer: PeerAddress) { addresses[session] = peer }
    mutating func remove(_ session: SessionID) { addresses[session] = nil }
}
