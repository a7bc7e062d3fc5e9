import StintCore
import Testing

/// What a store would hold: mutations are applied as they are decided, and each kind is checked against the promise
/// that its name makes, so that a wrong kind of write is found here and not by a constraint of SQLite.
struct Disk {
    var rows: [JobID: JobRow] = [:]
    var outcomes: [JobID: [FencingToken: Outcome]] = [:]
    var grants: [FencingToken: GrantRow] = [:]
    var types: [String] = []
    var counts: [Counts] = []
    var workers: [WorkerRow] = []
    var operations: [Int64: OperationRow] = [:]
    var checkpoints: [Int64: Blob] = [:]

    mutating func write(_ write: JobWrite) {
        let id = write.row.id
        let before = rows[id]
        switch write.kind {
        case .insert:
            #expect(before == nil, "an insert makes a new row")
        case .update:
            #expect(before != nil, "an update changes a row that is there")
        case .finish, .retire:
            #expect(before?.state == .ready, "only an attempt of a ready row can end")
            #expect(write.row.state.isFinal == (write.kind == .finish), "an attempt that ends the job finishes it")
            #expect(before.map { $0.token < write.row.token } ?? false, "tokens on record rise")
            #expect(write.attemptNumber > 0, "the history names the attempt")
            outcomes[id, default: [:]][write.row.token] = write.row.outcome
        case .replay:
            #expect(before?.state == .dead, "only a dead job is replayed")
        case .delete:
            #expect(before?.state.isFinal == true, "only a job that is over is removed")
            rows[id] = nil
            outcomes[id] = nil
            return
        }
        #expect(write.row.state != .leased, "a row never says leased")
        rows[id] = write.row
    }

    mutating func write(_ write: RowWrite) {
        switch write {
        case .type(let type, let name):
            #expect(type.asInt == types.count, "types are numbered without gaps")
            types.append(name)
            counts.append(Counts())
        case .worker(let row):
            #expect(!workers.contains { $0.number == row.number }, "a worker's number is given once")
            workers.append(row)
        case .grant(let row):
            #expect(!row.entries.isEmpty, "a grant without leases is ended, not written")
            grants[row.first] = row
        case .grantEnded(let first):
            #expect(grants.removeValue(forKey: first) != nil, "a grant that ends was there")
        case .counts(let type, let value): counts[type.asInt] = value
        case .checkpoint(let serial, let state): checkpoints[serial] = state
        case .operation(let row): operations[row.number] = row
        case .operationEnded(let number):
            #expect(operations.removeValue(forKey: number) != nil, "an operation that ends was there")
        case .answer, .answersForgotten, .audit, .auditForgotten: break
        }
    }

    /// Rows of a ready or scheduled line, in order, as a page shows them.
    func page(_ request: PageRequest) -> [JobRow] {
        switch request {
        case .ready(let type, let from, let limit):
            let line = rows.values.filter { $0.type == type && $0.state == .ready && $0.readyPosition >= from }
            return Array(line.sorted { $0.readyPosition < $1.readyPosition }.prefix(limit))
        case .scheduled(let from, let limit):
            let line = rows.values.filter { $0.state == .scheduled && $0.schedulePosition >= from }
            return Array(line.sorted { $0.schedulePosition < $1.schedulePosition }.prefix(limit))
        }
    }

    /// Rows that a step of an operation reads, oldest first.
    func finished(_ step: BrokerState.Step) -> [JobRow] {
        if step.state == .scheduled {
            let line = rows.values.filter {
                $0.state == .scheduled && ($0.runAt, $0.serial) > (step.afterTime, step.afterSerial)
            }
            return Array(line.sorted { $0.schedulePosition < $1.schedulePosition }.prefix(step.limit))
        }
        let found = rows.values.filter { row in
            row.state == step.state && (step.type ?? row.type) == row.type && row.finishedAt < step.before
                && (row.finishedAt, row.serial) > (step.afterTime, step.afterSerial)
        }
        return Array(found.sorted { ($0.finishedAt, $0.serial) < ($1.finishedAt, $1.serial) }.prefix(step.limit))
    }

    func recovered(batch: UInt64, numbers: BrokerNumbers) -> RecoveredFacts {
        let serials = Set(grants.values.flatMap { $0.entries.map(\.serial) })
        return RecoveredFacts(
            batch: batch, numbers: numbers, types: types, counts: counts, workers: workers,
            grants: grants.values.sorted { $0.first < $1.first },
            grantedJobs: rows.values.filter { serials.contains($0.serial) }.sorted { $0.serial < $1.serial },
            operations: operations.values.sorted { $0.number < $1.number })
    }
}

extension JobRow {
    var readyPosition: ReadyPosition { ReadyPosition(priority: priority, rank: rank) }
    var schedulePosition: SchedulePosition { SchedulePosition(runAt: runAt, serial: serial) }
}
