import StintCore

/// The columns that make a ``JobRow``, in the order in which every query names them.
enum JobColumns {
    static let list = """
        serial, state, priority, rank, run_at, finished_at, started_at, epoch, sequence, worker, attempt, \
        attempts_max, crashes, outcome, flags, type, id, created_at, digest, payload_bytes
        """
    static let count: Int32 = 20

    /// The row at hand of a statement whose first columns are these.
    static func row(of statement: Prepared) throws(StoreError) -> JobRow {
        let serial = statement.integer(0)
        guard let state = JobState(rawValue: UInt8(truncatingIfNeeded: statement.integer(1))),
            let outcome = Outcome(rawValue: UInt8(truncatingIfNeeded: statement.integer(13)))
        else {
            throw .corrupt("job \(serial) has state \(statement.integer(1)) and outcome \(statement.integer(13))")
        }
        let (high, low) = try statement.halves(16)
        var row = JobRow(
            id: JobID(high: high, low: low), serial: serial,
            type: TypeIndex(Int32(truncatingIfNeeded: statement.integer(15))), state: state,
            priority: Int16(truncatingIfNeeded: statement.integer(2)), rank: statement.integer(3),
            runAt: WallTime(milliseconds: statement.integer(4)),
            createdAt: WallTime(milliseconds: statement.integer(17)),
            attemptsMax: UInt16(truncatingIfNeeded: statement.integer(11)),
            payloadBytes: UInt32(truncatingIfNeeded: statement.integer(19)),
            digest: UInt64(bitPattern: statement.integer(18)))
        row.finishedAt = WallTime(milliseconds: statement.integer(5))
        row.startedAt = WallTime(milliseconds: statement.integer(6))
        row.token = FencingToken(
            epoch: UInt64(bitPattern: statement.integer(7)), sequence: UInt64(bitPattern: statement.integer(8)))
        row.worker = Int32(truncatingIfNeeded: statement.integer(9))
        row.attempt = UInt16(truncatingIfNeeded: statement.integer(10))
        row.crashes = UInt16(truncatingIfNeeded: statement.integer(12))
        row.outcome = outcome
        row.cancelRequested = statement.integer(14) & JobFlags.cancelRequested != 0
        row.isBackoff = statement.integer(14) & JobFlags.isBackoff != 0
        row.plan = JobFlags.plan(statement.integer(14))
        return row
    }
}
