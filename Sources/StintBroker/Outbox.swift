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
        case toClient(SessionID, Stint_V1_Envelope.OneOf_Message)
        case toWorker(SessionID, Stint_V1_Envelope.OneOf_Message)
        case assign(SessionID, first: FencingToken, [AssignedJob])
    }

    private var items: Deque<(gate: UInt64, item: Item)> = []

    var count: Int { items.count }
    var isEmpty: Bool { items.isEmpty }

    mutating func add(_ item: Item, gate: UInt64) {
        // Gates rise with time, so one look at the front tells what may leave.
        precondition(items.last.map { $0.gate <= gate } ?? true)
        items.append((gate, item))
    }

    /// Takes out the next item that may leave now that this batch is durable.
    mutating func next(durable: UInt64) -> Item? {
        guard let first = items.first, first.gate <= durable else { return nil }
        return items.removeFirst().item
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
