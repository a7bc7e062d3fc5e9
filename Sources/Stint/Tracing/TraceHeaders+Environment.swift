import StintCore

/// The variables `TRACEPARENT` and `TRACESTATE`, by which a trace passes from a process to one that it starts: W3C Trace
/// Context under the names that OpenTelemetry gives it in an environment.
///
/// What is malformed counts as absent, as the standard says: a trace that is broken off hurts less than a job that is
/// not enqueued, or a handler that is not started.
extension TraceHeaders {
    /// What a handler's process is given.
    var variables: [(name: String, value: String)] {
        guard let parent = self["traceparent"], Self.isValid(parent: parent) else { return [] }
        guard let state = self["tracestate"], Self.isValid(state: state) else { return [("TRACEPARENT", parent)] }
        return [("TRACEPARENT", parent), ("TRACESTATE", state)]
    }

    /// What this process was given.
    package init(environment: [String: String]) {
        guard let parent = environment["TRACEPARENT"], Self.isValid(parent: parent) else { return }
        set(parent, for: "traceparent")
        guard let state = environment["TRACESTATE"], Self.isValid(state: state) else { return }
        set(state, for: "tracestate")
    }

    /// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`: version, trace, span, flags, in lower-case hexadecimal. Trace
    /// and span are not 0. A version after 00 may append fields of its own.
    static func isValid(parent: String) -> Bool {
        let parts = parent.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count >= 4, parts.prefix(4).map(\.count) == [2, 32, 16, 2],
            parts.prefix(4).joined().allSatisfy(isLowerHexadecimal), isVisible(parent)
        else { return false }
        let zero = UInt8(ascii: "0")
        guard !parts[1].allSatisfy({ $0 == zero }), !parts[2].allSatisfy({ $0 == zero }) else { return false }
        let version = Array(parts[0])
        return version == [zero, zero] ? parts.count == 4 : version != Array("ff".utf8)
    }

    /// Its members are other tracers' own; only what no variable or header can hold is refused.
    private static func isValid(state: String) -> Bool {
        (1...Limits.traceValueBytesMax).contains(state.utf8.count) && isVisible(state)
    }

    private static func isVisible(_ text: String) -> Bool {
        text.utf8.allSatisfy { (UInt8(ascii: " ")...UInt8(ascii: "~")).contains($0) }
    }

    private static func isLowerHexadecimal(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}
