/// Whole numbers in as few bytes as they need: seven bits a byte, the lowest first. Every packed blob begins with a
/// byte that names its version.
struct PackedWriter {
    private(set) var bytes: [UInt8] = []

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    mutating func write(byte: UInt8) { bytes.append(byte) }

    mutating func write(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Small numbers of either sign stay small: 0, -1, 1, -2 … are written as 0, 1, 2, 3 …
    mutating func write(signed value: Int64) { write(UInt64(bitPattern: (value << 1) ^ (value >> 63))) }
}

/// Reads what ``PackedWriter`` wrote, and takes no byte on trust.
struct PackedReader {
    private let bytes: [UInt8]
    private var position = 0
    /// What the blob is, for the sentence of an error.
    private let subject: String

    init(_ bytes: [UInt8], version: UInt8, subject: String) throws(StoreError) {
        self.bytes = bytes
        self.subject = subject
        let found = try readByte()
        guard found == version else { throw damaged("version \(found) instead of \(version)") }
    }

    var isAtEnd: Bool { position == bytes.count }

    mutating func readByte() throws(StoreError) -> UInt8 {
        guard position < bytes.count else { throw damaged("it ends after \(position) bytes") }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func read() throws(StoreError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try readByte()
            guard shift < 63 || byte <= 1 else { throw damaged("a number of more than 64 bits") }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }

    mutating func readSigned() throws(StoreError) -> Int64 {
        let value = try read()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// Reads a number that must fit a narrower type.
    mutating func read<Number: FixedWidthInteger>(as type: Number.Type) throws(StoreError) -> Number {
        let value = try read()
        guard let number = Number(exactly: value) else { throw damaged("\(value) where a \(type) belongs") }
        return number
    }

    func damaged(_ detail: String) -> StoreError { .corrupt("\(subject): \(detail)") }
}
