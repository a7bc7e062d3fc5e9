import Foundation
import StintCore
import StintStore
import StintWire

// Questions that change nothing. Rows come from the store as of the last commit; leases, which are on no row, from memory.

extension BrokerTurn {
    /// What an answer costs, for the share that questions have of a turn: details of a job are several rows of several
    /// tables, and a look at what is in memory is cheap.
    private static let rowsOfDetails = 4
    private static let entriesPerRow = 256
    private static let walkedPerRow = 8
    /// What the parts of an answer that grow may take together; payload and result of one job fit beside them.
    private static let answerBytesMax = 1_572_864

    mutating func job(_ message: Stint_V1_GetJob, from session: SessionID) throws {
        let id = try message.id.id(field: "get_job.id")
        // All attempts as a rule; of a very long history the oldest are left out.
        let stored = try reader.details(id, attemptBytesMax: Self.answerBytesMax)
        rowsRead += Self.rowsOfDetails + (stored?.attempts.count ?? 0)
        guard let stored else {
            return refuse(.noJob(id), request: message.request, to: session)
        }
        var answer = Stint_V1_JobAnswer()
        answer.request = message.request
        answer.job = describe(stored)
        self.answer(.jobAnswer(answer), to: session)
    }

    mutating func jobs(_ message: Stint_V1_ListJobs, from session: SessionID) throws {
        guard (1...Limits.listMax).contains(Int(message.limit)) else {
            throw WireError.outOfRange(
                field: "list_jobs.limit", value: Int(message.limit), allowed: 1...Limits.listMax)
        }
        var answer = Stint_V1_JobsAnswer()
        answer.request = message.request
        var type: TypeIndex?
        if !message.type.isEmpty {
            guard let known = state.lines.index(of: message.type) else {
                self.answer(.jobsAnswer(answer), to: session)
                return
            }
            type = known
        }
        // A page is cut before it takes a turn for itself; the next one goes on from there.
        let limit = min(Int(message.limit), bounds.listRows)
        let after = try message.cursor.isEmpty ? nil : reader.row(message.cursor.id(field: "list_jobs.cursor"))
        guard message.cursor.isEmpty || after != nil else {
            let sentence = "the job at which the page began is gone; list from the start again"
            return refuse(Refusal(.notFound, sentence), request: message.request, to: session)
        }
        let page =
            if message.state == .leased {
                try leased(type: type, limit: limit, after: after)
            } else {
                try list(JobQuery(state: message.state.state, type: type, limit: limit, after: after))
            }
        var bytes = 0
        for job in page.jobs {
            let described = describe(job)
            bytes += 512 + described.error.utf8.count + described.progress.count + job.extras.count
            // A page is also bounded in bytes; the next one begins where this one had to end.
            guard bytes <= Self.answerBytesMax || answer.jobs.isEmpty else { break }
            answer.jobs.append(described)
        }
        let last = answer.jobs.count < page.jobs.count ? page.jobs[answer.jobs.count - 1].row : page.last
        if let last { answer.cursor = Data(last.id) }
        self.answer(.jobsAnswer(answer), to: session)
    }

    /// A page of rows. Leased jobs say `ready` on disk and are left out of a listing of ready ones; the page is then
    /// filled up from further on.
    private mutating func list(_ wanted: JobQuery) throws -> JobListing {
        var query = wanted
        var page = try reader.list(query)
        rowsRead += page.jobs.count + (query.isWalk ? JobListing.walkMax / Self.walkedPerRow : 0)
        guard wanted.state == .ready else { return page }
        var found: [StoredJob] = []
        while true {
            for job in page.jobs where !isLeased(job.row.id) {
                found.append(job)
                if found.count == wanted.limit { return JobListing(jobs: found, last: job.row) }
            }
            // Those that are leased are walked over, and there is a bound to that, too.
            guard page.last != nil, rowsRead < JobListing.walkMax else {
                return JobListing(jobs: found, last: page.last)
            }
            query.after = page.last
            page = try reader.list(query)
            rowsRead += page.jobs.count
        }
    }

    private func isLeased(_ id: JobID) -> Bool {
        guard let slot = state.jobs.slot(of: id) else { return false }
        return state.jobs[slot].place == .leased
    }

    /// The leases, by serial; their number is bounded by the credit of the workers.
    private mutating func leased(type: TypeIndex?, limit: Int, after: JobRow?) throws -> JobListing {
        var rows: [JobRow] = []
        for entry in state.jobs.entries where entry.place == .leased && entry.lease.grant >= 0 {
            if let type, entry.row.type != type { continue }
            if let after, entry.row.serial <= after.serial { continue }
            rows.append(entry.row)
        }
        rows.sort { $0.serial < $1.serial }
        let page = rows.prefix(limit)
        rowsRead += state.jobs.entries.count / Self.entriesPerRow + page.count * Self.rowsOfDetails
        let jobs = try page.compactMap { try reader.details($0.id, attemptBytesMax: 0) }.map { stored in
            var brief = stored
            brief.payload = []
            return brief
        }
        return JobListing(jobs: jobs, last: page.count < rows.count ? page.last : nil)
    }

