import Foundation
import Glibc

/// The child's side of `stint up`: standard input is a pipe whose other end only the supervisor holds. End of file
/// means that the supervisor is gone, however it went, and then the child drains and ends, so that no port and no
/// lock is held by a process that nobody looks after.
///
/// Processes that the child starts in turn are its own business: handlers of `exec` types are killed by the guard
/// when it ends, and a program behind a wrapper script inherits the pipe and sees its end as well.
package enum Lifeline {
    /// Set by the supervisor in the environment of its children, to ``value``.
    package static let variable = "STINT_LIFELINE"
    package static let value = "stdin"

    /// Watches for the end of the lifeline on a thread of its own, when this process was given one.
    ///
    /// Also ignores SIGPIPE from now on, for the whole process and with or without a lifeline: a reader of our output
    /// that goes away, as the supervisor's pipe does with it, must not end a process that works or drains.
    ///
    /// - Parameters:
    ///   - limit: How long after the end of the lifeline this process may still run; then it exits with code 1.
    ///   - onEnd: Called once, on the watching thread: begin to drain.
    /// - Returns: Whether there is a lifeline.
    @discardableResult
    package static func watch(
        environment: [String: String] = ProcessInfo.processInfo.environment, limit: Duration = .seconds(60),
        onEnd: @escaping @Sendable () -> Void
    ) -> Bool {
        signal(SIGPIPE, SIG_IGN)
        guard environment[variable] == value else { return false }
        let thread = Thread {
            waitForEnd(of: STDIN_FILENO)
            onEnd()
            // A thread of its own is the one place that is still awake when everything else hangs.
            Thread.sleep(forTimeInterval: Double(limit.components.seconds))
            _exit(1)
        }
        thread.name = "lifeline"
        thread.start()
        return true
    }

    /// Whatever is written on the lifeline means nothing.
    static func waitForEnd(of descriptor: Int32) {
        var buffer = [UInt8](repeating: 0, count: 64)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count == 0 || (count < 0 && errno != EINTR) { return }
        }
    }
}
