import StintCore

/// The leases of one grant, packed: jobs of one message tend to have neighbouring serials and tokens, so an entry takes
/// three or four bytes.
extension GrantRow {
    private static let version: UInt8 = 1

    static func pack(_ entries: [Entry], into writer: inout PackedWriter) {
        writer.removeAll()
        writer.write(byte: version)
        writer.write(UInt64(entries.count))
        var serial: Int64 = 0
        var offset: Int64 = 0
        for entry in entries {
            writer.write(signed: entry.serial &- serial)
            writer.write(signed: Int64(entry.offset) - offset)
            writer.write(UInt64(entry.attempt))
            serial = entry.serial
            offset = Int64(entry.offset)
        }
    }

    static func unpack(_ bytes: [UInt8], grant: FencingToken) throws(StoreError) -> [Entry] {
        var reader = try PackedReader(bytes, version: version, subject: "the leases of grant \(grant)")
        let count = try reader.read()
        guard count <= bytes.count else { throw reader.damaged("\(count) leases in \(bytes.count) bytes") }
        var entries: [Entry] = []
        entries.reserveCapacity(Int(count))
        var serial: Int64 = 0
        var offset: Int64 = 0
        for _ in 0..<count {
            serial &+= try reader.readSigned()
            offset &+= try reader.readSigned()
            guard let fitting = UInt32(exactly: offset) else { throw reader.damaged("offset \(offset)") }
            entries.append(Entry(serial: serial, offset: fitting, attempt: try reader.read(as: UInt16.self)))
        }
        guard reader.isAtEnd else { throw reader.damaged("bytes after its end") }
        return entries
    }
}
