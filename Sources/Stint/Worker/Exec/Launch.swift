import Foundation
import Glibc
import StintTransport
import Subprocess
import Synchronization
import SystemPackage

/// Starts one process, and reaps it.
///
/// swift-subprocess does the starting: it closes every descriptor but the three standard streams (no broker socket
/// and no database reaches a child), resets signal masks and dispositions, sets the process group, and holds the
/// child with a pidfd (Linux 5.4 or later). Its *streaming* is not used. It stops reading the moment the child has
/// exited, so what a grandchild still writes is lost; and it reaps the child before it returns, after which the
/// number of the process group may belong to somebody else and must not be killed any more. Here the streams are
/// ordinary pipes, moved by a ``ProcessPump``, and `body` runs between start and reaping.
package struct Launch: Sendable {
    package enum Group: Sendable {
        /// Its own process group, in our session.
        case own
        /// Its own session: a Ctrl-C in our terminal does not reach it.
        case ownSession
    }

    /// Absolute; see ``ExecutableFile``.
    package var program: String
    /// As the program sees them, its name first.
    package var argv: [String]
    package var environment: [String: String]
    package var directory: String?
    package var group: Group

    package init(
        program: String, argv: [String], environment: [String: String], directory: String? = nil, group: Group = .own
    ) {
        precondition(!argv.isEmpty, "a command has at least the name of its program")
        self.program = program
        self.argv = argv
        self.environment = environment
        self.directory = directory
        self.group = group
    }

    /// The child's ends of its standard streams. They belong to the launch, which closes them in any case.
    struct Streams: Sendable {
        var input: Int32
        var output: Int32
        var error: Int32
    }

    /// A child between its start and its reaping. It leads the process group of its own number.
    struct Running: Sendable {
        let id: pid_t
        /// Readable once it has exited.
        let descriptor: Int32
    }

    /// Runs `body` once the process has started, and reaps the process when both have ended. Cancelling the calling
    /// task changes nothing: swift-subprocess would answer with signals of its own.
    func run<Value: Sendable>(
        streams: Streams, body: @escaping @Sendable (Running) async -> Value
    ) async throws(LaunchProblem) -> (Value, ProcessEnding) {
        typealias Answer = Result<(Value, ProcessEnding), LaunchProblem>
        let launched = await withCheckedContinuation { (continuation: CheckedContinuation<Answer, Never>) in
            let answer = FirstAnswer(continuation)
            Task { answer.give(await self.launch(streams: streams, body: body, answer: answer)) }
        }
        return try launched.get()
    }

    private func launch<Value: Sendable>(
        streams: Streams, body: @Sendable (Running) async -> Value,
        answer: FirstAnswer<Result<(Value, ProcessEnding), LaunchProblem>>
    ) async -> Result<(Value, ProcessEnding), LaunchProblem> {
        var isOpen = true
        func closeChildEnds() {
            guard isOpen else { return }
            isOpen = false
            for descriptor in Set([streams.input, streams.output, streams.error]) { close(descriptor) }
        }
        defer { closeChildEnds() }
        do {
            let result = try await Subprocess.run(
                configuration,
                input: .fileDescriptor(FileDescriptor(rawValue: streams.input), closeAfterSpawningProcess: false),
                output: .fileDescriptor(FileDescriptor(rawValue: streams.output), closeAfterSpawningProcess: false),
                error: .fileDescriptor(FileDescriptor(rawValue: streams.error), closeAfterSpawningProcess: false)
            ) { execution -> Value? in
                // At once: while we hold the child's end of its output too, that output has no end of file.
                closeChildEnds()
                let process = execution.processIdentifier
                OpenFiles.restoreLimit(of: process.value)
                guard process.processDescriptor >= 0 else {
                    answer.give(.failure(abandon(process.value)))
                    return nil
                }
                return await body(Running(id: process.value, descriptor: process.processDescriptor))
            }
            guard let value = result.closureResult else { return .failure(noDescriptor) }
            switch result.terminationStatus {
            case .exited(let code): return .success((value, .exited(code: code)))
            case .signaled(let signal): return .success((value, .signalled(signal)))
            }
        } catch {
            return .failure(LaunchProblem(error, program: argv[0]))
        }
    }

    private var configuration: Subprocess.Configuration {
        var options = PlatformOptions()
        switch group {
        case .own: options.processGroupID = 0
        case .ownSession: options.createSession = true
        }
        var variables: [Environment.Key: String] = [:]
        for (name, value) in environment { variables[Environment.Key(stringLiteral: name)] = value }
        return Subprocess.Configuration(
            executable: .path(FilePath(program)),
            arguments: Arguments(executablePathOverride: argv[0], remainingValues: Array(argv.dropFirst())),
            environment: .custom(variables), workingDirectory: directory.map { FilePath($0) },
            platformOptions: options)
    }

    private var noDescriptor: LaunchProblem {
        .shortage("\"\(argv[0])\" was ended at its start, because no descriptor was left to watch it with.")
    }

    /// Ends and reaps a child that has no pidfd, because this process had no descriptor left for it. It has been given
    /// no input yet. Seen with swift-subprocess 1.0.2: it then waits for ever for the end of that child, so its answer
    /// is not waited for; the task that waits in it is lost, a few kilobytes for each time.
    private func abandon(_ process: pid_t) -> LaunchProblem {
        _ = kill(-process, SIGKILL)
        Thread.detachNewThread {
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        }
        return noDescriptor
    }
}

