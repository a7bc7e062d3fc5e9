import StintCore

/// The variables of a handler's process: an allow-list, never the worker's environment, which may hold the broker's
/// keys or other people's passwords.
///
/// | variable | value |
/// |---|---|
/// | `PATH` `HOME` `LANG` `TZ` `TMPDIR` | the worker's own, where it has them |
/// | the specification's additions | as written; they may replace the ones above |
/// | `STINT_JOB` | the job's id |
/// | `STINT_TYPE` | the type under which it was enqueued |
/// | `STINT_ATTEMPT` | from 1 |
/// | `STINT_FENCE` | the fencing token, 32 hexadecimal digits that compare as text |
/// | `STINT_TIMEOUT_MS` | how long the attempt may take |
/// | `TRACEPARENT` `TRACESTATE` | where its trace goes on, when the job has one |
enum ExecEnvironment {
    static let inherited = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"]
    /// For a worker that was started without any.
    static let pathFallback = "/usr/local/bin:/usr/bin:/bin"

    static func variables(
        for attempt: Attempt, additions: [String: String], own: [String: String]
    ) -> [String: String] {
        var variables = own.filter { inherited.contains($0.key) }
        variables["PATH"] = variables["PATH"] ?? pathFallback
        variables.merge(additions) { _, addition in addition }
        variables["STINT_JOB"] = attempt.id.description
        variables["STINT_TYPE"] = attempt.type
        variables["STINT_ATTEMPT"] = String(attempt.number)
        variables["STINT_FENCE"] = attempt.token.description
        variables["STINT_TIMEOUT_MS"] = String(attempt.timeout.inMilliseconds)
        for (name, value) in attempt.trace.variables { variables[name] = value }
        return variables
    }

    static func isValid(name: String) -> Bool {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard let first = name.utf8.first, !digits.contains(first) else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}
