import GRDB
import StintCore

/// The queries of a reader, prepared once, and the reads that are built of one or two of them.
struct ReaderStatements {
    let begin, commit, rollback: Prepared
    let batchNumber: Prepared
    let rowByID, rowBySerial: Prepared
    let idsFrom, idAbove, typeAndDigest: Prepared
    let lastOutcome, earlierOutcome: Prepared
    let readyAtPriority, readyBelowPriority, readyTypes: Prepared
    let pendingAt, pendingAfter, newest: Prepared
    let finishedTypes, runOf, runsFrom, runsBefore, unindexed: Prepared
    let payload, payloadAside, checkpoint: Prepared
    let summary, extrasAside, result, history, attempts, log, workerName: Prepared
    let answer, audit: Prepared

    init(_ db: Database) throws {
        func prepare(_ sql: String) throws -> Prepared { try Prepared(db, sql) }
        func jobs(_ clauses: String) throws -> Prepared {
            try Prepared(db, "SELECT \(JobColumns.list) FROM jobs \(clauses)")
        }
        begin = try prepare("BEGIN")
        commit = try prepare("COMMIT")
        rollback = try prepare("ROLLBACK")
        batchNumber = try prepare("SELECT batch FROM broker")
        rowByID = try jobs("WHERE id = ?1")
        rowBySerial = try jobs("WHERE serial = ?1")
        idsFrom = try prepare("SELECT id, serial FROM jobs INDEXED BY jobs_id WHERE id BETWEEN ?1 AND ?2 ORDER BY id")
        idAbove = try prepare("SELECT id FROM jobs INDEXED BY jobs_id WHERE id > ?1 ORDER BY id LIMIT 1")
        typeAndDigest = try prepare("SELECT type, digest FROM jobs WHERE serial = ?1")
        // After a replay the row has its token still, and no outcome: that is in the history.
        lastOutcome = try prepare(
            "SELECT outcome FROM jobs WHERE serial = ?1 AND epoch = ?2 AND sequence = ?3 AND outcome <> 0")
        earlierOutcome = try prepare("SELECT outcome FROM attempts WHERE serial = ?1 AND epoch = ?2 AND sequence = ?3")

        // An index cannot seek into (priority descending, rank ascending) at once: first the rest of the priority, then
        // the priorities below. The same goes for a time and the serials of that time.
        readyAtPriority = try jobs(
            """
            INDEXED BY jobs_ready WHERE state = 3 AND lane = ?1 AND priority = ?2 AND rank >= ?3
            ORDER BY rank LIMIT ?4
            """
        )
        readyBelowPriority = try jobs(
            """
            INDEXED BY jobs_ready WHERE state = 3 AND lane = ?1 AND priority < ?2 ORDER BY priority DESC, rank LIMIT ?3
            """)
        readyTypes = try prepare(
            "SELECT lane FROM jobs INDEXED BY jobs_ready WHERE state = 3 AND lane > ?1 ORDER BY lane LIMIT 1")
        pendingAt = try jobs(
            """
            INDEXED BY jobs_pending WHERE state < 3 AND state = ?4 AND run_at = ?1 AND serial >= ?2
            ORDER BY serial LIMIT ?3
            """)
        pendingAfter = try jobs(
            """
            INDEXED BY jobs_pending WHERE state < 3 AND state = ?3 AND run_at > ?1 ORDER BY run_at, serial LIMIT ?2
            """)
        newest = try jobs("INDEXED BY jobs_id WHERE id < ?1 ORDER BY id DESC LIMIT ?2")

        finishedTypes = try prepare("SELECT type FROM runs WHERE state = ?1 AND type > ?2 ORDER BY type LIMIT 1")
        let ofType = "WHERE state = ?1 AND type = ?2"
        runOf = try prepare(
            """
            SELECT finished_at, serial FROM runs \(ofType) AND (finished_at, serial) <= (?3, ?4)
            ORDER BY finished_at DESC, serial DESC LIMIT 1
            """)
        runsFrom = try prepare(
            """
            SELECT entries, bytes FROM runs \(ofType) AND (finished_at, serial) >= (?3, ?4)
            ORDER BY finished_at, serial
            """)
        runsBefore = try prepare(
            """
            SELECT entries, bytes FROM runs \(ofType) AND (finished_at, serial) < (?3, ?4)
            ORDER BY finished_at DESC, serial DESC
            """)
        unindexed = try prepare("SELECT batch, bytes FROM unindexed ORDER BY batch")

        payload = try prepare("SELECT payload, extras, digest FROM jobs WHERE serial = ?1")
        payloadAside = try prepare("SELECT payload, extras FROM payloads WHERE serial = ?1")
        checkpoint = try prepare("SELECT bytes FROM checkpoints WHERE serial = ?1")
        summary = try prepare("SELECT error, progress, extras, payload IS NULL FROM jobs WHERE serial = ?1")
        extrasAside = try prepare("SELECT extras FROM payloads WHERE serial = ?1")
        result = try prepare("SELECT attempt_number, result FROM jobs WHERE serial = ?1")
        history = try prepare("SELECT error FROM attempts WHERE serial = ?1 AND epoch = ?2 AND sequence = ?3")
        attempts = try prepare(
            """
            SELECT epoch, sequence, number, worker, started_at, finished_at, outcome, error FROM attempts
            WHERE serial = ?1 ORDER BY epoch DESC, sequence DESC
            """)
        log = try prepare("SELECT bytes FROM logs WHERE serial = ?1 AND epoch = ?2 AND sequence = ?3")
        workerName = try prepare("SELECT name FROM workers WHERE number = ?1")
        answer = try prepare("SELECT bytes FROM answers WHERE request = ?1")
        audit = try prepare(
            """
            SELECT number, at, kind, count, who, what, previous, digest FROM audit WHERE number > ?1
            ORDER BY number LIMIT ?2
            """)
    }