    private func describe(_ stored: StoredJob) -> Stint_V1_JobDetails {
        let row = stored.row
        var job = Stint_V1_JobDetails()
        job.id = Data(row.id)
        job.type = state.lines[row.type].name
        job.state = Stint_V1_JobState(row.state)
        job.priority = Int32(row.priority)
        job.attempt = UInt32(row.attempt)
        job.attemptsMax = UInt32(row.attemptsMax)
        job.createdMs = row.createdAt.milliseconds
        job.runAtMs = row.runAt.milliseconds
        job.startedMs = row.startedAt.milliseconds
        job.finishedMs = row.state.isFinal ? row.finishedAt.milliseconds : 0
        job.cancelRequested = row.cancelRequested
        job.outcome = row.outcome == .none ? "" : row.outcome.name
        job.payload = Data(stored.payload)
        job.result = Data(stored.result)
        job.progress = Data(stored.progress)
        job.log = Data(stored.log)
        job.worker = stored.workerName
        job.error = Self.sentence(row.outcome, stored.error, worker: stored.workerName)
        if !stored.extras.isEmpty, let extras = try? Stint_V1_JobExtras(serializedBytes: stored.extras) {
            job.extras = extras
        }
        job.attempts = stored.attempts.map { attempt in
            var details = Stint_V1_AttemptDetails()
            details.number = UInt32(attempt.number)
            details.outcome = attempt.outcome.name
            details.error = Self.sentence(attempt.outcome, attempt.error, worker: attempt.worker)
            details.worker = attempt.worker
            details.startedMs = attempt.startedAt.milliseconds
            details.finishedMs = attempt.finishedAt.milliseconds
            details.fence = attempt.token.description
            details.log = Data(attempt.log)
            return details
        }
        addLease(to: &job, row)
        return job
    }

    /// Whoever runs the job now is in no row.
    private func addLease(to job: inout Stint_V1_JobDetails, _ row: JobRow) {
        guard let slot = state.jobs.slot(of: row.id), state.jobs[slot].place == .leased,
            state.jobs[slot].lease.grant >= 0
        else { return }
        let lease = state.jobs[slot].lease
        job.state = .leased
        job.attempt = UInt32(lease.attempt)
        job.worker = state.workers[lease.worker].row.name
        job.startedMs = lease.grantedAt.milliseconds
        job.cancelRequested = state.jobs[slot].row.cancelRequested
        if let progress = progress[row.id], progress.token == lease.token { job.progress = Data(progress.bytes.copied) }
        var running = Stint_V1_AttemptDetails()
        running.number = UInt32(lease.attempt)
        running.worker = job.worker
        running.startedMs = lease.grantedAt.milliseconds
        running.fence = lease.token.description
        job.attempts.append(running)
    }

    /// What went wrong, in words also where nobody could report any.
    private static func sentence(_ outcome: Outcome, _ error: [UInt8], worker: String) -> String {
        if !error.isEmpty { return String(decoding: error, as: UTF8.self) }
        switch outcome {
        case .expired: return "worker \(worker) fell silent while it held the job"
        case .timedOut: return "the attempt passed its timeout"
        case .crashed: return "the process that ran the handler was ended by a signal"
        case .corrupt: return "the payload on disk is not the one that was enqueued; it was not run and not removed"
        case .none, .completed, .failed, .errored, .cancelled, .snoozed, .released: return ""
        }
    }

