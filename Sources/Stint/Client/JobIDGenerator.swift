import Glibc
import StintCore
import StintTransport
import Synchronization

/// Makes version 7 UUIDs that rise strictly within the process, also when many are made in one millisecond or the wall
/// clock steps back: the broker recognises rising ids as new without a look at its disk.
package final class JobIDGenerator: Sendable {
    private struct State {
        var milliseconds: UInt64 = 0
        var counter: UInt16 = 0
        /// Asked for many at a time: each question is a call of the system.
        var random: [UInt64] = []

        mutating func nextRandom() -> UInt64 {
            if random.isEmpty {
                // 256 bytes is what the call gives at once.
                random = [UInt64](unsafeUninitializedCapacity: 32) { words, count in
                    precondition(getentropy(words.baseAddress, 256) == 0, "the system has no random numbers")
                    count = words.count
                }
            }
            return random.removeLast()
        }
    }
    private let state = Mutex(State())

    package init() {}

    package func next() -> JobID {
        state.withLock { state in
            let now = UInt64(max(0, WallClock.milliseconds()))
            if now > state.milliseconds {
                state.milliseconds = now
                state.counter = 0
            } else if state.counter == 4_095 {
                // More than 4 096 in a millisecond: borrow from the next.
                state.milliseconds += 1
                state.counter = 0
            } else {
                state.counter += 1
            }
            return JobID(
                milliseconds: state.milliseconds, counter: state.counter, random: state.nextRandom())
        }
    }
}

extension JobID {
    private static let generator = JobIDGenerator()

    /// A fresh id; later ones sort later.
    public static func next() -> JobID { generator.next() }

    /// An id that follows from a key and a number, the same on every host: repeat a bulk load with the same key, and no
    /// job is made twice.
    public static func derived(from key: String, _ number: Int) -> JobID {
        let bytes = Array(key.utf8)
        let high = bytes.withUnsafeBytes(Digest.of)
        let low = Digest.mixed(high, UInt64(bitPattern: Int64(number)))
        // Version 8 is for ids with a meaning of their own (RFC 9562). Those of one key lie together, in order.
        let place = UInt64(truncatingIfNeeded: number)
        return JobID(
            high: (high & 0xFFFF_FFFF_0000_0000) | (place >> 12 & 0xFFFF) << 16 | 0x8000 | (place & 0x0FFF),
            low: 0x8000_0000_0000_0000 | (low & 0x3FFF_FFFF_FFFF_FFFF))
    }
}
