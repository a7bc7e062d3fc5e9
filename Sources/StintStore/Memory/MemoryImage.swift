import StintCore

/// All that a ``MemoryStore`` holds, as a value: what a crash leaves behind, ready to be opened again. A copy costs
/// next to nothing; the parts are shared until one side writes.
package struct MemoryImage: Sendable {
    /// One job with everything that hangs on it, but its checkpoint.
    struct Job: Sendable {
        var row: JobRow
        /// Of the last attempt, when `finish` wrote it.
        var attemptNumber: UInt16 = 0
        var payload: [UInt8]
        var extras: [UInt8]
        var result: [UInt8] = []
        var error: [UInt8] = []
        var progress: [UInt8] = []
        var history: [Attempt] = []
        var logs: [(token: FencingToken, bytes: [UInt8])] = []
    }

    /// An attempt that the row of its job no longer speaks for.
    struct Attempt: Sendable {
        var token: FencingToken
        var number: UInt16
        var worker: Int32
        var startedAt: WallTime
        var finishedAt: WallTime
        var outcome: Outcome
        var error: [UInt8]
    }

    package internal(set) var batch: UInt64 = 0
    var numbers = BrokerNumbers()
    var jobs = SortedMap<Int64, Job>()
    /// Every order in which jobs are read, with their serials.
    var places = SortedMap<Place, Int64>()
    var types = SortedMap<TypeIndex, String>()
    var workers = SortedMap<Int32, WorkerRow>()
    var counts = SortedMap<TypeIndex, Counts>()
    var grants = SortedMap<FencingToken, GrantRow>()
    var checkpoints = SortedMap<Int64, [UInt8]>()
    var operations = SortedMap<Int64, OperationRow>()
    var audit = SortedMap<Int64, AuditRow>()
    var answers: [RequestID: (bytes: [UInt8], at: WallTime)] = [:]

    package init() {}

    mutating func apply(_ batch: Batch) {
        precondition(batch.number == self.batch + 1, "batch \(batch.number) does not follow batch \(self.batch)")
        precondition(
            batch.numbers.epoch == numbers.epoch && numbers.epoch > 0,
            "a batch of epoch \(batch.numbers.epoch) in epoch \(numbers.epoch): recover first, then keep its epoch")
        // Rows first: a checkpoint that is written, and its job deleted, in one batch leaves nothing behind.
        for write in batch.rows { apply(write, of: batch) }
        for write in batch.jobs { apply(write, of: batch) }
        self.batch = batch.number
        numbers = batch.numbers
    }

    private mutating func apply(_ write: RowWrite, of batch: Batch) {
        switch write {
        case .type(let type, let name): types.set(type, name)
        case .worker(let worker): workers.set(worker.number, worker)
        case .grant(let grant): grants.set(grant.first, grant)
        case .grantEnded(let first): _ = grants.remove(first)
        case .counts(let type, var kept):
            kept.leased = 0
            counts.set(type, kept)
        case .checkpoint(let serial, let blob): checkpoints.set(serial, batch.copied(blob))
        case .answer(let request, let blob, let at): answers[request] = (batch.copied(blob), at)
        case .answersForgotten(let before): answers = answers.filter { $0.value.at >= before }
        case .operation(let operation): operations.set(operation.number, operation)
        case .operationEnded(let number): _ = operations.remove(number)
        case .audit(let record):
            let isNew = audit.insert(record.number, record)
            precondition(isNew, "audit record \(record.number) is there already, and records never change")
        case .auditForgotten(let last):
            while let first = audit.entry(at: audit.lowerBound(0))?.key, first <= last { _ = audit.remove(first) }
        }
    }

    private mutating func apply(_ write: JobWrite, of batch: Batch) {
        switch write.kind {
        case .insert:
            let job = Job(row: write.row, payload: batch.copied(write.payload), extras: batch.copied(write.extras))
            let isNew = jobs.insert(write.row.serial, job)
            precondition(isNew, "job \(write.row.id) has serial \(write.row.serial), which is taken")
            addPlaces(of: write.row)
        case .update, .finish, .retire, .replay:
            guard let old = jobs.modify(write.row.serial, { $0.apply(write, of: batch) }) else {
                preconditionFailure("job \(write.row.id) with serial \(write.row.serial) is to be changed, not there")
            }
            movePlaces(of: old, to: write.row)
        case .delete:
            guard let job = jobs.remove(write.row.serial) else {
                preconditionFailure("job \(write.row.id) with serial \(write.row.serial) is to be deleted, not there")
            }
            removePlaces(of: job.row)
            _ = checkpoints.remove(write.row.serial)
        }
    }

    private mutating func addPlaces(of row: JobRow) {
        for place in Place.all(of: row) {
            let isFree = places.insert(place, row.serial)
            precondition(isFree, "job \(row.id) with serial \(row.serial) takes the place of another: \(place)")
        }
    }

    /// Its places by id stay, and the others do when nothing changed that they are made of.
    private mutating func movePlaces(of old: JobRow, to row: JobRow) {
        for type in [nil, row.type] {
            let (before, after) = (Place(of: old, in: old.state, type: type), Place(of: row, in: row.state, type: type))
            guard before != after else { continue }
            let serial = places.remove(before)
            precondition(serial == row.serial)
            let isFree = places.insert(after, row.serial)
            precondition(isFree, "job \(row.id) with serial \(row.serial) takes the place of another: \(after)")
        }
    }

    private mutating func removePlaces(of row: JobRow) {
        for place in Place.all(of: row) {
            let serial = places.remove(place)
            precondition(serial == row.serial)
        }
    }
}

