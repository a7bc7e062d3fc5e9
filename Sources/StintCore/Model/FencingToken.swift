/// The number of one lease. It rises for ever: a token granted later is greater, whatever restarts
/// lie between, because the epoch of a broker rises at each start and the sequence within it.
///
/// The broker compares it on every settlement and report, so a worker that lost its lease cannot
/// overwrite the answer of the worker that took over. Handlers are given it too: store it beside a
/// side effect and refuse smaller ones, and the side effect is fenced as well.
public struct FencingToken: Hashable, Comparable, Sendable {
    /// Which life of the broker granted it.
    public let epoch: UInt64
    /// The place within that life, from 1.
    public let sequence: UInt64

    package init(epoch: UInt64, sequence: UInt64) {
        self.epoch = epoch
        self.sequence = sequence
    }

    /// Below every token that is ever granted: the mark of a job that was never leased.
    package static let none = FencingToken(epoch: 0, sequence: 0)

    public static func < (left: FencingToken, right: FencingToken) -> Bool {
        left.epoch == right.epoch ? left.sequence < right.sequence : left.epoch < right.epoch
    }
}

extension FencingToken: LosslessStringConvertible {
    /// 32 hexadecimal digits, so that texts compare as tokens do: any database can fence with `<`.
    public var description: String {
        var text: [UInt8] = []
        text.reserveCapacity(32)
        for word in [epoch, sequence] {
            for shift in stride(from: UInt64(60), through: 0, by: -4) {
                text.append(hexadecimalDigit(UInt8(truncatingIfNeeded: word >> shift) & 15))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    public init?(_ description: String) {
        var words: (UInt64, UInt64) = (0, 0)
        var digits = 0
        for byte in description.utf8 {
            guard digits < 32, let digit = hexadecimalValue(of: byte) else { return nil }
            if digits < 16 { words.0 = words.0 << 4 | digit } else { words.1 = words.1 << 4 | digit }
            digits += 1
        }
        guard digits == 32 else { return nil }
        self.init(epoch: words.0, sequence: words.1)
    }
}
