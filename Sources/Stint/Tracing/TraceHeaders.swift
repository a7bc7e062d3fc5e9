import StintCore
import StintWire
import Tracing

/// The place in a trace that a job continues, as text that travels with it: what the tracer of the enqueuing process
/// wrote down for the tracer of the one that runs it, such as `traceparent` of W3C Trace Context.
///
/// Empty, and then without any memory of its own, wherever nothing is traced.
///
/// A trace never costs a job its enqueue, so nothing is refused here: a header that breaks a limit of the broker's is left
/// out.
package struct TraceHeaders: Hashable, Sendable {
    package struct Header: Hashable, Sendable {
        package let key: String
        package var value: String
    }

    package private(set) var headers: [Header] = []

    package init() {}

    package var isEmpty: Bool { headers.isEmpty }

    private var bytes: Int { headers.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count } }

    package subscript(key: String) -> String? { headers.first { $0.key == key }?.value }

    /// Adds a header, or replaces the one of that name. One that does not fit leaves everything as it was.
    package mutating func set(_ value: String, for key: String) {
        let place = headers.firstIndex { $0.key == key }
        let more = value.utf8.count + (place.map { -headers[$0].value.utf8.count } ?? key.utf8.count)
        guard (1...Limits.traceKeyBytesMax).contains(key.utf8.count),
            value.utf8.count <= Limits.traceValueBytesMax, bytes + more <= Limits.traceBytesMax,
            place != nil || headers.count < Limits.traceHeadersMax
        else { return }
        if let place { headers[place].value = value } else { headers.append(Header(key: key, value: value)) }
    }
}

// MARK: On the wire

extension TraceHeaders {
    init(_ extras: Stint_V1_JobExtras) {
        for header in extras.trace where self[header.key] == nil { set(header.value, for: header.key) }
    }

    /// About what they take on the wire.
    var wireBytes: Int { isEmpty ? 0 : bytes + 8 * headers.count + 8 }

    var encoded: [Stint_V1_TraceHeader] {
        headers.map { header in
            var message = Stint_V1_TraceHeader()
            message.key = header.key
            message.value = header.value
            return message
        }
    }
}

// MARK: For instruments

/// Through this an instrument writes into ``TraceHeaders`` and reads from them.
struct TraceHeadersCarrier: Injector, Extractor {
    func inject(_ value: String, forKey key: String, into headers: inout TraceHeaders) { headers.set(value, for: key) }
    func extract(key: String, from headers: TraceHeaders) -> String? { headers[key] }
}
