import Glibc
import StintTransport

/// Rests that the loop takes while nothing but questions and floods keeps it busy.
///
/// What it said leaves through libzmq's thread, and what honest peers say comes in through it. Where the two share one
/// processor, a loop that never sleeps keeps it from that thread for as long as the kernel lets it, 4 to 10 ms on Linux 6.18,
/// and everybody waits. Elsewhere a rest costs a tenth of the time that goes to questions.
struct LoopRest {
    /// Since when the loop has not slept.
    private var awakeSince = MonotonicClock.nanoseconds()
    private static let awakeMax: Int64 = 1_000_000
    private static let restMicroseconds: UInt32 = 100
    private static let sleepMin: Int64 = 50_000

    /// Does what may sleep.
    mutating func watch(_ wait: () -> Void) {
        let before = MonotonicClock.nanoseconds()
        wait()
        let after = MonotonicClock.nanoseconds()
        if after - before >= Self.sleepMin { awakeSince = after }
    }

    /// A turn is over that changed nothing.
    mutating func take() {
        guard MonotonicClock.nanoseconds() - awakeSince >= Self.awakeMax else { return }
        usleep(Self.restMicroseconds)
        awakeSince = MonotonicClock.nanoseconds()
    }
}
