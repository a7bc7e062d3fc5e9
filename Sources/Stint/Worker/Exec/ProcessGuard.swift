import Foundation
import Glibc
import Logging
import Synchronization

/// Keeps this process's children from outliving it, however it ends.
///
/// A second process, the guard, is told the number of every process group that is started and ended here. It reads
/// them from a socket whose other end only this process holds; when this process ends, also by `kill -9`, the socket
/// ends, and the guard kills every group that is still registered. See ``GuardProcess`` for its side.
///
/// **What remains.** Between the start of a process and its registration lie some ten microseconds; when this process
/// is killed exactly there, the child lives on. A handler that reads its job has done nothing by then, because its
/// input is written after the registration: it finds end of file instead of a job. And when the guard itself is
/// killed it is started again and told everything anew, but until then nobody watches.
package final class ProcessGuard: Sendable {
    /// A guard that dies sooner than this after its start is not started again before this long.
    static let restartWait: Duration = .seconds(1)

    private typealias Started = CheckedContinuation<Result<Void, LaunchProblem>, Never>

    private struct State {
        /// Our end of the guard's socket, −1 while there is none.
        var socket: Int32 = -1
        var process: pid_t = 0
        var groups: Set<pid_t> = []
        var starting: Task<Result<Void, LaunchProblem>, Never>?
        var isStopped = false
    }

    /// Nil: no guard, for programs that end with their terminal anyway.
    private let argv: [String]?
    private let state = Mutex(State())

    private let logger: Logger

    /// - Parameter argv: The command that runs ``GuardProcess``. Started when first needed; ends with ``stop()`` or
    ///   with this process.
    package init(argv: [String], logger: Logger = Logger(label: "stint.guard")) {
        precondition(!argv.isEmpty, "the guard needs a command")
        self.argv = argv
        self.logger = logger
    }

    private init() {
        argv = nil
        logger = Logger(label: "stint.guard")
    }

    /// Watches nothing: children can outlive this process. For trying out a handler by hand.
    package static func off() -> ProcessGuard { ProcessGuard() }

    /// The guard's process number, nil while it is not running.
    package var processID: pid_t? {
        state.withLock { $0.socket >= 0 ? $0.process : nil }
    }

    /// Returns when the guard is running; to be called before every start of a child.
    ///
    /// - Throws: ``LaunchProblem`` when it cannot be started.
    package func prepare() async throws(LaunchProblem) {
        guard argv != nil else { return }
        let starting = state.withLock { state -> Task<Result<Void, LaunchProblem>, Never>? in
            if state.socket >= 0 { return nil }
            if let starting = state.starting { return starting }
            let task = Task { await self.start() }
            state.starting = task
            return task
        }
        try await starting?.value.get()
    }

    /// From now on the guard kills this group when we die.
    package func add(group: pid_t) {
        precondition(group > 1, "a process group below 2 is not a child's")
        state.withLock { state in
            state.groups.insert(group)
            Self.send("+\(group)\n", &state)
        }
    }

    /// The group is gone. To be called before its leader is reaped, while its number cannot be somebody else's.
    package func remove(group: pid_t) {
        state.withLock { state in
            guard state.groups.remove(group) != nil else { return }
            Self.send("-\(group)\n", &state)
        }
    }

    /// Ends the guard, which kills whatever is still registered.
    package func stop() {
        state.withLock { state in
            state.isStopped = true
            if state.socket >= 0 { close(state.socket) }
            state.socket = -1
        }
    }

    /// Never blocks and never raises SIGPIPE. A guard that has not read for 20,000 lines hangs, and is replaced: it
    /// is killed first, because at the end of its input it would kill groups that are alive and well.
    private static func send(_ line: String, _ state: inout State) {
        guard state.socket >= 0 else { return }
        let bytes = Array(line.utf8)
        let sent = Glibc.send(state.socket, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        // Only where it surely lives: a guard that has ended (EPIPE) may be reaped, and its number another's. Either
        // end is noticed in `host`, and it is started again there.
        if sent >= 0 && sent < bytes.count || sent < 0 && errno == EAGAIN { _ = kill(state.process, SIGKILL) }
    }

    private func start() async -> Result<Void, LaunchProblem> {
        let launched = await withCheckedContinuation { (started: Started) in
            Task { await host(started) }
        }
        state.withLock { $0.starting = nil }
        return launched
    }

    /// The life of one guard, from its start to its reaping.
    private func host(_ started: Started) async {
        let life = ContinuousClock.now
        var ours: Int32 = -1
        var ending = "was lost"
        do throws(LaunchProblem) {
            let launch = try guardLaunch()
            let pair = try Self.socketPair()
            ours = pair.ours
            let silence: Int32
            do throws(LaunchProblem) {
                // It must not hold our output open: whoever reads it to its end would wait for the guard too.
                silence = try Pipes.openNull(O_WRONLY)
            } catch {
                close(pair.theirs)
                throw error
            }
            let streams = Launch.Streams(input: pair.theirs, output: silence, error: silence)
            let (_, end) = try await launch.run(streams: streams) { process in
                self.adopt(process.id, socket: pair.ours)
                started.resume(returning: .success(()))
            }
            ending = end.description
        } catch {
            guard case .lost = error else {
                if ours >= 0 { close(ours) }
                started.resume(returning: .failure(error))
                return
            }
        }
        await lost(socket: ours, ending, lived: .now - life)
    }

    private func guardLaunch() throws(LaunchProblem) -> Launch {
        guard let argv else { preconditionFailure("there is no guard to start") }
        do throws(ExecutableFile.Problem) {
            let path = ProcessInfo.processInfo.environment["PATH"] ?? ExecEnvironment.pathFallback
            let program = try ExecutableFile.find(argv[0], path: path)
            return Launch(program: program, argv: argv, environment: [:], directory: "/", group: .ownSession)
        } catch {
            throw .unusable("the guard of this worker's processes cannot be started: \(error)")
        }
    }

    private func adopt(_ process: pid_t, socket: Int32) {
        state.withLock { state in
            guard !state.isStopped else {
                close(socket)
                return
            }
            state.socket = socket
            state.process = process
            for group in state.groups { Self.send("+\(group)\n", &state) }
        }
    }

    private func lost(socket: Int32, _ ending: String, lived: Duration) async {
        let (isUnasked, isNeeded) = state.withLock { state -> (Bool, Bool) in
            guard !state.isStopped else { return (false, false) }
            if state.socket == socket {
                close(socket)
                state.socket = -1
            }
            return (true, !state.groups.isEmpty)
        }
        if isUnasked {
            logger.warning(
                """
                the guard of this worker's processes \(ending), though nobody asked it to; until it runs again they \
                would outlive a worker that is killed. It is started again when it is needed.
                """)
        }
        guard isNeeded else { return }
        if lived < Self.restartWait { try? await Task.sleep(for: Self.restartWait) }
        try? await prepare()
    }

    /// A socket rather than a pipe, because it can be written without SIGPIPE and without changing the signals of
    /// the whole process.
    private static func socketPair() throws(LaunchProblem) -> (ours: Int32, theirs: Int32) {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            throw .shortage("this process could not open a socket for its guard: \(String(cString: strerror(errno))).")
        }
        return (ends[0], ends[1])
    }
}
