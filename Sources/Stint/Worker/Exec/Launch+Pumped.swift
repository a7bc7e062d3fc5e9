import Foundation
import Glibc

extension Launch {
    /// Runs the process from its start to the end of its group.
    ///
    ///     started: the group is told to `onStart` ──► input is written, output goes to `sink` ──► the group is killed
    ///     ──► `onEnd` ──► reaped
    ///
    /// Cancelling the calling task does not end it: ask `control`.
    ///
    /// - Parameter onStart: Called before the first byte of input is written, so that a handler which waits for its
    ///   job has not begun yet.
    /// - Returns: The sink with all it was given, and how the process ended.
    package func run<Sink: OutputSink>(
        feeding input: ChildInput, into sink: Sink, control: ProcessControl,
        onStart: @escaping @Sendable (pid_t) -> Void = { _ in }, onEnd: @escaping @Sendable (pid_t) -> Void = { _ in }
    ) async throws(LaunchProblem) -> (Sink, ProcessEnding) {
        // Opened one by one: on the way out, whatever was opened is closed.
        var opened: [Int32] = []
        var ours: (input: Int32, output: Int32, error: Int32) = (-1, -1, -1)
        let streams: Streams
        do throws(LaunchProblem) {
            let childInput: Int32
            if case .none = input {
                childInput = try Pipes.openNull(O_RDONLY)
                opened.append(childInput)
            } else {
                let pipe = try Pipes.make()
                opened += [pipe.readEnd, pipe.writeEnd]
                (childInput, ours.input) = (pipe.readEnd, pipe.writeEnd)
            }
            let output = try Pipes.make()
            opened += [output.readEnd, output.writeEnd]
            let error = try Pipes.make()
            (ours.output, ours.error) = (output.readEnd, error.readEnd)
            streams = Streams(input: childInput, output: output.writeEnd, error: error.writeEnd)
        } catch {
            for descriptor in opened { close(descriptor) }
            throw error
        }
        for descriptor in [ours.input, ours.output, ours.error] where descriptor >= 0 {
            Pipes.setNonBlocking(descriptor)
        }
        do throws(LaunchProblem) {
            return try await run(streams: streams) { [ours] process in
                onStart(process.id)
                let filled = await withCheckedContinuation { (continuation: CheckedContinuation<Sink, Never>) in
                    let thread = Thread {
                        var sink = sink
                        var pump = ProcessPump(
                            process: process, control: control, input: ours.input, output: ours.output,
                            error: ours.error, feeding: input)
                        pump.run(into: &sink)
                        continuation.resume(returning: sink)
                    }
                    thread.name = "process \(process.id)"
                    thread.start()
                }
                onEnd(process.id)
                return filled
            }
        } catch {
            // A process that was lost has been pumped, and the pump closes our ends.
            if case .lost = error { throw error }
            for descriptor in [ours.input, ours.output, ours.error] where descriptor >= 0 { close(descriptor) }
            throw error
        }
    }
}
