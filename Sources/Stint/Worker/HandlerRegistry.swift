import Foundation
import Logging
import StintCore

/// The types a worker serves, each with the one way to run it. Filled explicitly, at start; there is no global list.
///
///     var handlers = HandlerRegistry()
///     handlers.register(ParsePaper())
///     handlers.register("checksum") { (payload: Path, context) in try checksum(of: payload) }
public struct HandlerRegistry: Sendable {
    package private(set) var runners: [String: AttemptRunner] = [:]

    public init() {}

    /// The types, sorted.
    public var types: [String] { runners.keys.sorted() }

    /// Serves the type of this handler.
    public mutating func register<Handler: JobHandler>(_ handler: Handler) {
        register(Handler.type) { payload, context in try await handler.run(payload, context) }
    }

    /// Serves a type with a closure.
    ///
    /// - Precondition: The name is valid (1…128 of `A-Z a-z 0-9 . _ -`) and not registered yet.
    public mutating func register<Payload: Decodable & Sendable, Result: Encodable & Sendable>(
        _ type: String, _ body: @escaping @Sendable (Payload, JobContext) async throws -> Result
    ) {
        register(type) { attempt, channel, logger in
            let payload: Payload
            do {
                payload = try PayloadCoding.decode(Payload.self, from: attempt.payload)
            } catch {
                return .failed(
                    message: PayloadProblem.describe(error, type: attempt.type), permanent: true, retryAfter: nil)
            }
            let context = JobContext(attempt: attempt, channel: channel, logger: logger)
            do {
                let result = try await body(payload, context)
                return .completed(result: try PayloadCoding.encode(result))
            } catch {
                return AttemptEnd(thrown: error)
            }
        }
    }

    /// Serves a type with a runner that sees the bare attempt.
    package mutating func register(_ type: String, runner: @escaping AttemptRunner) {
        precondition(TypeName.isValid(type), "\"\(type)\" is not a valid type name: \(TypeName.rule)")
        precondition(runners[type] == nil, "type \"\(type)\" is registered twice")
        runners[type] = runner
    }
}

extension JobContext {
    package init(attempt: Attempt, channel: any JobChannel, logger: Logger) {
        var logger = logger
        logger[metadataKey: "job"] = "\(attempt.id)"
        logger[metadataKey: "type"] = "\(attempt.type)"
        logger[metadataKey: "attempt"] = "\(attempt.number)"
        self.init(
            id: attempt.id, type: attempt.type, attempt: attempt.number, attemptsMax: attempt.attemptsMax,
            priority: attempt.priority, fence: attempt.token, deadline: .now.advanced(by: attempt.timeout),
            logger: logger, checkpointData: attempt.checkpoint, channel: channel)
    }
}

extension AttemptEnd {
    init(thrown error: any Error) {
        guard let error = error as? JobError else {
            self = .errored(message: String(String(describing: error).prefix(4096)), thrown: error)
            return
        }
        switch error.kind {
        case .permanent: self = .failed(message: error.message, permanent: true, retryAfter: nil)
        case .retry(let after): self = .failed(message: error.message, permanent: false, retryAfter: after)
        case .snooze(let duration): self = .snoozed(duration)
        }
    }
}

/// Says which field of a payload did not decode, never what was in it.
enum PayloadProblem {
    static func describe(_ error: any Error, type: String) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            "payload of \"\(type)\" lacks the field \"\(path(context.codingPath + [key]))\""
        case DecodingError.typeMismatch(let expected, let context),
            DecodingError.valueNotFound(let expected, let context):
            "payload of \"\(type)\" has no \(expected) in the field \"\(path(context.codingPath))\""
        case DecodingError.dataCorrupted(let context):
            "payload of \"\(type)\" is not valid in the field \"\(path(context.codingPath))\""
        default:
            "payload of \"\(type)\" does not decode"
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        keys.isEmpty
            ? "(whole payload)" : keys.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    }
}
