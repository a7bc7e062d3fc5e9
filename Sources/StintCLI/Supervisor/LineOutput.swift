import Foundation
import Glibc
import StintCore
import Synchronization

/// Writes whole lines to a descriptor, from any thread, and never waits long for its reader.
///
/// A terminal that is stopped (Ctrl-S) or a pager that is not scrolled takes nothing. If the supervisor waited for it,
/// its children would wait for the supervisor in the middle of a log line, and a broker that hangs in a log line loses
/// its leases. So after `patience` lines are dropped until the reader takes some again, and then their number is told.
package final class LineOutput: Sendable {
    private struct State {
        var linesDropped = 0
        /// A line of which only the beginning was taken is ended before the next one.
        var isInLine = false
    }

    /// What a pipe takes without waiting when it says that it takes something (PIPE_BUF).
    private static let pieceBytesMax = 4_096

    private let descriptor: Int32
    private let patience: Duration
    private let state = Mutex(State())

    package init(descriptor: Int32, patience: Duration = .seconds(1)) {
        self.descriptor = descriptor
        self.patience = patience
    }

    package func write(_ line: String) {
        state.withLock { state in
            if state.linesDropped > 0 {
                // Out of patience already: only looked at.
                guard send("\(state.linesDropped) lines were dropped here, because nobody took them.", .zero, &state)
                else {
                    state.linesDropped += 1
                    return
                }
                state.linesDropped = 0
            }
            if !send(line, patience, &state) { state.linesDropped += 1 }
        }
    }

    private func send(_ line: String, _ patience: Duration, _ state: inout State) -> Bool {
        var bytes = Array(((state.isInLine ? "\n" : "") + line + "\n").utf8)[...]
        let milliseconds = Int32(clamping: patience.inMilliseconds)
        while !bytes.isEmpty {
            var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&watched, 1, milliseconds) > 0 else { return false }
            let piece = bytes.prefix(Self.pieceBytesMax)
            let count = piece.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR || errno == EAGAIN { continue }
                return false  // nobody is there any more
            }
            bytes = bytes.dropFirst(count)
            state.isInLine = !bytes.isEmpty
        }
        return true
    }
}
