import Foundation
import StintCore

// Columns: n ids as one `bytes` of 16 × n, big-endian, so that their order as bytes is their order as ids.

extension Data {
    package init(ids: some Collection<JobID>) {
        self.init(capacity: ids.count * 16)
        for id in ids { append(id) }
    }

    package init(_ id: JobID) {
        self.init(capacity: 16)
        append(id)
    }

    package mutating func append(_ id: JobID) {
        Swift.withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) { append(contentsOf: $0) }
    }

    package init(_ instance: InstanceID) { self.init(JobID(high: instance.high, low: instance.low)) }

    package func ids(field: String) throws(WireError) -> [JobID] {
        guard count % 16 == 0 else {
            throw .invalid(field: field, "expected 16 bytes for each id, got \(count) in all")
        }
        var ids: [JobID] = []
        ids.reserveCapacity(count / 16)
        withUnsafeBytes { bytes in
            for offset in stride(from: 0, to: bytes.count, by: 16) {
                ids.append(
                    JobID(
                        high: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)),
                        low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))))
            }
        }
        return ids
    }

    package func id(field: String) throws(WireError) -> JobID {
        guard count == 16 else { throw .invalid(field: field, "expected 16 bytes, got \(count)") }
        return try ids(field: field)[0]
    }
}

/// A list of leases of any epochs as messages want it: one group per epoch, in order.
package struct LeaseGroups {
    package private(set) var groups: [(epoch: UInt64, ids: Data, sequences: [UInt64])] = []

    package init(_ leases: some Sequence<LeaseReference>) {
        for lease in leases {
            if groups.last?.epoch != lease.token.epoch { groups.append((lease.token.epoch, Data(), [])) }
            groups[groups.count - 1].ids.append(lease.id)
            groups[groups.count - 1].sequences.append(lease.token.sequence)
        }
    }

    static func decode(
        epoch: UInt64, ids: Data, sequences: [UInt64], field: String, into leases: inout [LeaseReference]
    ) throws(WireError) {
        let decoded = try ids.ids(field: field)
        guard decoded.count == sequences.count else { throw .unevenColumns(field) }
        guard leases.count + decoded.count <= Limits.heldLeasesMax else {
            throw .outOfRange(
                field: field, value: leases.count + decoded.count, allowed: 0...Limits.heldLeasesMax)
        }
        for (id, sequence) in zip(decoded, sequences) {
            leases.append(LeaseReference(id: id, token: FencingToken(epoch: epoch, sequence: sequence)))
        }
    }
}
