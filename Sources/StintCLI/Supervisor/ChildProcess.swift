import Foundation
import Glibc
import Stint

/// One life of one child: its own process group, the lifeline as standard input, and every line of its output passed
/// on with its name before it.
struct ChildProcess: Sendable {
    let plan: ChildPlan
    let control: ProcessControl
    /// Takes whole lines, from any thread.
    let say: @Sendable (String) -> Void
    /// Called for each line on its standard output that begins with "ready".
    let onReady: @Sendable () -> Void

    /// Runs it from start to end. What is left of its process group then is killed.
    ///
    /// - Parameter onStart: Called with the number of the process.
    func run(onStart: @escaping @Sendable (pid_t) -> Void = { _ in }) async throws(LaunchProblem) -> ProcessEnding {
        let launch = try launch()
        let (_, ending) = try await launch.run(
            feeding: .lifeline, into: LinePrefixer(name: plan.name, say: say, onReady: onReady), control: control,
            onStart: onStart)
        return ending
    }

    private func launch() throws(LaunchProblem) -> Launch {
        guard let command = plan.argv.first else { throw .unusable("the command of \"\(plan.name)\" is empty.") }
        var environment = ProcessInfo.processInfo.environment
        environment.merge(plan.environment) { _, addition in addition }
        environment[Lifeline.variable] = Lifeline.value
        for name in ServiceManager.variables { environment[name] = nil }
        do throws(ExecutableFile.Problem) {
            let program = try ExecutableFile.find(
                command, path: environment["PATH"] ?? "", directory: plan.directory, folders: Self.ownFolder)
            return Launch(program: program, argv: plan.argv, environment: environment, directory: plan.directory)
        } catch {
            throw .unusable(error.description)
        }
    }

    /// The folder of the running executable.
    private static var ownFolder: [String] {
        guard let file = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else { return [] }
        return [URL(fileURLWithPath: file).deletingLastPathComponent().path]
    }
}

/// Output as lines with a name before each: `pool.1 | ready`.
private struct LinePrefixer: OutputSink {
    let name: String
    let say: @Sendable (String) -> Void
    let onReady: @Sendable () -> Void
    private var output = LineSplitter(bytesMax: 1 << 16)
    private var error = LineSplitter(bytesMax: 1 << 16)

    init(name: String, say: @escaping @Sendable (String) -> Void, onReady: @escaping @Sendable () -> Void) {
        self.name = name
        self.say = say
        self.onReady = onReady
    }

    mutating func take(_ bytes: UnsafeRawBufferPointer, from stream: ChildStream) {
        switch stream {
        case .output:
            for line in output.feed(bytes) {
                pass(line)
                if line.text.hasPrefix("ready") { onReady() }
            }
        case .error: for line in error.feed(bytes) { pass(line) }
        }
    }

    mutating func end(_ stream: ChildStream) {
        switch stream {
        case .output: if let line = output.end() { pass(line) }
        case .error: if let line = error.end() { pass(line) }
        }
    }

    private func pass(_ line: LineSplitter.Line) {
        say("\(name) | \(line.text)\(line.isCut ? " […]" : "")")
    }
}
