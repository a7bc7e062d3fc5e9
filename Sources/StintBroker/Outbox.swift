import DequeModule
import Foundation
import StintCore
import StintTransport
import StintWire

/// What was decided but must not be said yet, and what was said but not yet taken by a socket.
///
/// Every frame carries the number of the batch that has to be durable first, also one whose turn wrote nothing: an
/// answer from memory ("duplicate", "already settled") would otherwise acknowledge what is not on disk.
struct Outbox {
    /// Something to say, still without its bytes.
    enum Item {
        case accepted(SessionID, request: UInt64)
        case acceptedWithDuplicates(SessionID, request: UInt64, [UInt32])
        case refused(SessionID, Stint_V1_Refused)
        /// A small answer.
        case toClient(SessionID, Stint_V1_Envelope.OneOf_Message)
        /// The answer to a question, which may be large, encoded when it was made.
        case answer(SessionID, [UInt8])
        /// News of a job for somebody who watches it: no answer to anything.
        case event(SessionID, Stint_V1_JobEvent, bytes: Int)
        case toWorker(SessionID, Stint_V1_Envelope.OneOf_Message)
        case assign(SessionID, first: FencingToken, [AssignedJob])
    }

    private var items: Deque<(gate: UInt64, item: Item)> = []
    /// About as many bytes as the large ones among them take. While a commit is slow they add up.
    private(set) var bytes = 0

    var count: Int { items.count }
    var isEmpty: Bool { items.isEmpty }

    mutating func add(_ item: Item, gate: UInt64) {
        // Gates rise with time, so one look at the front tells what may leave.
        precondition(items.last.map { $0.gate <= gate } ?? true)
        bytes += item.bytes
        items.append((gate, item))
    }

    /// Whether something may leave now that this batch is durable.
    func hasSomething(durable: UInt64) -> Bool { items.first.map { $0.gate <= durable } ?? false }

    /// Takes out the next item that may leave now that this batch is durable.
    mutating func next(durable: UInt64) -> Item? {
        guard let first = items.first, first.gate <= durable else { return nil }
        let item = items.removeFirst().item
        bytes -= item.bytes
        return item
    }
}

extension Outbox.Item {
    fileprivate var bytes: Int {
        switch self {
        case .accepted, .refused, .assign: 0
        case .acceptedWithDuplicates(_, _, let places): 4 * places.count
        case .answer(_, let bytes): bytes.count
        case .event(_, _, let bytes): bytes
        case .toClient: 0
        case .toWorker(_, .revoke(let revoke)): revoke.lost.reduce(0) { $0 + 2 * $1.ids.count }
        case .toWorker(_, .settled(let settled)): 16 * settled.refused.count
        case .toWorker: 0
        }
    }
}

/// Bytes for one peer of one socket.
package struct OutgoingFrame: Sendable {
    package enum Destination: Sendable {
        case worker(SessionID)
        case client(SessionID)
    }
    package var destination: Destination
    package var peer: PeerAddress
    package var body: [UInt8]
    /// The leases that the frame grants, to tell the core what became of them.
    package var grants: Grants?

    package struct Grants: Sendable {
        package var last: FencingToken
        package var jobs: [AssignedJob]
    }
}