extension MemoryImage.Job {
    /// Applies a write to a job that exists, and answers the facts it had before.
    fileprivate mutating func apply(_ write: JobWrite, of batch: Batch) -> JobRow {
        let old = row
        precondition(
            old.id == write.row.id && old.type == write.row.type && old.createdAt == write.row.createdAt
                && old.digest == write.row.digest && old.payloadBytes == write.row.payloadBytes,
            "job \(old.id): the facts it was made with never change")
        precondition(
            !old.state.isFinal || write.kind == .replay
                || (old.state == write.row.state && old.finishedAt == write.row.finishedAt),
            "job \(old.id) is \(old.state): only a replay moves it")
        switch write.kind {
        case .update: break
        case .finish:
            attemptNumber = write.attemptNumber
            result = batch.copied(write.result)
            error = batch.copied(write.error)
            progress = batch.copied(write.progress)
        case .retire:
            let isNew = remember(
                MemoryImage.Attempt(of: write.row, number: write.attemptNumber, error: batch.copied(write.error)))
            precondition(isNew, "job \(old.id): attempt \(write.row.token) ended twice")
        case .replay:
            // Cancelled between two attempts, it still names the one before, which is in the history already.
            if old.token != .none { _ = remember(MemoryImage.Attempt(of: old, number: attemptNumber, error: error)) }
            attemptNumber = 0
            result = []
            error = []
            progress = []
        case .insert, .delete: preconditionFailure("not a change of a row: \(write.kind)")
        }
        if !write.log.isNone {
            logs.removeAll { $0.token == write.row.token }
            logs.append((write.row.token, batch.copied(write.log)))
        }
        row = write.row
        return old
    }

    private mutating func remember(_ attempt: MemoryImage.Attempt) -> Bool {
        if history.contains(where: { $0.token == attempt.token }) { return false }
        history.append(attempt)
        return true
    }
}

extension MemoryImage.Attempt {
    /// The attempt that a row names as its last.
    init(of row: JobRow, number: UInt16, error: [UInt8]) {
        self.init(
            token: row.token, number: number, worker: row.worker, startedAt: row.startedAt,
            finishedAt: row.finishedAt, outcome: row.outcome, error: error)
    }
}

extension Batch {
    fileprivate func copied(_ blob: Blob) -> [UInt8] { blob.isNone ? [] : self[blob].copied }
}
