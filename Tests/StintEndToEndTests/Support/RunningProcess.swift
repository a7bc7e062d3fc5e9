import Foundation
import Glibc
import Testing

/// A process that a test started: its lines and its end can be awaited, and it never outlives this object.
final class RunningProcess: Sendable {
    enum Ending: Hashable, Sendable {
        case exited(Int32)
        case signalled(Int32)
    }

    struct State: Sendable {
        var output: [String] = []
        var error: [String] = []
        var openStreams = 2
        var ending: Ending?
    }

    let id: pid_t
    private let state: Watched<State>

    /// - Parameter input: Nil: empty standard input.
    init(_ program: String, _ arguments: [String], environment: [String: String], folder: String, input: Data? = nil)
        throws
    {
        let (output, error) = (try Channel(), try Channel())
        let source = try input.map { _ in try Channel() }
        id = try Self.spawn(
            [program] + arguments, environment: environment, folder: folder, input: source?.reading,
            output: output.writing, error: error.writing)
        close(output.writing)
        close(error.writing)
        let state = Watched(State())
        self.state = state
        Lines.read(output.reading) { line in
            state.change { if let line { $0.output.append(line) } else { $0.openStreams -= 1 } }
        }
        Lines.read(error.reading) { line in
            state.change { if let line { $0.error.append(line) } else { $0.openStreams -= 1 } }
        }
        if let source, let input {
            close(source.reading)
            Thread.detachNewThread { Self.feed(input, to: source.writing) }
        }
        let id = id
        Thread.detachNewThread { Self.reap(id, into: state) }
    }

    deinit { signal(SIGKILL) }

    // MARK: Seeing

    var outputLines: [String] { state.value.output }
    var errorLines: [String] { state.value.error }
    var isRunning: Bool { state.value.ending == nil }

    /// The first line of standard output that the body accepts; lines that came already count.
    @discardableResult
    func line(
        _ what: String = "line", within limit: Duration = .seconds(15), where isWanted: (String) -> Bool = { _ in true }
    ) async throws -> String {
        try await line(what, of: \.output, within: limit, where: isWanted)
    }

    @discardableResult
    func errorLine(
        _ what: String = "line", within limit: Duration = .seconds(15), where isWanted: (String) -> Bool
    ) async throws -> String {
        try await line(what, of: \.error, within: limit, where: isWanted)
    }

    private func line(
        _ what: String, of stream: any KeyPath<State, [String]> & Sendable, within limit: Duration,
        where isWanted: (String) -> Bool
    ) async throws -> String {
        try await state.first(what, within: limit) { state in
            if let line = state[keyPath: stream].first(where: isWanted) { return line }
            if let ending = state.ending, state.openStreams == 0 {
                throw Overdue(what: what + " before the end (\(ending))", limit: limit, last: "\(state)")
            }
            return nil
        }
    }

    func outputCount(atLeast count: Int, within limit: Duration = .seconds(30)) async throws {
        try await state.first("\(count) lines", within: limit) { state in
            if let ending = state.ending, state.openStreams == 0, state.output.count < count {
                throw Overdue(what: "\(count) lines before the end (\(ending))", limit: limit, last: "\(state.error)")
            }
            return state.output.count >= count ? () : nil
        }
    }

    func end(within limit: Duration = .seconds(20)) async throws -> Ending {
        try await state.first("end of process \(id)", within: limit) { $0.ending }
    }

    /// How it ended, and everything it wrote.
    func result(within limit: Duration = .seconds(20)) async throws -> Output {
        try await state.first("end of process \(id)", within: limit) { state in
            guard let ending = state.ending, state.openStreams == 0 else { return nil }
            return Output(ending: ending, lines: state.output, errorLines: state.error)
        }
    }

    // MARK: Acting

    /// Sent only while the process is not reaped, so the number is still its own.
    func signal(_ signal: Int32) {
        state.change { state in
            if state.ending == nil { _ = kill(id, signal) }
        }
    }

    /// SIGKILL, and waits for the end.
    func kill9() async throws {
        signal(SIGKILL)
        _ = try await end()
    }

    /// SIGTERM; the end must be a polite one.
    func terminate(within limit: Duration = .seconds(20)) async throws {
        signal(SIGTERM)
        let ending = try await end(within: limit)
        #expect(ending == .exited(0), "\(errorLines.suffix(10))")
    }

    // MARK: Threads

    private static func feed(_ input: Data, to descriptor: Int32) {
        input.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                // A reader that ended early is its own affair.
                let count = send(
                    descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                guard count > 0 else { break }
                rest = rest.dropFirst(count)
            }
        }
        close(descriptor)
    }

    private static func reap(_ id: pid_t, into state: Watched<State>) {
        var information = siginfo_t()
        while waitid(P_PID, id_t(id), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        state.change { state in
            var status: Int32 = 0
            _ = waitpid(id, &status, 0)
            state.ending = status & 0x7F == 0 ? .exited((status >> 8) & 0xFF) : .signalled(status & 0x7F)
        }
    }

    // MARK: Start

    private static func spawn(
        _ argv: [String], environment: [String: String], folder: String, input: Int32?, output: Int32, error: Int32
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        } else {
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, error, STDERR_FILENO)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (all, none) = (sigset_t(), sigset_t())
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        // The shell only changes the folder; then it is the program, under the same number.
        let shell = ["/bin/sh", "-c", #"cd "$0" && exec "$@""#, folder]
        var words = (shell + argv).map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in words + variables { free(pointer) } }
        var id: pid_t = 0
        let code = posix_spawn(&id, shell[0], &actions, &attributes, &words, &variables)
        guard code == 0 else { throw POSIXError(.init(rawValue: code) ?? .EIO) }
        return id
    }
}

/// What a process wrote, and how it ended.
struct Output: Sendable {
    let ending: RunningProcess.Ending
    let lines: [String]
    let errorLines: [String]

    /// The exit code; −1 after a signal.
    var code: Int32 {
        if case .exited(let code) = ending { return code }
        return -1
    }
    var text: String { lines.joined(separator: "\n") }
    var errorText: String { errorLines.joined(separator: "\n") }
    /// The one JSON value that it wrote.
    var json: JSON { get throws { try JSON(text) } }
}

/// Two ends, in one direction. A socket rather than a pipe, because it can be made so that no child of another test
/// inherits it, however close the two starts are.
private struct Channel {
    let reading: Int32
    let writing: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EMFILE) }
        (reading, writing) = (ends[0], ends[1])
    }
}

/// Reads a descriptor to its end on a thread of its own.
enum Lines {
    /// - Parameter take: Each line, then nil at the end.
    static func read(_ descriptor: Int32, _ take: @escaping @Sendable (String?) -> Void) {
        Thread.detachNewThread {
            var line: [UInt8] = []
            var bytes = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = Glibc.read(descriptor, &bytes, bytes.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                for byte in bytes[..<count] {
                    if byte == UInt8(ascii: "\n") {
                        take(String(decoding: line, as: UTF8.self))
                        line.removeAll(keepingCapacity: true)
                    } else {
                        line.append(byte)
                    }
                }
            }
            if !line.isEmpty { take(String(decoding: line, as: UTF8.self)) }
            close(descriptor)
            take(nil)
        }
    }
}
