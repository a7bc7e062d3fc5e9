// Two clocks, two types, which cannot be mixed. Leases, heartbeats and timeouts compare `Instant`,
// which a step of the wall clock does not move; run-at and retention compare `WallTime`, which
// means the same on every host and after every restart. Both are read once per turn of a loop and
// passed down together as a `Moment`.

/// A point on the monotonic clock of this boot (the one that counts through suspend).
package struct Instant: Hashable, Comparable, Sendable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }
    package static func + (left: Instant, right: Duration) -> Instant {
        Instant(nanoseconds: left.nanoseconds + right.inNanoseconds)
    }
    package static func - (left: Instant, right: Instant) -> Duration {
        .nanoseconds(left.nanoseconds - right.nanoseconds)
    }
    /// Later than anything that happens.
    package static let distantFuture = Instant(nanoseconds: .max)
}

/// A point in civil time: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
public struct WallTime: Hashable, Comparable, Sendable {
    public var milliseconds: Int64

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    public static func < (left: WallTime, right: WallTime) -> Bool { left.milliseconds < right.milliseconds }
    public static func + (left: WallTime, right: Duration) -> WallTime {
        WallTime(milliseconds: left.milliseconds + right.inMilliseconds)
    }
    public static func - (left: WallTime, right: WallTime) -> Duration {
        .milliseconds(left.milliseconds - right.milliseconds)
    }
    /// "Never happened" in a row.
    package static let none = WallTime(milliseconds: 0)
    package static let distantFuture = WallTime(milliseconds: .max / 4)
}

/// Now, on both clocks.
package struct Moment: Hashable, Sendable {
    package var instant: Instant
    package var wall: WallTime

    package init(instant: Instant, wall: WallTime) {
        self.instant = instant
        self.wall = wall
    }
}

// Asked for in every turn, many times. Through `components` each costs four times as many instructions (212 for 47).
extension Duration {
    package var inNanoseconds: Int64 { Int64(truncatingIfNeeded: attoseconds / 1_000_000_000) }
    package var inMicroseconds: Int64 { Int64(truncatingIfNeeded: attoseconds / 1_000_000_000_000) }
    package var inMilliseconds: Int64 { Int64(truncatingIfNeeded: attoseconds / 1_000_000_000_000_000) }
}
