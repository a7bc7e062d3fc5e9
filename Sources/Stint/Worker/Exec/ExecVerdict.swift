import Foundation
import Glibc

/// What an attempt's process said and how it ended, weighed into one end of the attempt. The first that applies:
///
/// | | ends as |
/// |---|---|
/// | the attempt was cancelled (also by its timeout) before it ended | cancelled; the worker knows which |
/// | it was stopped for too much output | failed |
/// | it said `fail` | failed, as it said |
/// | a signal ended it | crashed |
/// | it made a mistake in the protocol | errored |
/// | one of its lines was cut | failed |
/// | it said `snooze` | snoozed |
/// | exit code 0 | completed |
/// | exit code 64, 65, 78 | failed for good (`EX_USAGE`, `EX_DATAERR`, `EX_CONFIG` of sysexits.h) |
/// | exit code 75 and any other | failed, to be tried again (`EX_TEMPFAIL`) |
///
/// So a result and an exit code other than 0 is a failure: a program that says both is not to be trusted with either.
/// 126 and 127 are ordinary failures here, because the program did start and they are its own; a program that cannot
/// be started is noticed before there is anything to weigh.
struct ExecVerdict {
    static let permanentCodes: Set<Int32> = [64, 65, 78]
    /// The handler's last line in a message, at most.
    static let quotedCharactersMax = 1_000

    let wasCancelled: Bool
    let wasStopped: Bool
    let word: HandlerConversation.Word?
    let mistake: String?
    let excess: String?
    let lastErrorLine: String?
    let plainResult: Data

    func end(after ending: ProcessEnding) -> AttemptEnd {
        if wasCancelled { return .cancelled }
        if wasStopped, let excess { return .failed(message: excess, permanent: false, retryAfter: nil) }
        if case .fail(let message, let permanent, let retryAfter) = word {
            return .failed(message: message, permanent: permanent, retryAfter: retryAfter)
        }
        let code: Int32
        switch ending {
        case .signalled(let signal):
            let hint = signal == SIGKILL ? "; out of memory?" : ""
            return .crashed(message: "ended by signal \(signal) (\(ProcessEnding.name(ofSignal: signal)))\(hint)")
        case .exited(let exitCode):
            code = exitCode
        }
        if let mistake { return .errored(message: mistake) }
        if let excess { return .failed(message: excess, permanent: false, retryAfter: nil) }
        if case .snooze(let wait) = word { return .snoozed(wait) }
        guard code == 0 else {
            let said = lastErrorLine.map { ": \($0.prefix(Self.quotedCharactersMax))" } ?? ""
            return .failed(
                message: "exited with code \(code)\(said)", permanent: Self.permanentCodes.contains(code),
                retryAfter: nil)
        }
        if case .result(let value) = word { return .completed(result: value) }
        return .completed(result: plainResult)
    }
}
