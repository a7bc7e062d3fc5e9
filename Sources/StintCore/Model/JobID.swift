/// The name of a job, made by the client before anything is sent: a UUID of version 7, so that ids
/// made later sort later and jobs enqueued together lie together on disk.
///
/// Because the client makes it, an enqueue whose answer was lost can simply be repeated: the broker
/// answers with the first job. Printed and parsed as the usual 36 characters, lower case.
public struct JobID: Hashable, Comparable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A version 7 id from its three ingredients. The core has no clock and no randomness of its own;
    /// whoever calls brings both.
    ///
    /// - Parameters:
    ///   - milliseconds: Unix time, 48 bits.
    ///   - counter: 12 bits that order the ids of one millisecond.
    ///   - random: 62 bits are used.
    package init(milliseconds: UInt64, counter: UInt16, random: UInt64) {
        precondition(milliseconds < 1 << 48 && counter < 1 << 12)
        high = milliseconds << 16 | 0x7000 | UInt64(counter)
        low = 0x8000_0000_0000_0000 | (random & 0x3FFF_FFFF_FFFF_FFFF)
    }

    /// The smallest and largest ids, for open ranges in listings. No client makes either.
    package static let least = JobID(high: 0, low: 0)
    package static let greatest = JobID(high: .max, low: .max)

    public static func < (left: JobID, right: JobID) -> Bool {
        left.high == right.high ? left.low < right.low : left.high < right.high
    }
}

extension JobID: LosslessStringConvertible {
    /// Parses the 36 characters of a UUID, in either case. Nil when the text is anything else.
    public init?(_ description: String) {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var digits = 0
        var position = 0
        for byte in description.utf8 {
            defer { position += 1 }
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = hexadecimalValue(of: byte), digits < 32 else { return nil }
            if digits < 16 { high = high << 4 | digit } else { low = low << 4 | digit }
            digits += 1
        }
        guard digits == 32, position == 36 else { return nil }
        self.init(high: high, low: low)
    }

    public var description: String {
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for index in 0..<32 {
            if index == 8 || index == 12 || index == 16 || index == 20 { text.append(UInt8(ascii: "-")) }
            let word = index < 16 ? high : low
            text.append(hexadecimalDigit(UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (index % 16))) & 15))
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension JobID: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let id = JobID(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "\"\(text)\" is not a job id: expected the 36 characters of a UUID")
        }
        self = id
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

func hexadecimalValue(of byte: UInt8) -> UInt64? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
}

func hexadecimalDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}
