import CZeroMQ
import Glibc

/// How many files and sockets this process may have open at once. A connection is one of them, and libzmq may abort
/// the process when there is none left; yet the usual soft limit of 1,024 is there only for programs that use `select`.
/// So a broker and a worker raise theirs to the hard limit as they start, and give the children they run the former
/// one back, which may be such programs.
package enum OpenFiles {
    /// More than any process here needs. Beyond it some kernels and libraries walk up to the limit.
    static let most: UInt64 = 1_048_576

    /// Raised at the first use, once in a process.
    private static let limits: (before: rlimit, now: rlimit)? = {
        var before = rlimit()
        guard getrlimit(resource, &before) == 0 else { return nil }
        var now = before
        now.rlim_cur = rlim_t(raised(from: UInt64(before.rlim_cur), hard: UInt64(before.rlim_max)))
        guard now.rlim_cur != before.rlim_cur, setrlimit(resource, &now) == 0 else { return (before, before) }
        return (before, now)
    }()

    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)

    /// Up to the hard limit but for what ``withSpare(_:)`` may need; never below what it was, unless that is the hard limit.
    static func raised(from soft: UInt64, hard: UInt64) -> UInt64 {
        let spare = spare(hard: hard)
        return max(min(soft, hard - spare), min(hard - spare, most))
    }

    static func spare(hard: UInt64) -> UInt64 { min(64, hard / 16) }

    /// Runs something short that has to open a file even when connections hold all others: strangers can take as many as
    /// the system lets this process have, and what must not wait for their going is the news that a key was revoked.
    ///
    /// The limit is lifted by some for as long as it takes. One thread at a time.
    package static func withSpare<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        guard let now = limits?.now else { return try body() }
        var more = now
        more.rlim_cur = min(now.rlim_max, now.rlim_cur + rlim_t(spare(hard: UInt64(now.rlim_max))))
        setrlimit(resource, &more)
        defer {
            var now = now
            setrlimit(resource, &now)
        }
        return try body()
    }

    /// Call at the start of a process that has connections. Nil: the system does not tell its limits.
    ///
    /// - Returns: How many it was, and is.
    @discardableResult
    package static func raiseLimit() -> (before: UInt64, now: UInt64)? {
        limits.map { (UInt64($0.before.rlim_cur), UInt64($0.now.rlim_cur)) }
    }

    /// Makes the kernel's table of this process large enough for so many, as far as the limit goes. By itself it doubles
    /// whenever it is full, and in a process with threads each time takes an RCU grace period: 10 to 35 ms on a busy host,
    /// in which the thread that opens waits, libzmq's with every connection behind it.
    package static func makeRoom(for count: Int) {
        let highest = Int32(clamping: max(0, min(count, limit) - 1))
        let file = open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        // The table never shrinks.
        let copy = fcntl(file, F_DUPFD_CLOEXEC, highest)
        if copy >= 0 { close(copy) }
    }

    /// How many this process may have open now.
    package static var limit: Int {
        var limit = rlimit()
        return getrlimit(resource, &limit) == 0 ? Int(clamping: UInt64(limit.rlim_cur)) : 0
    }

    /// How many it has; 0 where /proc does not tell. Costs a look at each.
    package static func count() -> Int {
        guard let folder = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // `.`, `..` and the folder itself.
        return max(0, count - 3)
    }

    /// Gives a child of this process the limit that this one was started with. From here, a moment after its start:
    /// between fork and exec no Swift may run.
    package static func restoreLimit(of child: pid_t) {
        guard let limits, limits.now.rlim_cur != limits.before.rlim_cur else { return }
        // One that has ended already has no limit to restore.
        stint_limit_open_files(child, limits.before.rlim_cur, limits.before.rlim_max)
    }
}
