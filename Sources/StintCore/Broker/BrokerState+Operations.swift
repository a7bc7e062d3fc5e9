// Operations: work on more rows than one turn may touch. Each is a durable row with a cursor, carried out in steps
// inside ordinary turns: the rows of a step and the moved cursor share a commit, so a restart goes on just there.
// All of them walk final jobs in one state, oldest first.

extension BrokerState {
    /// What the next step of an operation wants to read.
    package struct Step: Hashable, Sendable {
        package var operation: Int64
        /// `scheduled`: the schedule by (runAt, serial); a final state: its jobs by (finishedAt, serial).
        package var state: JobState
        package var type: TypeIndex?
        package var before: WallTime
        package var afterTime: WallTime
        package var afterSerial: Int64
        package var limit: Int
    }

    /// Begins to replay or discard all dead jobs of a type, or of all types, that are dead now.
    ///
    /// - Returns: The operation's number, and how many jobs it will be.
    package mutating func beginDead(
        _ verb: DeadVerb, type: TypeIndex?, dryRun: Bool, at now: Moment, into effects: inout Effects
    ) -> (operation: Int64, jobs: Int64) {
        let jobs = deadJobs(of: type)
        guard !dryRun, jobs > 0 else { return (0, jobs) }
        let kind: OperationRow.Kind =
            switch verb {
            case .replay: .replay
            case .discard: .discard
            }
        // One millisecond later, so that what died in this very turn is included.
        let row = OperationRow(
            number: numbers.nextOperation, kind: kind, state: .dead, type: type,
            before: now.wall + .milliseconds(1))
        begin(row, into: &effects)
        return (row.number, jobs)
    }

    private func deadJobs(of type: TypeIndex?) -> Int64 {
        if let type { return lines[type].counts.dead }
        return lines.all.reduce(0) { $0 + $1.counts.dead }
    }

    mutating func begin(_ row: OperationRow, into effects: inout Effects) {
        precondition(row.number == numbers.nextOperation)
        numbers.nextOperation += 1
        operations.all.append(row)
        operations.begunIn[row.number] = openBatch
        effects.rows.append(.operation(row))
    }

    /// Looks whether retention has something to remove; about once a minute.
    private mutating func beginRetention(at now: Moment, into effects: inout Effects) {
        guard now.instant >= nextRetention else { return }
        nextRetention = now.instant + .seconds(60)
        if now.instant >= nextForgetting {
            nextForgetting = now.instant + .seconds(3600)
            // As long as an id protects against a second enqueue.
            effects.rows.append(.answersForgotten(before: now.wall + .milliseconds(-Retention.floor.inMilliseconds)))
        }
        for state in [JobState.completed, .cancelled, .dead] {
            // One that is still at work knows what is too many; a second would count the same jobs again.
            guard let rule = keep[state], !operations.retention.contains(where: { $0.state == state }) else { continue }
            let count = lines.all.reduce(0) { $0 + $1.counts[state] }
            let surplus = rule.count.map { max(0, count - Int64($0)) } ?? 0
            // An old job can only be there if any is; the step finds out for the price of one short read.
            guard count > 0 else { continue }
            if surplus > 0 { retain(state, before: now.wall, surplus: surplus) }
            retain(state, before: now.wall + .milliseconds(-rule.time.inMilliseconds), surplus: 0)
        }
    }

    /// - Parameter surplus: Remove just so many; 0: all of them.
    private mutating func retain(_ state: JobState, before: WallTime, surplus: Int64) {
        operations.retention.append(
            OperationRow(number: 0, kind: .retention, state: state, type: nil, before: before, amount: surplus))
    }

    /// The next step, if one can be taken: round robin over the operations. An operation starts when the batch that
    /// began it is durable, because only then do readers see all that it is about.
    package mutating func nextStep(durable: UInt64, at now: Moment, into effects: inout Effects) -> Step? {
        beginRetention(at: now, into: &effects)
        if let row = operations.retention.first {
            return Step(
                operation: 0, state: row.state, type: nil, before: row.before, afterTime: .none, afterSerial: 0,
                limit: stepLimit(row))
        }
        guard !operations.all.isEmpty else { return nil }
        for _ in operations.all.indices {
            operations.turn = (operations.turn + 1) % operations.all.count
            let row = operations.all[operations.turn]
            guard !row.isPaused, operations.begunIn[row.number, default: 0] <= durable else { continue }
            return Step(
                operation: row.number, state: row.state, type: row.type, before: row.before,
                afterTime: row.cursorTime, afterSerial: row.cursorSerial, limit: stepLimit(row))
        }
        return nil
    }

    private func stepLimit(_ row: OperationRow) -> Int {
        let keepsAge = keep[row.state].map { $0.count != nil } ?? false
        guard row.kind == .retention, keepsAge, row.amount > 0 else { return settings.bounds.stepRows }
        return min(settings.bounds.stepRows, Int(row.amount))
    }

    /// Carries out one step.
    ///
    /// - Parameters:
    ///   - read: What the store showed, in order; at most ``Step/limit``.
    ///   - rows: The same jobs as of everything decided so far; nil for those that are gone.
    /// - Returns: Whether there is more to do.
    package mutating func take(
        _ step: Step, read: [JobRow], rows: [JobRow?], at now: Moment, into effects: inout Effects
    ) -> Bool {
        precondition(read.count == rows.count && read.count <= step.limit)
        let isLast = read.count < step.limit
        if step.operation == 0 { return takeRetention(step, rows: rows, isLast: isLast, into: &effects) }
        guard let index = operations.all.firstIndex(where: { $0.number == step.operation }) else { return false }
        if operations.all[index].kind == .replan {
            return takeReplan(step, read: read, rows: rows, into: &effects)
        }
        let verb: DeadVerb = operations.all[index].kind == .replay ? .replay : .discard
        var done: Int64 = 0
        for case .some(let row) in rows where row.state == step.state && jobs.slot(of: row.id) == nil {
            handleDead(verb, row, at: now, into: &effects)
            done += 1
        }
        operations.all[index].done += done
        if let last = read.last {
            operations.all[index].cursorTime = last.finishedAt
            operations.all[index].cursorSerial = last.serial
        }
        finishStep(of: index, isLast: isLast, into: &effects)
        return true
    }

    /// The cursor moves in the commit of the rows it passed.
    mutating func finishStep(of index: Int, isLast: Bool, into effects: inout Effects) {
        let row = operations.all[index]
        guard isLast else {
            effects.rows.append(.operation(row))
            return
        }
        operations.begunIn[row.number] = nil
        operations.all.remove(at: index)
        operations.turn = 0
        effects.rows.append(.operationEnded(row.number))
    }

    /// Retention needs no cursor: what it has looked at is gone.
    private mutating func takeRetention(
        _ step: Step, rows: [JobRow?], isLast: Bool, into effects: inout Effects
    ) -> Bool {
        guard !operations.retention.isEmpty else { return false }
        var removed: Int64 = 0
        for case .some(let row) in rows where row.state == step.state && jobs.slot(of: row.id) == nil {
            effects.jobs.append(JobWrite(.delete, row))
            lines.move(row, from: row.state, to: nil)
            removed += 1
        }
        let isByNumber = operations.retention[0].amount > 0
        operations.retention[0].amount -= removed
        let isEnough = isByNumber && operations.retention[0].amount <= 0
        // Rows that were read but are gone already will not be read again once that is durable; begin anew then.
        if isLast || removed == 0 || isEnough {
            operations.retention.removeFirst()
        }
        return true
    }
}
