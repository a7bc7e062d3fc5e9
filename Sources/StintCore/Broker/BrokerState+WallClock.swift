// A step of the wall clock. Leases do not notice: they compare the monotonic clock. A time that a client wished for
// means what it says on the new clock. But a backoff is a duration: planned before the step, it would end early or late by
// as much as the clock was moved, so it is planned again. All of them together are an operation.

extension BrokerState {
    /// How far the wall clock has to be moved against the other one to have been set; less is left alone, until it adds up
    /// to as much. So a backoff ends at most twice as long too late: the clock was moved by so much before it was planned,
    /// and by so much after.
    package static let wallStep: Duration = .seconds(60)

    /// Which replanning operations a backoff that is planned now is not about: those before this number.
    var currentPlan: UInt32 { UInt32(truncatingIfNeeded: numbers.nextOperation) & 0x3FFF_FFFF }

    /// Compares how far both clocks have come since the last turn.
    mutating func watchWallClock(from last: Moment, to now: Moment, into effects: inout Effects) {
        wallDrift += (now.wall - last.wall) - (now.instant - last.instant)
        if wallDrift > Self.wallStep || wallDrift < .zero - Self.wallStep { beginReplan(into: &effects) }
        numbers.wall = now.wall + (.zero - wallDrift)
    }

    /// Compares the clock with what it should have shown when the last batch of the former process was decided. How long
    /// there was no broker is not known, so a step forward looks like a long rest, and backoffs that it ends are over; but
    /// a clock that shows less was set back by at least the difference.
    mutating func watchWallClock(since last: WallTime, to now: Moment, into effects: inout Effects) {
        if last != .none { wallDrift = min(.zero, now.wall - last) }
        if wallDrift < .zero - Self.wallStep { beginReplan(into: &effects) }
        numbers.wall = now.wall + (.zero - wallDrift)
    }

    private mutating func beginReplan(into effects: inout Effects) {
        let step = wallDrift
        wallDrift = .zero
        guard lines.all.contains(where: { $0.counts.scheduled > 0 }) else { return }
        begin(
            OperationRow(
                number: numbers.nextOperation, kind: .replan, state: .scheduled, type: nil, before: .distantFuture,
                amount: step.inMilliseconds),
            into: &effects)
    }

    /// How far the backoff has to be moved: the steps of all operations under way that are about it. Nil: none is.
    func wallShift(of row: JobRow) -> Int64? {
        guard row.isBackoff, row.state == .scheduled else { return nil }
        var shift: Int64?
        for operation in operations.all where operation.kind == .replan && operation.number >= Int64(row.plan) {
            shift = (shift ?? 0) + operation.amount
        }
        return shift
    }

    /// Plans a backoff again, wherever its row is. Nothing happens to other rows, or twice to one.
    @discardableResult
    mutating func replan(_ row: JobRow, into effects: inout Effects) -> Bool {
        // Steps that add up to nothing are noted as well, or one of them would be carried out after the other has ended.
        guard let shift = wallShift(of: row) else { return false }
        precondition(row.state == .scheduled)
        if let slot = jobs.slot(of: row.id) { leaveWindow(slot) } else { coldRowLeft(row) }
        var moved = row
        moved.runAt = WallTime(milliseconds: max(0, row.runAt.milliseconds + shift))
        moved.plan = currentPlan
        effects.jobs.append(JobWrite(.update, moved))
        place(moved)
        return true
    }

    /// One step of the operation: it walks the schedule. A row that was moved onward is met again and left alone.
    mutating func takeReplan(
        _ step: Step, read: [JobRow], rows: [JobRow?], into effects: inout Effects
    ) -> Bool {
        guard let index = operations.all.firstIndex(where: { $0.number == step.operation }) else { return false }
        var done: Int64 = 0
        for case .some(let row) in rows where replan(row, into: &effects) { done += 1 }
        operations.all[index].done += done
        if let last = read.last {
            operations.all[index].cursorTime = last.runAt
            operations.all[index].cursorSerial = last.serial
        }
        finishStep(of: index, isLast: read.count < step.limit, into: &effects)
        return true
    }
}
