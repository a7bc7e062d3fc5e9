import Foundation
import StintCore

/// The one line a handler reads: the job, and its payload exactly as it was enqueued.
///
///     {"job":{"id":"0198…","type":"resize","attempt":1,"attempts_max":4,"priority":0,"fence":"0000…",
///             "timeout_ms":60000,"checkpoint":null},"payload":{"path":"cat.png"}}
///
/// Put together from text rather than encoded, so that payload and checkpoint keep their spelling. Then end of file.
enum ExecInput {
    static func line(for attempt: Attempt, payload: JSONText) -> Data {
        let checkpoint = attempt.checkpoint.flatMap { JSONText(validating: Array($0)) }?.line
        var line = Data(#"{"job":{"id":"\#(attempt.id)","type":"#.utf8)
        line += JSONText.quoted(attempt.type)
        line += Data(
            #"""
            ,"attempt":\#(attempt.number),"attempts_max":\#(attempt.attemptsMax),"priority":\#(attempt.priority),\#
            "fence":"\#(attempt.token)","timeout_ms":\#(attempt.timeout.inMilliseconds),"checkpoint":
            """#.utf8)
        line += checkpoint ?? Data("null".utf8)
        line += Data(#"},"payload":"#.utf8)
        line += payload.line
        line += Data("}\n".utf8)
        return line
    }
}
