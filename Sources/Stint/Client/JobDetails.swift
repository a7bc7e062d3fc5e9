import Foundation
import StintCore
import StintWire

/// A job as the broker describes it. A listing leaves `payload`, `result`, `log` and `attempts` empty.
public struct JobDetails: Sendable {
    public let id: JobID
    public let type: String
    public let state: JobState
    public let priority: Int
    /// The attempt under way, or how many counted so far.
    public let attempt: Int
    public let attemptsMax: Int
    public let created: WallTime
    /// When it becomes, became or would have become ready.
    public let runAt: WallTime
    /// Of the attempt under way or the last one on record; nil before the first.
    public let started: WallTime?
    public let finished: WallTime?
    /// JSON.
    public let payload: Data?
    public let progress: Data?
    public let result: Data?
    /// Of the last attempt that ended badly.
    public let error: String?
    /// How the last attempt ended: completed, failed, errored, timed_out, expired, crashed, cancelled, snoozed.
    public let outcome: String?
    public let worker: String?
    public let cancelRequested: Bool
    /// Lines of the last attempt on record.
    public let log: String?
    /// Oldest first; the last one may be under way.
    public let attempts: [AttemptDetails]
    /// In which trace it was enqueued; empty: in none.
    package let trace: TraceHeaders

    /// One attempt of a job.
    public struct AttemptDetails: Sendable {
        public let number: Int
        /// Nil while it runs.
        public let outcome: String?
        public let error: String?
        public let worker: String?
        public let started: WallTime?
        public let finished: WallTime?
        /// The fencing token it ran under.
        public let fence: String
        public let log: String?
    }

    init?(_ message: Stint_V1_JobDetails) {
        guard let id = try? message.id.id(field: "job.id"), let state = message.state.state else { return nil }
        self.id = id
        self.state = state
        type = message.type
        priority = Int(message.priority)
        attempt = Int(message.attempt)
        attemptsMax = Int(message.attemptsMax)
        created = WallTime(milliseconds: message.createdMs)
        runAt = WallTime(milliseconds: message.runAtMs)
        started = message.startedMs.asTime
        finished = message.finishedMs.asTime
        payload = message.payload.nonEmpty
        progress = message.progress.nonEmpty
        result = message.result.nonEmpty
        error = message.error.nonEmpty
        outcome = message.outcome.nonEmpty
        worker = message.worker.nonEmpty
        cancelRequested = message.cancelRequested
        log = message.log.nonEmpty.map { String(decoding: $0, as: UTF8.self) }
        trace = TraceHeaders(message.extras)
        attempts = message.attempts.map { attempt in
            AttemptDetails(
                number: Int(attempt.number), outcome: attempt.outcome.nonEmpty, error: attempt.error.nonEmpty,
                worker: attempt.worker.nonEmpty, started: attempt.startedMs.asTime,
                finished: attempt.finishedMs.asTime, fence: attempt.fence,
                log: attempt.log.nonEmpty.map { String(decoding: $0, as: UTF8.self) })
        }
    }
}

/// Where the next page of a listing begins. Opaque; its text can be passed on.
public struct JobCursor: Hashable, Sendable, LosslessStringConvertible {
    let bytes: Data

    init(bytes: Data) { self.bytes = bytes }

    public init?(_ description: String) {
        guard let bytes = Data(base64Encoded: description), bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    public var description: String { bytes.base64EncodedString() }
}

/// The cluster at a glance.
public struct ClusterStatus: Sendable {
    public struct Counts: Hashable, Sendable {
        public let waiting, scheduled, ready, leased, completed, dead, cancelled: Int

        init(_ counts: Stint_V1_StateCounts) {
            waiting = Int(clamping: counts.waiting)
            scheduled = Int(clamping: counts.scheduled)
            ready = Int(clamping: counts.ready)
            leased = Int(clamping: counts.leased)
            completed = Int(clamping: counts.completed)
            dead = Int(clamping: counts.dead)
            cancelled = Int(clamping: counts.cancelled)
        }

