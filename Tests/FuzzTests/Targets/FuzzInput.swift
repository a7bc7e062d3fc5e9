/// Takes choices out of the bytes of an input, from the front. When they run out every choice is the first, so that any
/// input is a whole one.
struct FuzzInput {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isEmpty: Bool { position >= bytes.count }

    mutating func byte() -> UInt8 {
        guard position < bytes.count else { return 0 }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func number() -> UInt64 {
        var number: UInt64 = 0
        for _ in 0..<8 { number = number << 8 | UInt64(byte()) }
        return number
    }

    /// 0 to `most`, 255 at the most.
    mutating func choice(upTo most: Int) -> Int { Int(byte()) % (most + 1) }

    mutating func flag() -> Bool { byte() & 1 == 1 }

    mutating func take(upTo most: Int) -> [UInt8] {
        let count = min((Int(byte()) | Int(byte()) << 8) % (most + 1), bytes.count - position)
        defer { position += max(0, count) }
        return count > 0 ? Array(bytes[position..<position + count]) : []
    }
}
