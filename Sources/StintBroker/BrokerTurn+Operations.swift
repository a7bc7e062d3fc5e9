import StintCore
import StintStore

extension BrokerTurn {
    /// Takes one step of the operations, if one is due. Returns whether there may be more to do at once.
    ///
    /// The rows come from the store and may be older than what was decided since, so each is looked up again in front
    /// of it before the rule sees it.
    mutating func stepOperation(at now: Moment) throws -> Bool {
        // One step per commit: an operation never fills the batches of ordinary work.
        guard committing == nil, open.jobs.count < Limits.stepRows else { return false }
        guard let step = state.nextStep(durable: durable, at: now, into: &effects) else { return false }
        let query = FinishedQuery(
            state: step.state, type: step.type, before: step.before, afterTime: step.afterTime,
            afterSerial: step.afterSerial, limit: step.limit)
        let read = try reader.finished(query)
        var rows: [JobRow?] = []
        for row in read { rows.append(try self.row(row.id)) }
        let isMore = state.take(step, read: read, rows: rows, at: now, into: &effects)
        absorb()
        return isMore
    }
}
