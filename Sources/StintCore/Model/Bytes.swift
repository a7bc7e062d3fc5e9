/// A part of a received frame, kept alive by reference: the payloads of a hundred jobs that came in one message share
/// its buffer and are never copied one by one.
package struct Bytes: Sendable {
    package let buffer: [UInt8]
    package let range: Range<Int>

    package init(_ buffer: [UInt8]) {
        self.buffer = buffer
        range = 0..<buffer.count
    }

    package init(_ buffer: [UInt8], _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= buffer.count)
        self.buffer = buffer
        self.range = range
    }

    package var count: Int { range.count }
    package var copied: [UInt8] { Array(buffer[range]) }

    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try buffer.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }
}

extension Bytes: Equatable {
    package static func == (left: Bytes, right: Bytes) -> Bool { left.buffer[left.range] == right.buffer[right.range] }
}
