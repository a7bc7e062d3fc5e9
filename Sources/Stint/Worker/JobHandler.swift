import StintCore

/// The work of one type of job.
///
///     struct ResizeImage: JobHandler {
///         static let type = "resize_image"
///         struct Payload: Codable, Sendable { var path: String; var width: Int }
///         struct Result: Codable, Sendable { var path: String }
///
///         func run(_ payload: Payload, _ context: JobContext) async throws -> Result {
///             Result(path: try await resize(payload.path, to: payload.width))
///         }
///     }
///
/// **Delivery.** At least once: after a crash a handler can run again, so make it idempotent, or
/// fence its side effects with ``JobContext/fence``.
/// **Failing.** Any thrown error fails the attempt, and the job is retried with backoff until its
/// attempts are used. Throw ``JobError`` to say more: `.permanent`, `.retry(after:)`, `.snooze(for:)`.
/// **Stopping.** A timeout, a cancelled job and a drain that ran out of time arrive as ordinary
/// `Task` cancellation.
/// **Payload.** One that does not decode is a permanent failure that names the field.
public protocol JobHandler: Sendable {
    associatedtype Payload: Codable & Sendable
    associatedtype Result: Codable & Sendable

    /// 1…128 characters of `A-Z a-z 0-9 . _ -`. It is what producers name, so it outlives the Swift type.
    static var type: String { get }

    /// Does the work of one attempt. What it returns is stored with the job, in the same commit that
    /// ends it and enqueues the children of ``JobContext/enqueue(_:_:id:options:)``.
    func run(_ payload: Payload, _ context: JobContext) async throws -> Result
}

/// The result of a handler that has none.
public struct NoResult: Codable, Hashable, Sendable {
    public init() {}
}

/// What a handler throws to say how its failure is to be taken. Every other error is recorded as
/// *errored* (crashed with an exception) and retried; this one as *failed* (reported).
public struct JobError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        case permanent
        case retry(after: Duration?)
        case snooze(for: Duration)
    }
    package let kind: Kind
    public let message: String

    /// The job can never succeed: it goes to the dead letters at once.
    public static func permanent(_ message: String) -> JobError { JobError(kind: .permanent, message: message) }

    /// Try again. Without `after` the type's backoff decides how long to wait.
    public static func retry(_ message: String, after: Duration? = nil) -> JobError {
        JobError(kind: .retry(after: after), message: message)
    }

    /// Not a failure: run the job again after this long, without using up an attempt.
    public static func snooze(for duration: Duration, _ message: String = "") -> JobError {
        JobError(kind: .snooze(for: duration), message: message)
    }

    public var description: String { message }
}