/// Resumes a continuation with the first of several answers.
private final class FirstAnswer<Value: Sendable>: Sendable {
    private let continuation: Mutex<CheckedContinuation<Value, Never>?>

    init(_ continuation: CheckedContinuation<Value, Never>) {
        self.continuation = Mutex(continuation)
    }

    func give(_ value: Value) {
        let waiting = continuation.withLock { waiting in
            defer { waiting = nil }
            return waiting
        }
        waiting?.resume(returning: value)
    }
}

/// How a process ended.
package enum ProcessEnding: Sendable, Hashable, CustomStringConvertible {
    case exited(code: Int32)
    case signalled(Int32)

    package var description: String {
        switch self {
        case .exited(let code): "exited with code \(code)"
        case .signalled(let signal): "was ended by signal \(signal) (\(Self.name(ofSignal: signal)))"
        }
    }

    /// As `kill -l` spells it.
    static func name(ofSignal signal: Int32) -> String {
        let names: [Int32: String] = [
            SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGQUIT: "SIGQUIT", SIGILL: "SIGILL", SIGTRAP: "SIGTRAP",
            SIGABRT: "SIGABRT", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE", SIGKILL: "SIGKILL", SIGUSR1: "SIGUSR1",
            SIGSEGV: "SIGSEGV", SIGUSR2: "SIGUSR2", SIGPIPE: "SIGPIPE", SIGALRM: "SIGALRM", SIGTERM: "SIGTERM",
            SIGXCPU: "SIGXCPU", SIGXFSZ: "SIGXFSZ", SIGSYS: "SIGSYS",
        ]
        return names[signal] ?? "signal \(signal)"
    }
}

/// Why a process did not start.
package enum LaunchProblem: Error, Sendable, Hashable {
    /// Nothing that can pass by itself: no such program, no permission, not a program for this machine.
    case unusable(String)
    /// The host is short of something now: processes, memory, descriptors.
    case shortage(String)
    /// The arguments and variables together are larger than the system takes.
    case argumentsTooLong(String)
    /// It did start and was served to its end, but its exit status is lost: something else in this process waits
    /// for all children.
    case lost(String)

    package var reason: String {
        switch self {
        case .unusable(let reason), .shortage(let reason), .argumentsTooLong(let reason), .lost(let reason): reason
        }
    }

    init(_ error: any Error, program: String) {
        guard let error = error as? SubprocessError else {
            self = .unusable("\"\(program)\" did not start: \(error).")
            return
        }
        if error.code == .failedToMonitorProcess {
            self = .lost("\"\(program)\" started, but its end could not be observed: \(error)")
            return
        }
        let code = error.underlyingError?.rawValue ?? 0
        self.init(code: code, program: program, otherwise: error.description)
    }

    init(code: Int32, program: String, otherwise: String) {
        switch code {
        case EAGAIN, ENOMEM, EMFILE, ENFILE, ETXTBSY, EINTR:
            self = .shortage("\"\(program)\" did not start: \(String(cString: strerror(code))).")
        case E2BIG:
            self = .argumentsTooLong("the arguments of \"\(program)\" are longer than this system takes.")
        case ENOEXEC:
            self = .unusable(
                """
                "\(program)" is no program for this machine: a script needs a first line such as #!/bin/sh, a binary \
                the right architecture.
                """)
        default:
            self = .unusable("\"\(program)\" did not start: \(otherwise)")
        }
    }
}
