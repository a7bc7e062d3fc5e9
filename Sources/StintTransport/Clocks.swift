import Glibc

// The two clocks of the host, each one system call that the kernel answers without leaving the process
// (about 20 ns). A loop reads both once per turn and passes the values down; nothing else reads a clock.

/// Time since the host started, counted through suspend. Never set, never goes back: leases and timeouts use it.
package enum MonotonicClock {
    package static func nanoseconds() -> Int64 {
        var time = timespec()
        let result = clock_gettime(CLOCK_BOOTTIME, &time)
        precondition(result == 0, "the kernel has no CLOCK_BOOTTIME (Linux 2.6.39 or later is needed)")
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// Civil time, which an operator or NTP may set at any moment: run-at and retention use it.
package enum WallClock {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    package static func milliseconds() -> Int64 {
        var time = timespec()
        let result = clock_gettime(CLOCK_REALTIME, &time)
        precondition(result == 0, "the kernel has no CLOCK_REALTIME")
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
