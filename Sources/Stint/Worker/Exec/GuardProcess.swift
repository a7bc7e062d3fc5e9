import Foundation
import Glibc

/// The guard's side of ``ProcessGuard``: the whole of the hidden subcommand `stint guard`.
///
///     +4711\n     the process group 4711 was started
///     -4711\n     it is gone
///     end of file the worker is gone: SIGKILL to every group that is left, then exit
///
/// It does nothing else, so that there is nothing in it to fail. It runs in a session of its own and ignores the polite
/// signals: a Ctrl-C or the end of a container's main process must not take it away before its work is done.
package enum GuardProcess {
    /// Guards until the end of standard input.
    package static func main() -> Never {
        for polite in [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE] { signal(polite, SIG_IGN) }
        for group in survivors(input: STDIN_FILENO) { _ = kill(-group, SIGKILL) }
        exit(0)
    }

    /// Reads to the end, and returns the groups that are registered then. An error is an end, too. A last line
    /// without its end is not taken: the number in it could be the beginning of another one.
    package static func survivors(input: Int32) -> Set<pid_t> {
        var groups: Set<pid_t> = []
        var splitter = LineSplitter(bytesMax: 64)
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = read(input, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return groups }
            let lines = buffer.withUnsafeBytes { splitter.feed(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            for line in lines where !line.isCut { note(line.text, in: &groups) }
        }
    }

    /// Anything but a sign and a number above 1 is passed over: `kill(-1)` would reach every process there is, and
    /// `kill(0)` our own group.
    private static func note(_ line: String, in groups: inout Set<pid_t>) {
        guard let group = pid_t(line.dropFirst()), group > 1 else { return }
        switch line.first {
        case "+": groups.insert(group)
        case "-": groups.remove(group)
        default: break
        }
    }
}