        /// Jobs that are not over.
        public var unfinished: Int { waiting + scheduled + ready + leased }
    }

    public struct TypeStatus: Sendable {
        public let counts: Counts
        /// Connected workers that serve it; 0 means that its jobs wait for one.
        public let workers: Int
        /// Measured mean run time; nil before the first completion.
        public let mean: Duration?
    }

    public struct WorkerStatus: Sendable {
        public let name: String
        public let pool: String
        public let slots: Int
        /// Jobs it holds, those included that were sent ahead.
        public let busy: Int
        public let since: WallTime
        public let isDraining: Bool
        public let isConnected: Bool
        public let types: [String]
        /// Types whose handler cannot run there.
        public let withdrawn: [String]
        public let silent: Duration
        /// Its wall clock less the broker's, as it joined; nil: not told.
        public let clockAhead: Duration?
    }

    public struct OperationStatus: Sendable {
        public let number: Int
        public let kind: String
        /// Nil: all types.
        public let type: String?
        public let done: Int
        public let isPaused: Bool
        /// Changes with every step.
        public let lookedAt: Int
    }

    public let counts: Counts
    public let types: [String: TypeStatus]
    public let workers: [WorkerStatus]
    public let operations: [OperationStatus]
    public let since: WallTime
    public let isDraining: Bool
    public let storeBytes: Int
    /// The disk of the broker is nearly full: it takes no new jobs, and those that run can still finish.
    public let isStoreFull: Bool
    /// The life of the broker: at least the wall clock of its start, in seconds.
    public let epoch: Int
    /// Nil unless it was asked for.
    public let health: BrokerHealth?
    /// How often each limit was reached since the broker started, by its name; those that never were are absent. The
    /// names are in `docs/PROTOCOL.md`, "Limits".
    public let limits: [String: Int]

    init(_ message: Stint_V1_StatusAnswer) {
        counts = Counts(message.counts)
        var types: [String: TypeStatus] = [:]
        for type in message.types {
            types[type.name] = TypeStatus(
                counts: Counts(type.counts), workers: Int(type.workers),
                mean: type.meanMicroseconds == 0 ? nil : .microseconds(Int64(clamping: type.meanMicroseconds)))
        }
        self.types = types
        workers = message.workers.map { worker in
            WorkerStatus(
                name: worker.name, pool: worker.pool, slots: Int(worker.slots), busy: Int(worker.leases),
                since: WallTime(milliseconds: worker.sinceMs), isDraining: worker.draining,
                isConnected: worker.connected, types: worker.types, withdrawn: worker.withdrawn,
                silent: .milliseconds(Int64(clamping: worker.silentMs)),
                clockAhead: worker.clockAheadMs == 0 ? nil : .milliseconds(worker.clockAheadMs))
        }
        operations = message.operations.map {
            OperationStatus(
                number: Int(clamping: $0.number), kind: $0.kind, type: $0.type.nonEmpty, done: Int(clamping: $0.done),
                isPaused: $0.paused, lookedAt: Int(Int64(bitPattern: $0.lookedAt)))
        }
        since = WallTime(milliseconds: message.sinceMs)
        isDraining = message.draining
        storeBytes = Int(clamping: message.storeBytes)
        isStoreFull = message.storeFull
        epoch = Int(clamping: message.epoch)
        health = message.hasHealth ? BrokerHealth(message.health) : nil
        limits = Dictionary(
            message.limits.map { ($0.name, Int(clamping: $0.refused)) }, uniquingKeysWith: { first, _ in first })
    }
}

extension Collection {
    fileprivate var nonEmpty: Self? { isEmpty ? nil : self }
}

extension Int64 {
    fileprivate var asTime: WallTime? { self == 0 ? nil : WallTime(milliseconds: self) }
}
