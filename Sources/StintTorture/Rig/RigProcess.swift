import Foundation
import Glibc
import Synchronization

/// One process of the cluster under torture: started, signalled and reaped by number, never by name.
///
/// Its words go to a file that all lives of the same part share. Its standard input is the reading end of a pipe whose
/// other end only this process holds, and which nothing is ever written to: whatever becomes of the driver, its
/// children see the end of it and drain.
final class RigProcess: Sendable {
    enum Ending: Hashable, Sendable {
        case exited(Int32)
        case signalled(Int32)
    }

    let name: String
    let id: pid_t
    let startedAt = ContinuousClock.now
    private let ending = Mutex<Ending?>(nil)

    /// - Throws: `POSIXError` when the program cannot be started.
    init(name: String, _ argv: [String], environment: [String: String], folder: String, log: String, input: Int32)
        throws
    {
        self.name = name
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (all, none) = (sigset_t(), sigset_t())
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        // A group of its own: Ctrl-C is the driver's to deal with.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))

        // The shell only changes the folder; then it is the program, under the same number.
        let shell = ["/bin/sh", "-c", #"cd "$0" && exec "$@""#, folder]
        var words = (shell + argv).map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in words + variables { free(pointer) } }
        var id: pid_t = 0
        let code = posix_spawn(&id, shell[0], &actions, &attributes, &words, &variables)
        guard code == 0 else { throw POSIXError(.init(rawValue: code) ?? .EIO) }
        self.id = id
    }

    /// How it ended; nil while it lives.
    var currentEnding: Ending? { ending.withLock { reap(&$0) } }

    var isAlive: Bool { currentEnding == nil }

    private func reap(_ ending: inout Ending?) -> Ending? {
        guard ending == nil else { return ending }
        var status: Int32 = 0
        if waitpid(id, &status, WNOHANG) == id {
            ending = status & 0x7F == 0 ? .exited((status >> 8) & 0xFF) : .signalled(status & 0x7F)
        }
        return ending
    }

    /// Sent only while the process is not reaped, so the number is still its own.
    ///
    /// - Returns: Whether it was alive.
    @discardableResult
    func signal(_ signal: Int32) -> Bool {
        ending.withLock { ending in
            guard reap(&ending) == nil else { return false }
            return kill(id, signal) == 0
        }
    }

    /// - Throws: ``Broken`` when it still lives after the limit.
    @discardableResult
    func end(within limit: Duration) async throws -> Ending {
        let deadline = ContinuousClock.now + limit
        while true {
            if let ending = currentEnding { return ending }
            guard ContinuousClock.now < deadline else {
                throw Broken("\(name) (process \(id)) has not ended \(limit) after it was told to")
            }
            // Not a cancellation point: what was started is reaped also when everything is being ended.
            await Task { try? await Task.sleep(for: .milliseconds(2)) }.value
        }
    }

    /// SIGKILL, and waits for the end.
    func kill9() async throws {
        signal(SIGKILL)
        try await end(within: .seconds(30))
    }

    /// SIGTERM; the end has to be a polite one. One that has only just been started may not have come to its signals yet;
    /// then it ends of them, before it has done anything.
    func terminate(within limit: Duration = .seconds(60)) async throws {
        let isYoung = ContinuousClock.now - startedAt < .seconds(5)
        signal(SIGTERM)
        let ending = try await end(within: limit)
        guard ending == .exited(0) || isYoung && ending == .signalled(SIGTERM) else {
            throw Broken("\(name) (process \(id)) was told to end and did so with \(ending) instead of exit code 0")
        }
    }

    /// Resident memory, in bytes; nil once it is gone.
    var residentBytes: Int? {
        guard let text = try? String(contentsOfFile: "/proc/\(id)/statm", encoding: .utf8),
            let pages = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { return nil }
        return pages * Int(getpagesize())
    }

    /// How many files and connections it has open.
    var openFiles: Int { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/fd").count) ?? 0 }

    /// - Throws: ``Broken`` when it has more after the limit: somebody's connections are kept who has gone.
    func awaitOpenFiles(atMost most: Int, within limit: Duration) async throws {
        let deadline = ContinuousClock.now + limit
        while openFiles > most {
            guard ContinuousClock.now < deadline else {
                throw Broken("\(limit) after the last trouble \(name) still had \(openFiles) files open, not \(most)")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}

/// A rule that was broken outside of what the judge looks at: a process that does not end, a drain that does not come.
struct Broken: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
