import Foundation
import Glibc
import StintCore

/// What becomes of a child's output. Called on the pump's thread only, so it needs no lock; it may block briefly.
package protocol OutputSink: Sendable {
    mutating func take(_ bytes: UnsafeRawBufferPointer, from stream: ChildStream)
    /// The stream has ended, or is not read any further.
    mutating func end(_ stream: ChildStream)
}

package enum ChildStream: Sendable {
    case output, error
}

/// What a child reads.
package enum ChildInput: Sendable {
    /// `/dev/null`.
    case none
    /// These bytes, then end of file.
    case bytes(Data)
    /// Nothing, but no end of file either before we die: the child can tell by it that we have.
    case lifeline
}

/// Moves the bytes of one child and signals its group, on one thread of its own with one `poll`.
///
///     started ──► running ──the process exits──► last output ──ended, or 1 s──► group killed ──► reaped
///                    │ stop: SIGTERM, then after the grace SIGKILL, both to the whole group
///
/// One thread, because then nothing here can race, a handler that blocks blocks nobody else, and no thread of Swift's
/// cooperative pool ever waits. Input and output move in the same loop, so a child that writes a megabyte before it
/// reads one is no deadlock. The signals reach every process that stayed in the group; one that made a session of its
/// own has left it, and is out of reach.
struct ProcessPump {
    /// How long output is read after the exit, when somebody else still holds the pipe.
    static let lastOutput: Duration = .seconds(1)

    let process: Launch.Running
    let control: ProcessControl
    /// Our ends; −1 when there is none. The pump closes them.
    var input: Int32
    var output: Int32
    var error: Int32

    private var unwritten = Data()
    private var isLifeline = false
    private var hasExited = false
    private var isStopping = false
    private var wasHeld = false
    private var killAt: ContinuousClock.Instant?
    private var readUntil: ContinuousClock.Instant?

    init(
        process: Launch.Running, control: ProcessControl, input: Int32, output: Int32, error: Int32,
        feeding content: ChildInput
    ) {
        self.process = process
        self.control = control
        self.input = input
        self.output = output
        self.error = error
        switch content {
        case .none: break
        case .bytes(let bytes): unwritten = bytes
        case .lifeline: isLifeline = true
        }
    }

    /// Returns when the process has exited, its output has been read and its group has been killed. Blocks: call it
    /// on a thread of its own, which is to end afterwards.
    mutating func run<Sink: OutputSink>(into sink: inout Sink) {
        // A handler that does not read its input must not end the worker. The signal stays pending on this thread,
        // and goes when the thread does; the process's disposition is not ours to change.
        var brokenPipe = sigset_t()
        sigemptyset(&brokenPipe)
        sigaddset(&brokenPipe, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &brokenPipe, nil)

        if !isLifeline, unwritten.isEmpty { closeInput() }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let wishes = control.read()
            obey(wishes)
            if hasExited, output < 0, error < 0 { break }
            let now = ContinuousClock.now
            if let readUntil, now >= readUntil, wishes.holds == 0 { break }
            if let killAt, now >= killAt {
                signalGroup(SIGKILL)
                self.killAt = nil
                if hasExited { break }
            }
            let ready = wait(reading: wishes.holds == 0, from: now, holding: wishes.holds > 0)
            if ready.exit { noticeExit() }
            if ready.input { feed() }
            if ready.output { Self.drain(&output, as: .output, &buffer, into: &sink) }
            if ready.error { Self.drain(&error, as: .error, &buffer, into: &sink) }
        }
        // The leader has exited but is not reaped, so the number of the group is still its own.
        signalGroup(SIGKILL)
        closeInput()
        // One buffer is one full pipe: whatever the child itself wrote is in it, even after a sink that was slow.
        Self.finish(&output, as: .output, &buffer, into: &sink)
        Self.finish(&error, as: .error, &buffer, into: &sink)
    }

    private mutating func obey(_ wishes: ProcessControl.Wishes) {
        if wishes.isKilled, !isStopping || killAt != nil {
            isStopping = true
            killAt = ContinuousClock.now
        } else if let grace = wishes.stop, !isStopping {
            isStopping = true
            signalGroup(SIGTERM)
            killAt = ContinuousClock.now + grace
        }
        // Whoever held the output back after the exit gets the last second for what was held back.
        if wasHeld, wishes.holds == 0, readUntil != nil { readUntil = ContinuousClock.now + Self.lastOutput }
        wasHeld = wishes.holds > 0
    }

    private mutating func noticeExit() {
        guard !hasExited else { return }
        hasExited = true
        readUntil = ContinuousClock.now + Self.lastOutput
        closeInput()
    }

    private func wait(
        reading: Bool, from now: ContinuousClock.Instant, holding: Bool
    ) -> (exit: Bool, input: Bool, output: Bool, error: Bool) {
        // `poll` skips negative descriptors.
        var watched = [
            pollfd(fd: control.wakeInput, events: Int16(POLLIN), revents: 0),
            pollfd(fd: hasExited ? -1 : process.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: isLifeline ? -1 : input, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: reading ? output : -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: error, events: Int16(POLLIN), revents: 0),
        ]
        let next = [killAt, holding ? nil : readUntil].compactMap { $0 }.min()
        var milliseconds: Int32 = -1
        // Rounded up: waking early would only mean turning once more.
        if let next { milliseconds = Int32(clamping: max(0, (next - now).inMilliseconds + 1)) }
        guard poll(&watched, nfds_t(watched.count), milliseconds) > 0 else { return (false, false, false, false) }
        return (watched[1].revents != 0, watched[2].revents != 0, watched[3].revents != 0, watched[4].revents != 0)
    }

    private mutating func feed() {
        let written = unwritten.withUnsafeBytes { write(input, $0.baseAddress, $0.count) }
        if written < 0 {
            // EPIPE: the handler has closed its input. That is its good right, and says nothing about its success.
            if errno != EAGAIN && errno != EINTR { closeInput() }
            return
        }
        unwritten = unwritten.dropFirst(written)
        if unwritten.isEmpty { closeInput() }
    }

    private static func drain<Sink: OutputSink>(
        _ descriptor: inout Int32, as stream: ChildStream, _ buffer: inout [UInt8], into sink: inout Sink
    ) {
        let count = read(descriptor, &buffer, buffer.count)
        if count > 0 {
            buffer.withUnsafeBytes { sink.take(UnsafeRawBufferPointer(rebasing: $0[..<count]), from: stream) }
        } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
            close(descriptor)
            descriptor = -1
            sink.end(stream)
        }
    }

    private static func finish<Sink: OutputSink>(
        _ descriptor: inout Int32, as stream: ChildStream, _ buffer: inout [UInt8], into sink: inout Sink
    ) {
        if descriptor >= 0 { drain(&descriptor, as: stream, &buffer, into: &sink) }
        guard descriptor >= 0 else { return }
        close(descriptor)
        descriptor = -1
        sink.end(stream)
    }

    private mutating func closeInput() {
        guard input >= 0 else { return }
        close(input)
        input = -1
        unwritten = Data()
    }

    private func signalGroup(_ signal: Int32) {
        precondition(process.id > 1, "a process group below 2 is not a child's")
        if !hasExited { control.noteSignal() }
        _ = kill(-process.id, signal)
    }
}
