import Foundation
import Logging
import StintCore

/// Everything that one attempt's process says, taken from its output as it comes: messages go to the job's channel,
/// other lines to its log. What decides the attempt (result, failure, a mistake) is kept for ``ExecVerdict``.
struct HandlerConversation: OutputSink {
    /// A final word of the handler. There is one at most.
    enum Word: Sendable {
        case result(Data)
        case fail(message: String, permanent: Bool, retryAfter: Duration?)
        case snooze(Duration)

        var name: String {
            switch self {
            case .result: "result"
            case .fail: "fail"
            case .snooze: "snooze"
            }
        }
    }

    private let spec: ExecSpec
    private let channel: any JobChannel
    private let control: ProcessControl
    private let checkpoints: CheckpointRelay

    private var output: LineSplitter
    private var error: LineSplitter
    private var raw = RawOutput()
    private var bytesSeen = 0
    private var linesLogged = 0
    private var linesDropped = 0

    private(set) var word: Word?
    /// The handler's first mistake: a malformed message, a second final word, a child that was refused.
    private(set) var mistake: String?
    /// The first limit that its output went past.
    private(set) var excess: String?
    /// It was the amount of output for which the process was told to stop.
    private(set) var wasStopped = false
    private(set) var lastErrorLine: String?

    init(spec: ExecSpec, channel: any JobChannel, control: ProcessControl, checkpoints: CheckpointRelay) {
        self.spec = spec
        self.channel = channel
        self.control = control
        self.checkpoints = checkpoints
        output = LineSplitter(bytesMax: spec.limits.lineBytesMax)
        error = LineSplitter(bytesMax: spec.limits.lineBytesMax)
    }

    /// The result when the handler gave none by message.
    var plainResult: Data {
        spec.output == .raw ? JSONText.quoted(raw.text) : Data("null".utf8)
    }

    mutating func take(_ bytes: UnsafeRawBufferPointer, from stream: ChildStream) {
        bytesSeen += bytes.count
        guard bytesSeen <= spec.limits.outputBytesMax else {
            // What is written from here on is read, so that the handler can stop in order, and thrown away.
            stopForOutput()
            return
        }
        switch stream {
        case .error:
            for line in error.feed(bytes) { hearError(line) }
        case .output where spec.output == .raw:
            raw.take(bytes)
        case .output:
            for line in output.feed(bytes) { hear(line) }
        }
    }

    mutating func end(_ stream: ChildStream) {
        switch stream {
        case .error:
            if let line = error.end() { hearError(line) }
        case .output:
            if let line = output.end() { hear(line) }
            if spec.output == .raw { for note in raw.notes { log(.warning, note) } }
        }
    }

    /// Said when both streams have ended: the log's last line counts the ones that are not in it.
    func close() {
        guard linesDropped > 0 else { return }
        channel.log(
            .warning,
            """
            \(linesDropped) more lines were dropped: the log of an attempt takes \(spec.limits.logLinesMax) lines.
            """)
    }

    private mutating func stopForOutput() {
        guard !wasStopped else { return }
        wasStopped = true
        excess = """
            the handler wrote more than \(spec.limits.outputBytesMax) bytes of output and was stopped. Write large \
            results to a file and report its name.
            """
        control.stop(grace: spec.grace)
    }

    private mutating func hearError(_ line: LineSplitter.Line) {
        lastErrorLine = line.text
        note(cut: line)
        log(.notice, line.text)
    }

    private mutating func hear(_ line: LineSplitter.Line) {
        note(cut: line)
        guard HandlerMessage.isMessage(line.bytes), !line.isCut else {
            log(.info, line.text)
            return
        }
        do throws(HandlerMessage.Malformed) {
            obey(try HandlerMessage(line.bytes))
        } catch {
            blame(error.sentence)
        }
    }

    private mutating func obey(_ message: HandlerMessage) {
        switch message {
        case .progress(let report): channel.progress(report)
        case .log(let level, let text): log(level, text)
        case .checkpoint(let state): checkpoints.save(state)
        case .enqueue(let jobs):
            for (index, job) in jobs.enumerated() {
                do {
                    _ = try channel.enqueue(job)
                } catch {
                    blame("job \(index) of a message \"enqueue\" was refused: \(error)")
                }
            }
        case .result(let value): conclude(.result(value))
        case .fail(let message, let permanent, let retryAfter):
            conclude(.fail(message: message, permanent: permanent, retryAfter: retryAfter))
        case .snooze(let wait): conclude(.snooze(wait))
        case .heartbeat: break
        }
    }

    private mutating func conclude(_ word: Word) {
        if let first = self.word {
            blame("the handler sent \"\(word.name)\" after \"\(first.name)\": one of result, fail and snooze, once.")
        } else {
            self.word = word
        }
    }

    private mutating func note(cut line: LineSplitter.Line) {
        guard line.isCut, excess == nil else { return }
        excess = """
            the handler wrote a line longer than \(spec.limits.lineBytesMax) bytes, which was cut. Write large results \
            to a file and report its name.
            """
    }

    private mutating func blame(_ sentence: String) {
        mistake = mistake ?? sentence
        log(.warning, sentence)
    }

    private mutating func log(_ level: Logger.Level, _ text: String) {
        guard linesLogged < spec.limits.logLinesMax else {
            linesDropped += 1
            return
        }
        linesLogged += 1
        channel.log(level, text)
    }
}
