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
