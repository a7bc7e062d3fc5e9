import Foundation
import Glibc
import Stint

/// What handlers did, written by themselves as their first act: one line for each run, in one file for each process.
///
///     JOB ATTEMPT FENCE NANOSECONDS [CHILD]
///
/// A line is one `write` to a file opened for appending: whoever is killed afterwards, the line is whole, because the
/// kernel has it. The times are of the monotonic clock, which all processes of a host share.
final class EffectLog: Sendable {
    /// The folder of the logs, in the environment of a worker.
    static let variable = "TORTURE_EFFECTS"
    private let descriptor: Int32

    init(folder: String) throws {
        descriptor = open("\(folder)/\(getpid())", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    }

    /// - Throws: When the line is not written. The job then fails rather than running unseen.
    func note(_ context: JobContext, child: JobID? = nil) throws {
        let tail = child.map { " \($0)" } ?? ""
        let line = "\(context.id) \(context.attempt) \(context.fence) \(monotonicNanoseconds())\(tail)\n"
        let written = line.utf8.withContiguousStorageIfAvailable { write(descriptor, $0.baseAddress, $0.count) } ?? -1
        guard written == line.utf8.count else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    }

    /// The same for ``JobKind/shell``. It runs in the rig's folder.
    static let shellHandler = """
        #!/bin/sh
        echo "$STINT_JOB $STINT_ATTEMPT $STINT_FENCE 0" >> effects/shell
        echo '{"stint":"result","value":{"fence":"'$STINT_FENCE'"}}'

        """
}

func monotonicNanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
