import StintCore
import Testing

@Suite("Time") struct TimeTests {
    @Test("instants and durations add up to the nanosecond")
    func instants() {
        let start = Instant(nanoseconds: 5)
        #expect(start + .nanoseconds(7) == Instant(nanoseconds: 12))
        #expect(start + .seconds(-1) == Instant(nanoseconds: 5 - 1_000_000_000))
        #expect(Instant(nanoseconds: 12) - start == .nanoseconds(7))
        #expect(start - Instant(nanoseconds: 12) == .nanoseconds(-7))
        #expect(start < .distantFuture)
    }

    @Test("wall time counts whole milliseconds and drops what is less")
    func wallTime() {
        let start = WallTime(milliseconds: 1_000)
        #expect(start + .microseconds(1_999) == WallTime(milliseconds: 1_001))
        #expect(start + .microseconds(999) == start)
        #expect(start + .milliseconds(-1) == WallTime(milliseconds: 999))
        #expect(WallTime(milliseconds: 1_001) - start == .milliseconds(1))
        #expect(WallTime.none < start)
        #expect(start + Limits.delayMax < .distantFuture)
    }

    @Test("a duration is told in each unit, cut towards zero")
    func units() {
        let duration = Duration.seconds(3) + .nanoseconds(999_999_999)
        #expect(duration.inNanoseconds == 3_999_999_999)
        #expect(duration.inMicroseconds == 3_999_999)
        #expect(duration.inMilliseconds == 3_999)
        #expect(Duration.nanoseconds(-1_500_000).inMilliseconds == -1)
        #expect(Limits.delayMax.inMilliseconds == 316_224_000_000)
    }
}
