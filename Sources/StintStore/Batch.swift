import StintCore

/// What one commit makes durable: all of it or nothing.
///
/// Batches are numbered from 1 and committed strictly in order; the number is on disk with the batch, so that a
/// reader can tell which batch it sees.
package struct Batch: Sendable {
    package var number: UInt64
    /// Writes of job rows, in the order in which they were decided.
    package var jobs: [JobWrite] = []
    /// Writes of other rows, in the order in which they were decided.
    package var rows: [RowWrite] = []
    /// The bytes that ``Blob`` names: place i is `blobs[i - 1]`.
    package var blobs: [Bytes] = []
    package var numbers: BrokerNumbers

    package init(number: UInt64, numbers: BrokerNumbers) {
        self.number = number
        self.numbers = numbers
    }

    package var isEmpty: Bool { jobs.isEmpty && rows.isEmpty }

    package mutating func add(_ bytes: Bytes) -> Blob {
        blobs.append(bytes)
        return Blob(place: UInt32(blobs.count))
    }

    package subscript(blob: Blob) -> Bytes {
        precondition(!blob.isNone)
        return blobs[Int(blob.place) - 1]
    }
}

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
