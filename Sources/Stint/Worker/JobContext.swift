import Foundation
import Logging
import StintCore

/// What a handler knows of the job it runs, and what it can say while it runs.
///
/// Everything said here travels with the lease: once the lease is lost, it is refused and the task is
/// cancelled.
public struct JobContext: Sendable {
    public let id: JobID
    /// The type under which the job was enqueued.
    public let type: String
    /// Which attempt this is, from 1.
    public let attempt: Int
    /// Attempts the job has in all.
    public let attemptsMax: Int
    public let priority: Int
    /// Rises with every lease ever granted. Keep it beside a side effect and refuse smaller ones, and
    /// a handler that was presumed dead cannot undo the work of its successor.
    public let fence: FencingToken
    /// When the attempt times out; the task is cancelled then.
    public let deadline: ContinuousClock.Instant
    /// Carries `job`, `type` and `attempt` as metadata. For the job's own log, use ``log(_:_:)``.
    public let logger: Logger
    /// What an earlier attempt saved with ``checkpoint(_:)``: JSON, nil in the first attempt.
    package let checkpointData: Data?

    package let channel: any JobChannel

    package init(
        id: JobID, type: String, attempt: Int, attemptsMax: Int, priority: Int, fence: FencingToken,
        deadline: ContinuousClock.Instant, logger: Logger, checkpointData: Data?, channel: any JobChannel
    ) {
        self.id = id
        self.type = type
        self.attempt = attempt
        self.attemptsMax = attemptsMax
        self.priority = priority
        self.fence = fence
        self.deadline = deadline
        self.logger = logger
        self.checkpointData = checkpointData
        self.channel = channel
    }

    /// Reports how far the work is. Cheap: reports are coalesced, the newest wins, none is written to disk
    /// before the attempt ends.
    ///
    /// - Parameters:
    ///   - fraction: 0…1.
    ///   - message: One line for people.
    ///   - step: Which of `steps` steps, from 1.
    public func progress(_ fraction: Double? = nil, message: String? = nil, step: Int? = nil, of steps: Int? = nil) {
        report(ProgressReport(fraction: fraction, message: message, step: step, steps: steps, fields: NoResult?.none))
    }

    /// Reports how far the work is, with fields of the type's own, which appear under `fields`.
    public func progress<Fields: Encodable & Sendable>(
        _ fraction: Double? = nil, message: String? = nil, step: Int? = nil, of steps: Int? = nil, fields: Fields
    ) {
        report(ProgressReport(fraction: fraction, message: message, step: step, steps: steps, fields: fields))
    }

    private func report<Fields: Encodable>(_ report: ProgressReport<Fields>) {
        // A progress report that cannot be encoded (a NaN, say) is dropped: it must not fail the job.
        if let data = try? PayloadCoding.encode(report) { channel.progress(data) }
    }

    /// Saves where the work stands, durably; the next attempt finds it with ``checkpoint(as:)``.
    /// At most 64 KiB of JSON.
    public func checkpoint<State: Encodable & Sendable>(_ state: State) async throws {
        try await channel.checkpoint(PayloadCoding.encode(state))
    }

    /// What the last attempt saved, or nil.
    public func checkpoint<State: Decodable>(as type: State.Type) throws -> State? {
        try checkpointData.map { try PayloadCoding.decode(type, from: $0) }
    }

    /// Adds a line to the job's own log, kept with the job. The last 64 KiB of an attempt are kept.
    public func log(_ message: String, _ level: Logger.Level = .info) {
        channel.log(level, message)
    }

    /// Enqueues a job that is committed together with the result of this one, or not at all: a chain
    /// can neither break nor fork.
    ///
    /// - Parameter id: A child with an id of its own choosing (derived from the payload, say) is made once, however
    ///   often the parent runs. The default derives one from this job's id and the number of children before it.
    /// - Returns: The id the child will have.
    /// - Throws: `EncodingError`, or ``EnqueueError`` when the payload is larger than 1 MiB.
    @discardableResult
    public func enqueue<Handler: JobHandler>(
        _ handler: Handler.Type, _ payload: Handler.Payload, id: JobID? = nil, options: JobOptions = JobOptions()
    ) throws -> JobID {
        try channel.enqueue(NewJob(type: handler.type, payload: payload, id: id, options: options))
    }

    /// Enqueues a child of a type that has no Swift handler here (an `exec` handler, say).
    @discardableResult
    public func enqueue(_ job: NewJob) throws -> JobID {
        try channel.enqueue(job)
    }
}

/// Where the words of a handler go. The worker's runner is one; a test's recorder another.
package protocol JobChannel: Sendable {
    func progress(_ report: Data)
    func checkpoint(_ state: Data) async throws
    func log(_ level: Logger.Level, _ message: String)
    func enqueue(_ job: NewJob) throws -> JobID
}

struct ProgressReport<Fields: Encodable>: Encodable {
    var fraction: Double?
    var message: String?
    var step: Int?
    var steps: Int?
    var fields: Fields?
}
