import Foundation

/// The end of a program's standard output, kept as the result of its job.
///
/// The last 64 KiB are kept, because a tool's last words are its summary. Text that is not UTF-8 has U+FFFD where it
/// does not decode, and ``notes`` says so: a job that needs its bytes exact writes a file and names it.
struct RawOutput: Sendable {
    static let bytesMax = 64 << 10

    private var tail: [UInt8] = []
    private(set) var bytesSeen = 0

    mutating func take(_ bytes: UnsafeRawBufferPointer) {
        bytesSeen += bytes.count
        tail += bytes.suffix(Self.bytesMax)
        // Cut at twice the size, not at every read: each byte is moved once at most.
        if tail.count > 2 * Self.bytesMax { tail.removeFirst(tail.count - Self.bytesMax) }
    }

    var text: String { String(decoding: kept, as: UTF8.self) }

    private var kept: ArraySlice<UInt8> {
        var kept = tail.suffix(Self.bytesMax)
        if bytesSeen > Self.bytesMax {
            // Where the cut went through a character, its rest is dropped: it is a loss of ours, not of the program.
            var continuations = 0
            while continuations < 3, let first = kept.first, first & 0b1100_0000 == 0b1000_0000 {
                kept.removeFirst()
                continuations += 1
            }
        }
        return kept
    }

    /// What the result does not show, in sentences for the job's log.
    var notes: [String] {
        var notes: [String] = []
        if bytesSeen > Self.bytesMax {
            notes.append(
                "standard output was \(bytesSeen) bytes; the result holds the last \(Self.bytesMax) of them.")
        }
        if String(validating: kept, as: UTF8.self) == nil {
            notes.append("standard output is not UTF-8: the result has U+FFFD wherever it does not decode.")
        }
        return notes
    }
}
