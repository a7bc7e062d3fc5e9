import Foundation
import StintCore
import StintWire
import Tracing

/// A connection to a broker, for programs that enqueue jobs and look after them.
///
///     let client = try StintClient()                                // STINT_CLIENTS, or tcp://127.0.0.1:7411
///     let job = try await client.enqueue(ParsePaper.self, .init(path: "paper.pdf"))
///     let result = try await job.value
///
/// Safe to share between tasks. It reconnects by itself, also across a restart of the broker, and sends again what was not
/// answered. Call ``close()`` when it is no longer needed.
public final class StintClient: Sendable {
    public static let defaultEndpoint = "tcp://127.0.0.1:7411"

    public let endpoint: String
    let connection: ClientConnection
    private let ids = JobIDGenerator()
    private let tracer: (any Tracer)?

    /// Begins to connect and returns at once.
    ///
    /// - Parameters:
    ///   - endpoint: `tcp://host:port` or `ipc:///path`. Nil: the environment's `STINT_CLIENTS`, else
    ///     ``defaultEndpoint``.
    ///   - key: For a broker that is encrypted, which every broker on another host is. Nil: the environment's, if any.
    ///   - connectPatience: How long requests wait for a broker that is not there before they fail as unreachable.
    ///   - tracer: Of the spans of enqueues. Nil: the one of `InstrumentationSystem` at each; none is needed.
    /// - Throws: ``StintError`` with code `configuration` when the address or the key cannot be used.
    public init(
        connectingTo endpoint: String? = nil, key: ConnectionKey? = nil, connectPatience: Duration = .seconds(2),
        tracer: (any Tracer)? = nil
    ) throws {
        self.tracer = tracer
        self.endpoint =
            endpoint ?? ProcessInfo.processInfo.environment["STINT_CLIENTS"].flatMap { $0.isEmpty ? nil : $0 }
            ?? Self.defaultEndpoint
        connection = try ClientConnection(
            endpoint: self.endpoint, key: key ?? ConnectionKey(), connectPatience: connectPatience)
    }

    deinit { connection.close() }

    /// Whether the client's key is a producer's, which may not ask for the status.
    package var isProducer: Bool { connection.key?.role == "producer" }

    /// Ends the connection. Requests without an answer fail as closed.
    public func close() { connection.close() }

    // MARK: Enqueue

    /// Enqueues one job and returns once the broker has made it durable.
    ///
    /// **Delivery.** At least once: a handler can run again after a crash, so make it idempotent.
    /// **Retrying.** After an unknown outcome the job may or may not exist. Call again with the same `id`: the broker
    /// answers with the first job instead of making a second, for as long as that job is kept (at least 24 hours).
    ///
    /// - Parameters:
    ///   - payload: Encodes to at most 1 MiB of JSON.
    ///   - id: Nil: a fresh one.
    ///   - timeout: How long to wait for the broker's answer.
    /// - Throws: ``StintError``; `EncodingError`.
    public func enqueue<Handler: JobHandler>(
        _ handler: Handler.Type, _ payload: Handler.Payload, id: JobID? = nil, options: JobOptions = JobOptions(),
        timeout: Duration = .seconds(10)
    ) async throws -> JobHandle<Handler.Result> {
        let job = try NewJob(type: handler.type, payload: payload, id: id, options: options)
        let results = try await enqueueAll([job], timeout: timeout)
        return JobHandle(id: results[0].id, isDuplicate: results[0].isDuplicate, client: self)
    }

    /// Enqueues jobs in one atomic request: all are stored, or none is. Jobs that exist already are no reason to
    /// refuse.
    ///
    /// - Parameter jobs: 1…10 000, together at most about 4 MiB.
    /// - Returns: One answer per job, in order.
    public func enqueueAll(_ jobs: [NewJob], timeout: Duration = .seconds(10)) async throws -> [Enqueued] {
        guard !jobs.isEmpty else { return [] }
        guard let spans = SpanSource(tracer) else { return try await send(jobs, timeout) }
        var jobs = jobs
        if jobs.count == 1 { jobs[0].id = jobs[0].id ?? ids.next() }
        return try await spans.enqueue(jobs) { [jobs] trace in
            try await send(jobs.map { $0.continuing(trace) }, timeout)
        }
    }

    private func send(_ jobs: [NewJob], _ timeout: Duration) async throws -> [Enqueued] {
        let (groups, jobIDs, bytes) = try group(jobs)
        let answer = try await connection.request(bytes: bytes, timeout: timeout) { request in
            var message = Stint_V1_Enqueue()
            message.request = request
            message.groups = groups
            return .enqueue(message)
        }
        switch answer {
        case .enqueued(let duplicates):
            let places = Set(duplicates.map(Int.init))
            return jobIDs.enumerated().map { Enqueued(id: $1, isDuplicate: places.contains($0)) }
        case .refused(let refusal): throw StintError(refusal)
        case .message: throw StintError(Refusal(.invalid, "the broker gave an answer that does not belong here"))
        }
    }