    func batch() throws(StoreError) -> UInt64 {
        try batchNumber.first { UInt64(bitPattern: batchNumber.integer(0)) } ?? 0
    }

    func row(_ id: JobID) throws(StoreError) -> JobRow? {
        rowByID.bind(1, high: id.high, low: id.low)
        return try rowByID.first { () throws(StoreError) in try JobColumns.row(of: rowByID) }
    }

    func row(serial: Int64) throws(StoreError) -> JobRow? {
        rowBySerial.bind(1, serial)
        return try rowBySerial.first { () throws(StoreError) in try JobColumns.row(of: rowBySerial) }
    }

    private func rows(_ query: Prepared) throws(StoreError) -> [JobRow] {
        try query.all { () throws(StoreError) in try JobColumns.row(of: query) }
    }

    func ready(type: TypeIndex, from position: ReadyPosition, limit: Int) throws(StoreError) -> [JobRow] {
        readyAtPriority.bind(1, type.value)
        readyAtPriority.bind(2, position.priority)
        readyAtPriority.bind(3, position.rank)
        readyAtPriority.bind(4, limit)
        let page = try rows(readyAtPriority)
        if page.count == limit { return page }
        readyBelowPriority.bind(1, type.value)
        readyBelowPriority.bind(2, position.priority)
        readyBelowPriority.bind(3, limit - page.count)
        return try page + rows(readyBelowPriority)
    }

    /// Rows that are scheduled or waiting, by (runAt, serial).
    func pending(_ state: JobState, from position: SchedulePosition, limit: Int) throws(StoreError) -> [JobRow] {
        pendingAt.bind(1, position.runAt.milliseconds)
        pendingAt.bind(2, position.serial)
        pendingAt.bind(3, limit)
        pendingAt.bind(4, state.rawValue)
        let page = try rows(pendingAt)
        if page.count == limit { return page }
        pendingAfter.bind(1, position.runAt.milliseconds)
        pendingAfter.bind(2, limit - page.count)
        pendingAfter.bind(3, state.rawValue)
        return try page + rows(pendingAfter)
    }

    func newest(below id: JobID, limit: Int) throws(StoreError) -> [JobRow] {
        newest.bind(1, high: id.high, low: id.low)
        newest.bind(2, limit)
        return try rows(newest)
    }

    /// Which of these sorted ids exist, with their serials. Ids made together lie together, so the index is walked from
    /// the first to the last; where other jobs lie between two ids, the walk starts anew at the next id.
    func serials(of ids: [JobID], through last: JobID) throws(StoreError) -> [(id: JobID, serial: Int64)] {
        let strangersMax = 16
        var found: [(id: JobID, serial: Int64)] = []
        var next = 0
        var isAtEnd = false
        while next < ids.count, !isAtEnd {
            precondition(next == 0 || ids[next - 1] < ids[next], "ids must be sorted, each named once")
            idsFrom.bind(1, high: ids[next].high, low: ids[next].low)
            idsFrom.bind(2, high: last.high, low: last.low)
            defer { idsFrom.reset() }
            var strangers = 0
            isAtEnd = true
            while next < ids.count, try idsFrom.next() {
                let (high, low) = try idsFrom.halves(0)
                let id = JobID(high: high, low: low)
                while next < ids.count, ids[next] < id { next += 1 }
                if next < ids.count, ids[next] == id {
                    found.append((id, idsFrom.integer(1)))
                    next += 1
                    strangers = 0
                } else {
                    strangers += 1
                    if strangers > strangersMax {
                        isAtEnd = false
                        break
                    }
                }
            }
        }
        return found
    }

    /// The types that `query`, which finds the next one above its last parameter, has rows of.
    func types(_ query: Prepared, parameter: Int32 = 1) throws(StoreError) -> [TypeIndex] {
        var types: [TypeIndex] = []
        query.bind(parameter, -1)
        while let type = try query.first({ Int32(truncatingIfNeeded: query.integer(0)) }) {
            types.append(TypeIndex(type))
            query.bind(parameter, type)
        }
        return types
    }
}
