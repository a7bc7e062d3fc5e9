import Foundation
import StintCore

/// Runs the attempts of one type, each as a process of its own.
///
///     fill in arguments ──► find the program ──► start ──► register the group ──► talk ──► kill the group ──► weigh
///
/// Timeout and cancel arrive as cancellation of the task: SIGTERM to the process group, SIGKILL after the grace, and
/// the answer is `.cancelled` whatever the process said. The worker's runtime knows which of the two it was.
struct ExecRunner: Sendable {
    /// How long a job waits when this host is out of processes, memory or descriptors. No attempt is used.
    static let shortageWait: Duration = .seconds(5)

    private let spec: ExecSpec
    private let guardian: ProcessGuard
    private let arguments: [ArgumentTemplate]

    init(spec: ExecSpec, guardian: ProcessGuard) {
        let problems = spec.problems
        precondition(problems.isEmpty, problems.joined(separator: " "))
        self.spec = spec
        self.guardian = guardian
        arguments = spec.argv.compactMap { try? ArgumentTemplate($0) }
        precondition(arguments.count == spec.argv.count)
    }

    func run(_ attempt: Attempt, _ channel: any JobChannel) async -> AttemptEnd {
        if Task.isCancelled { return .cancelled }
        guard let payload = JSONText(validating: attempt.payload.isEmpty ? Array("null".utf8) : Array(attempt.payload))
        else {
            return .failed(
                message: "payload of \"\(attempt.type)\" is not JSON in UTF-8", permanent: true, retryAfter: nil)
        }
        var argv: [String] = []
        for template in arguments {
            do throws(ArgumentTemplate.Problem) {
                argv.append(
                    try template.filled(for: attempt, payload: payload, allowDashValues: spec.allowDashValues))
            } catch {
                return .failed(message: error.sentence, permanent: true, retryAfter: nil)
            }
        }
        do throws(LaunchProblem) {
            return try await run(attempt, channel, launch: try launch(argv, attempt), payload: payload)
        } catch {
            switch error {
            case .unusable(let reason): return .released(withdraws: true, reason: reason)
            case .shortage(let reason):
                channel.log(.warning, reason)
                return .snoozed(Self.shortageWait)
            case .argumentsTooLong(let reason): return .failed(message: reason, permanent: true, retryAfter: nil)
            case .lost(let reason): return .errored(message: reason)
            }
        }
    }

    private func launch(_ argv: [String], _ attempt: Attempt) throws(LaunchProblem) -> Launch {
        let variables = ExecEnvironment.variables(
            for: attempt, additions: spec.environment, own: ProcessInfo.processInfo.environment)
        do throws(ExecutableFile.Problem) {
            let program = try ExecutableFile.find(
                argv[0], path: variables["PATH"] ?? ExecEnvironment.pathFallback, directory: spec.directory)
            return Launch(program: program, argv: argv, environment: variables, directory: spec.directory)
        } catch {
            throw .unusable(error.description)
        }
    }

    private func run(
        _ attempt: Attempt, _ channel: any JobChannel, launch: Launch, payload: JSONText
    ) async throws(LaunchProblem) -> AttemptEnd {
        try await guardian.prepare()
        let control = try ProcessControl()
        let checkpoints = CheckpointRelay(control: control)
        let conversation = HandlerConversation(
            spec: spec, channel: channel, control: control, checkpoints: checkpoints)
        let saving = Task { await checkpoints.run(channel) }
        let input: ChildInput = spec.input == .job ? .bytes(ExecInput.line(for: attempt, payload: payload)) : .none
        let outcome: Result<(HandlerConversation, ProcessEnding), LaunchProblem> =
            await withTaskCancellationHandler {
                do throws(LaunchProblem) {
                    return .success(
                        try await launch.run(
                            feeding: input, into: conversation, control: control,
                            // Before the first byte of input: a handler that waits for its job has not begun.
                            onStart: { guardian.add(group: $0) },
                            // Before it is reaped: from then on the number may be somebody else's.
                            onEnd: { guardian.remove(group: $0) }))
                } catch {
                    return .failure(error)
                }
            } onCancel: {
                control.stop(grace: spec.grace)
            }
        checkpoints.finish()
        let unsaved = await saving.value
        let (said, ending) = try outcome.get()
        said.close()
        return ExecVerdict(
            // Cancelled too late to matter, it is judged by what it did.
            wasCancelled: Task.isCancelled && control.hasSignalled, wasStopped: said.wasStopped, word: said.word,
            mistake: said.mistake ?? unsaved, excess: said.excess, lastErrorLine: said.lastErrorLine,
            plainResult: said.plainResult
        ).end(after: ending)
    }
}