    /// One answer of ``enqueueAll(_:timeout:)``.
    public struct Enqueued: Hashable, Sendable {
        public let id: JobID
        /// A job with this id, type and payload existed already.
        public let isDuplicate: Bool
    }

    /// Columns for the wire; neighbours with the same type and options share a group.
    private func group(_ jobs: [NewJob]) throws -> (groups: [Stint_V1_JobGroup], ids: [JobID], bytes: Int) {
        guard jobs.count <= Limits.enqueueJobsMax else {
            throw StintError(
                Refusal(
                    .invalid, "\(jobs.count) jobs in one request, over the limit of \(Limits.enqueueJobsMax); split it")
            )
        }
        var builder = JobGroupsBuilder()
        var jobIDs: [JobID] = []
        jobIDs.reserveCapacity(jobs.count)
        for job in jobs {
            let id = job.id ?? ids.next()
            try builder.add(job, id: id)
            jobIDs.append(id)
        }
        guard builder.bytes <= Limits.messageBytesMax - 65_536 else {
            throw StintError(
                Refusal(
                    .invalid,
                    "a request of \(builder.bytes) bytes is over the limit of \(Limits.messageBytesMax); split it"))
        }
        return (builder.groups, jobIDs, builder.bytes)
    }

    /// A fresh id: later ones sort later.
    public func nextJobID() -> JobID { ids.next() }

    // MARK: One job

    /// A handle on a job that exists.
    public func handle<Result: Decodable & Sendable>(_ id: JobID, as type: Result.Type) -> JobHandle<Result> {
        JobHandle(id: id, isDuplicate: true, client: self)
    }

    /// Everything about a job.
    ///
    /// - Throws: ``StintError``, `notFound` when there is none.
    public func job(_ id: JobID, timeout: Duration = .seconds(10)) async throws -> JobDetails {
        let answer = try await ask(timeout) { request in
            var message = Stint_V1_GetJob()
            message.request = request
            message.id = Data(id)
            return .getJob(message)
        }
        guard case .jobAnswer(let job) = answer, let details = JobDetails(job.job) else { throw Self.strangeAnswer }
        return details
    }

    /// What a cancel did.
    public enum CancelOutcome: Hashable, Sendable {
        /// It will not run.
        case cancelled
        /// It is running; its handler was told and has its grace to stop.
        case requested
    }

    /// Keeps a job from running (again).
    ///
    /// - Throws: ``StintError``: `notFound`, `wrongState` when it is over already.
    public func cancel(_ id: JobID, timeout: Duration = .seconds(10)) async throws -> CancelOutcome {
        let requestID = Data.randomRequestID()
        let answer = try await ask(timeout, repeating: .cancel) { request in
            var message = Stint_V1_Cancel()
            message.request = request
            message.requestID = requestID
            message.id = Data(id)
            return .cancel(message)
        }
        guard case .cancelled(let cancelled) = answer else { throw Self.strangeAnswer }
        return cancelled.wasRunning ? .requested : .cancelled
    }

    // MARK: Many jobs

    /// A page of jobs. Few jobs of one type among many others may take the broker several steps to find.
    ///
    /// - Parameters:
    ///   - state: Nil: jobs in any state, newest first. `ready` comes next to run first, `scheduled` and `waiting` next
    ///     due first, final states last finished first.
    ///   - limit: 1…1 000.
    ///   - cursor: From the page before.
    public func jobs(
        state: JobState? = nil, type: String? = nil, limit: Int = 50, cursor: JobCursor? = nil,
        timeout: Duration = .seconds(10)
    ) async throws -> (jobs: [JobDetails], next: JobCursor?) {
        var found: [JobDetails] = []
        var next = cursor
        repeat {
            let page = try await jobsOfOneStep(state, type, limit - found.count, next, timeout)
            found += page.jobs
            next = page.next
        } while found.count < limit && next != nil
        return (found, next)
    }

    private func jobsOfOneStep(
        _ state: JobState?, _ type: String?, _ limit: Int, _ cursor: JobCursor?, _ timeout: Duration
    ) async throws -> (jobs: [JobDetails], next: JobCursor?) {
        let answer = try await ask(timeout) { request in
            var message = Stint_V1_ListJobs()
            message.request = request
            message.state = Stint_V1_JobState(state)
            message.type = type ?? ""
            message.limit = UInt32(max(0, limit))
            message.cursor = cursor?.bytes ?? Data()
            return .listJobs(message)
        }
        guard case .jobsAnswer(let page) = answer else { throw Self.strangeAnswer }
        return (page.jobs.compactMap(JobDetails.init), page.cursor.isEmpty ? nil : JobCursor(bytes: page.cursor))
    }

