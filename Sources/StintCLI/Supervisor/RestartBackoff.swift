import StintCore

/// How long the supervisor waits before it starts a child again: 100 ms, then twice as long each time, 10 s at most;
/// from the beginning again after a life of 30 s.
///
/// A child that fails five times in a row without such a life will probably not get better by itself (a wrong
/// configuration, a port that is taken): from then on it waits the longest time at once, and that is said, once.
package struct RestartBackoff: Sendable {
    package static let quickFailuresMax = 5

    var first: Duration = .milliseconds(100)
    var most: Duration = .seconds(10)
    /// A life of this length forgives what was before.
    var forgiveness: Duration = .seconds(30)
    private(set) var quickFailures = 0

    package init() {}

    package init(first: Duration, most: Duration, forgiveness: Duration = .seconds(30)) {
        precondition(first > .zero && first <= most)
        self.first = first
        self.most = most
        self.forgiveness = forgiveness
    }

    /// - Parameter life: How long the child ran that has ended now.
    /// - Returns: How long to wait, and whether it is time to say that it keeps failing.
    package mutating func wait(after life: Duration) -> (wait: Duration, saysSo: Bool) {
        if life >= forgiveness { quickFailures = 0 }
        quickFailures += 1
        if quickFailures >= Self.quickFailuresMax { return (most, quickFailures == Self.quickFailuresMax) }
        var wait = first
        for _ in 1..<quickFailures { wait = min(wait * 2, most) }
        return (wait, false)
    }
}