    mutating func status(_ message: Stint_V1_GetStatus, from session: SessionID, now: Moment) {
        var answer = Stint_V1_StatusAnswer()
        answer.request = message.request
        answer.epoch = state.numbers.epoch
        answer.sinceMs = startedAt.milliseconds
        answer.draining = state.isDraining
        answer.storeBytes = UInt64(max(0, storeBytes))
        answer.storeFull = storeIsFull
        answer.malformed = refusals[.malformed]
        var bytes = 0
        var serving = Array(repeating: UInt32(0), count: state.lines.count)
        state.workers.visit { slot, worker in
            guard worker.session != nil else { return }
            var status = Stint_V1_WorkerStatus()
            status.name = worker.row.name
            status.pool = worker.row.pool
            status.slots = UInt32(worker.slots)
            status.leases = UInt32(worker.leases)
            status.sinceMs = worker.connectedAt.milliseconds
            status.draining = worker.isDraining
            status.connected = !worker.isUnreachable
            status.silentMs = UInt64(max(0, (now.instant - worker.heardAt).inMilliseconds))
            status.clockAheadMs = notes.clocksAhead[slot] ?? 0
            for type in worker.types {
                let isWithdrawn = worker.withdrawn.contains(type)
                if !isWithdrawn, !worker.isUnreachable { serving[type.asInt] += 1 }
                // With thousands of workers and types the names would fit no message; the counts are what matters then.
                bytes += state.lines[type].name.utf8.count + 4
                guard bytes <= Self.answerBytesMax else { continue }
                if isWithdrawn {
                    status.withdrawn.append(state.lines[type].name)
                } else {
                    status.types.append(state.lines[type].name)
                }
            }
            answer.workers.append(status)
        }
        for index in 0..<state.lines.count {
            let line = state.lines.all[index]
            var type = Stint_V1_TypeStatus()
            type.name = line.name
            type.counts = Stint_V1_StateCounts(line.counts)
            type.workers = serving[index]
            type.meanMicroseconds = UInt64(max(1, line.meanMicroseconds ?? -1))
            if line.meanMicroseconds == nil { type.meanMicroseconds = 0 }
            answer.types.append(type)
            answer.counts.add(type.counts)
        }
        for operation in state.operations.all + state.operations.retention {
            var status = Stint_V1_OperationStatus()
            status.number = UInt64(operation.number)
            status.kind = operation.kind.name
            status.type = operation.type.map { state.lines[$0].name } ?? ""
            status.done = UInt64(operation.done)
            status.paused = operation.isPaused
            status.lookedAt = UInt64(bitPattern: operation.cursorSerial)
            answer.operations.append(status)
        }
        for limit in LimitName.allCases where refusals[limit] > 0 {
            var refused = Stint_V1_LimitStatus()
            refused.name = limit.name
            refused.refused = refusals[limit]
            answer.limits.append(refused)
        }
        rowsRead += state.workers.count + state.lines.count
        if message.health {
            answer.health = health(at: now)
            rowsRead += state.jobs.entries.count / Self.entriesPerRow
        }
        self.answer(.statusAnswer(answer), to: session)
    }

    mutating func watch(_ message: Stint_V1_Watch, from session: SessionID) throws {
        let id = try message.id.id(field: "watch.id")
        if message.stop {
            clients.answered(session)
            return watchers.remove(id, session: session)
        }
        var event = Stint_V1_JobEvent()
        event.request = message.request
        event.id = message.id
        let isInMemory = state.jobs.slot(of: id) != nil
        let row = isInMemory ? nil : try self.row(id)
        if !isInMemory { rowsRead += Self.rowsOfDetails }
        if isInMemory || row.map({ !$0.state.isFinal }) ?? false {
            guard !watchers.isFull else {
                refusals.add(.watches)
                return refuse(
                    Refusal(
                        .exhausted,
                        "\(Limits.watchesMax) jobs are being watched already; ask for the job itself now and then"),
                    request: message.request, to: session)
            }
            watchers.add(id, session: session, request: message.request)
            event.state = isLeased(id) ? .leased : Stint_V1_JobState(row?.state ?? state.jobs[id]?.row.state)
        } else if let row {
            event.state = Stint_V1_JobState(row.state)
            event.attempt = UInt32(row.attempt)
            // Decided in a batch that is not durable yet: the bytes are not readable; the change itself was told.
            if let stored = try reader.details(id, attemptBytesMax: 0), stored.row.state == row.state {
                event.result = Data(stored.result)
                event.error = Self.sentence(row.outcome, stored.error, worker: stored.workerName)
            } else {
                try tellFromBatch(&event, id)
            }
        }
        answer(.jobEvent(event), to: session)
    }

    /// Result and error of a job that became final in a batch not yet durable.
    private func tellFromBatch(_ event: inout Stint_V1_JobEvent, _ id: JobID) throws {
        for batch in [open, committing].compactMap({ $0 }) {
            guard let write = batch.jobs.last(where: { $0.row.id == id && $0.kind == .finish }) else { continue }
            if !write.result.isNone { event.result = Data(batch[write.result].copied) }
            if !write.error.isNone { event.error = String(decoding: batch[write.error].copied, as: UTF8.self) }
            return
        }
    }
}

extension OperationRow.Kind {
    package var name: String {
        switch self {
        case .replay: "replay"
        case .discard: "discard"
        case .retention: "retention"
        case .replan: "replan"
        }
    }
}

extension JobQuery {
    /// No index leads to the jobs it wants.
    fileprivate var isWalk: Bool {
        guard type != nil else { return false }
        switch state {
        case nil, .scheduled, .waiting: return true
        case .ready, .leased, .completed, .dead, .cancelled: return false
        }
    }
}