    /// Counts by state and type, workers, operations. From counts that are kept, so it costs the same however many
    /// jobs there are.
    ///
    /// - Parameter withHealth: Also ``ClusterStatus/health``, which costs the broker a look at every lease.
    public func status(withHealth: Bool = false, timeout: Duration = .seconds(10)) async throws -> ClusterStatus {
        let answer = try await ask(timeout) { request in
            var message = Stint_V1_GetStatus()
            message.request = request
            message.health = withHealth
            return .getStatus(message)
        }
        guard case .statusAnswer(let status) = answer else { throw Self.strangeAnswer }
        return ClusterStatus(status)
    }

    // MARK: Dead letters

    /// Which dead jobs.
    public enum DeadSelection: Hashable, Sendable {
        /// At most 1 000; all of them or, if one is not dead, none.
        case ids([JobID])
        case type(String)
        case all
    }

    /// Puts dead jobs back into their lines: same ids, fresh attempts, history kept.
    ///
    /// - Parameter dryRun: Only say how many it would be.
    /// - Returns: How many jobs, and the number of the operation that carries it out step by step; 0 when it is done.
    public func replayDead(
        _ selection: DeadSelection, dryRun: Bool = false, timeout: Duration = .seconds(10)
    ) async throws -> (jobs: Int, operation: Int) {
        let requestID = Data.randomRequestID()
        let answer = try await ask(timeout, repeating: dryRun ? .question : .replay) { request in
            var message = Stint_V1_ReplayDead()
            message.request = request
            message.requestID = requestID
            message.selection = Stint_V1_DeadSelection(selection)
            message.dryRun = dryRun
            return .replayDead(message)
        }
        return try Self.operation(answer)
    }

    /// Removes dead jobs for good, with their history. Returns as ``replayDead(_:dryRun:timeout:)``.
    public func discardDead(
        _ selection: DeadSelection, dryRun: Bool = false, timeout: Duration = .seconds(10)
    ) async throws -> (jobs: Int, operation: Int) {
        let requestID = Data.randomRequestID()
        let answer = try await ask(timeout, repeating: dryRun ? .question : .discard) { request in
            var message = Stint_V1_DiscardDead()
            message.request = request
            message.requestID = requestID
            message.selection = Stint_V1_DeadSelection(selection)
            message.dryRun = dryRun
            return .discardDead(message)
        }
        return try Self.operation(answer)
    }

    private static func operation(
        _ answer: Stint_V1_Envelope.OneOf_Message
    ) throws -> (jobs: Int, operation: Int) {
        guard case .operationAnswer(let operation) = answer else { throw strangeAnswer }
        return (Int(clamping: operation.jobs), Int(clamping: operation.operation))
    }

    // MARK: The audit log

    /// A part of the audit log, oldest first.
    ///
    /// - Parameters:
    ///   - number: Only records after this one.
    ///   - limit: 1…1 000.
    /// - Returns: The records, and the number of the last of all.
    package func audit(
        after number: Int, limit: Int, timeout: Duration = .seconds(10)
    ) async throws -> (rows: [AuditRow], last: Int) {
        let answer = try await ask(timeout) { request in
            var message = Stint_V1_GetAudit()
            message.request = request
            message.after = UInt64(max(0, number))
            message.limit = UInt32(max(0, limit))
            return .getAudit(message)
        }
        guard case .auditAnswer(let page) = answer, let rows = try? page.records.map({ try $0.row() }) else {
            throw Self.strangeAnswer
        }
        return (rows, Int(clamping: page.last))
    }

    // MARK: Asking

    private static let strangeAnswer = StintError(
        Refusal(.invalid, "the broker gave an answer that does not belong to the request; are both of one release?"))

    private func ask(
        _ timeout: Duration, repeating repetition: StintError.Repetition = .question,
        _ make: (UInt64) -> Stint_V1_Envelope.OneOf_Message
    ) async throws -> Stint_V1_Envelope.OneOf_Message {
        let answer: ClientConnection.Answer
        do {
            answer = try await connection.request(timeout: timeout, make)
        } catch let error as StintError where error.code == .outcomeUnknown {
            throw StintError.outcomeUnknown(after: timeout, of: repetition)
        }
        switch answer {
        case .message(let message): return message
        case .refused(let refusal): throw StintError(refusal)
        case .enqueued: throw Self.strangeAnswer
        }
    }
}

extension Stint_V1_DeadSelection {
    init(_ selection: StintClient.DeadSelection) {
        self.init()
        switch selection {
        case .ids(let ids): self.ids = Data(ids: ids)
        case .type(let type): self.type = type
        case .all: all = true
        }
    }
}

extension Data {
    static func randomRequestID() -> Data { Data(JobID(high: .random(in: 1 ... .max), low: .random(in: 0 ... .max))) }
}
