import StintCore
import StintStore

extension BrokerTurn {
    /// Takes one step of the operations, if one is due. Returns whether there may be more to do at once.
    ///
    /// The rows come from the store and may be older than what was decided since, so each is looked up again in front
    /// of it before the rule sees it.
    mutating func stepOperation(at now: Moment) throws -> Bool {
        // One step per commit: an operation never fills the batches of ordinary work.
        // None while the broker drains: the next one goes on from the cursor.
        guard committing == nil, open.jobs.count < bounds.stepRows, !state.isDraining else { return false }
        guard let step = state.nextStep(durable: durable, at: now, into: &effects) else { return false }
        let read = try self.read(step)
        var rows: [JobRow?] = []
        for row in read { rows.append(try self.row(row.id)) }
        let isMore = state.take(step, read: read, rows: rows, at: now, into: &effects)
        absorb()
        return isMore
    }

    private func read(_ step: BrokerState.Step) throws -> [JobRow] {
        if step.state == .scheduled {
            // A page begins at its position, the cursor is the last row before it.
            let from =
                step.afterSerial == 0
                ? SchedulePosition.first : SchedulePosition(runAt: step.afterTime, serial: step.afterSerial + 1)
            return try reader.scheduledPage(from: from, limit: step.limit).rows
        }
        return try reader.finished(
            FinishedQuery(
                state: step.state, type: step.type, before: step.before, afterTime: step.afterTime,
                afterSerial: step.afterSerial, limit: step.limit))
    }
}
