import Foundation
import StintCore

/// How one job differs from the policy of its type.
public struct JobOptions: Hashable, Sendable {
    /// When a job may run.
    public enum Start: Hashable, Sendable {
        case atOnce
        /// Not before then.
        case at(WallTime)
        /// Not before this long after the broker took it; at most ten years. Safer than ``at(_:)`` between hosts
        /// whose clocks differ.
        case after(Duration)
    }

    /// −100…100; higher runs first. Within one priority, first come first served.
    public var priority: Int
    public var start: Start
    /// Attempts before the job is dead, 1…1 000. Nil: the type's policy (4 unless configured).
    public var attempts: Int?

    public init(priority: Int = 0, start: Start = .atOnce, attempts: Int? = nil) {
        self.priority = priority
        self.start = start
        self.attempts = attempts
    }
}

/// A job that is not enqueued yet.
public struct NewJob: Sendable {
    public var type: String
    /// JSON, at most 1 MiB.
    public var payload: Data
    /// Nil: the client makes one.
    public var id: JobID?
    public var options: JobOptions
    /// Empty: it continues the trace in which it is enqueued, if there is one.
    package var trace = TraceHeaders()

    public init(type: String, json payload: Data, id: JobID? = nil, options: JobOptions = JobOptions()) {
        self.type = type
        self.payload = payload
        self.id = id
        self.options = options
    }

    /// - Throws: `EncodingError`.
    public init<Payload: Encodable>(
        type: String, payload: Payload, id: JobID? = nil, options: JobOptions = JobOptions()
    ) throws {
        try self.init(type: type, json: PayloadCoding.encode(payload), id: id, options: options)
    }

    /// The same job in this trace, unless it brought one of its own.
    func continuing(_ trace: TraceHeaders) -> NewJob {
        guard self.trace.isEmpty else { return self }
        var job = self
        job.trace = trace
        return job
    }
}

/// How payloads, results and progress become JSON. Keys are sorted, because the order of Foundation's encoder differs
/// per run and the broker compares digests: the same value must give the same bytes.
package enum PayloadCoding {
    package static func encode<Value: Encodable>(_ value: Value) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
        try JSONDecoder().decode(type, from: data)
    }
}
