/// Which connection of a ``RouterSocket`` a message came from or goes to: libzmq's automatic routing id.
///
/// It never shows its value, not in a description, a mirror or a dump: a peer that knows the ids can claim the next one
/// and abort the broker. It means something to one socket only; another socket may use the same number. A reconnected
/// peer has a new one.
package struct PeerAddress: Hashable, Sendable {
    // The id is a zero and these four bytes, kept in the order in which they came.
    private let number: UInt32

    /// An address that no socket gave out, for simulations and tests.
    package init(simulated number: UInt32) { self.number = number }

    static let routingIDBytes = 5

    /// Nil for an id that the peer chose itself. Two peers with one such id are a black hole for the second, so ours
    /// never do and others are not heard.
    init?(routingID: UnsafeRawBufferPointer) {
        guard routingID.count == Self.routingIDBytes, routingID[0] == 0 else { return nil }
        number = routingID.loadUnaligned(fromByteOffset: 1, as: UInt32.self)
    }

    func withRoutingID<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        withUnsafeTemporaryAllocation(byteCount: Self.routingIDBytes, alignment: 1) { id in
            id[0] = 0
            id.storeBytes(of: number, toByteOffset: 1, as: UInt32.self)
            return body(UnsafeRawBufferPointer(id))
        }
    }
}

extension PeerAddress: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "a peer" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
