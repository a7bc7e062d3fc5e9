import GRDB
import StintCore

/// What a start reads. Rare, so everything here goes through GRDB's own interface.
extension RecoveredState {
    init(_ db: Database) throws {
        guard let broker = try Row.fetchOne(db, sql: "SELECT * FROM broker") else {
            throw StoreError.corrupt("the table \"broker\" is empty")
        }
        var numbers = BrokerNumbers()
        numbers.epoch = UInt64(bitPattern: broker["epoch"])
        numbers.nextSerial = broker["next_serial"]
        numbers.nextRank = broker["next_rank"]
        numbers.nextWorker = broker["next_worker"]
        numbers.nextOperation = broker["next_operation"]
        numbers.wall = WallTime(milliseconds: broker["wall"])
        let highest = try Prepared(db, "SELECT highest_id FROM broker")
        if let (high, low) = try highest.first({ () throws(StoreError) in try highest.halves(0) }) {
            numbers.highestID = JobID(high: high, low: low)
        }
        self.init(batch: UInt64(bitPattern: broker["batch"]), numbers: numbers)

        try readTypes(db)
        try readWorkers(db)
        try readGrants(db)
        try readOperations(db)
        let last = try Prepared(db, "SELECT number, digest FROM audit ORDER BY number DESC LIMIT 1")
        audit = try last.first { AuditHead(number: last.integer(0), digest: last.bytes(1)) } ?? .none
        guard audit.digest.count == 32 else {
            throw StoreError.corrupt("the digest of audit record \(audit.number) has \(audit.digest.count) bytes")
        }
    }

    private mutating func readTypes(_ db: Database) throws {
        let rows = try Row.fetchCursor(
            db, sql: "SELECT * FROM types LEFT JOIN counts ON counts.type = types.number ORDER BY types.number")
        while let row = try rows.next() {
            let number: Int = row["number"]
            guard number == types.count else {
                throw StoreError.corrupt("type \(types.count) is missing, type \(number) is there")
            }
            types.append(row["name"])
            var kept = Counts()
            for state in JobState.allCases where state != .leased {
                let count: Int64 = row[state.name] ?? 0
                guard count >= 0 else { throw StoreError.corrupt("\(count) jobs of type \(number) are \(state.name)") }
                kept[state] = count
            }
            kept.unfinishedBytes = row["unfinished_bytes"] ?? 0
            guard kept.unfinishedBytes >= 0 else {
                throw StoreError.corrupt("the line of type \(number) has \(kept.unfinishedBytes) bytes")
            }
            counts.append(kept)
        }
    }

    private mutating func readWorkers(_ db: Database) throws {
        let rows = try Prepared(db, "SELECT number, instance, name, pool, since FROM workers ORDER BY number")
        workers = try rows.all { () throws(StoreError) in
            let (high, low) = try rows.halves(1)
            return WorkerRow(
                number: Int32(truncatingIfNeeded: rows.integer(0)), instance: InstanceID(high: high, low: low),
                name: rows.text(2), pool: rows.text(3), since: WallTime(milliseconds: rows.integer(4)))
        }
    }

    private mutating func readGrants(_ db: Database) throws {
        let rows = try Prepared(
            db, "SELECT epoch, sequence, worker, slots, granted_at, entries FROM grants ORDER BY epoch, sequence")
        grants = try rows.all { () throws(StoreError) in
            let first = FencingToken(
                epoch: UInt64(bitPattern: rows.integer(0)), sequence: UInt64(bitPattern: rows.integer(1)))
            return GrantRow(
                first: first, worker: Int32(truncatingIfNeeded: rows.integer(2)),
                slots: UInt16(truncatingIfNeeded: rows.integer(3)), grantedAt: WallTime(milliseconds: rows.integer(4)),
                entries: try GrantRow.unpack(rows.bytes(5), grant: first))
        }
        let serials = Set(grants.lazy.flatMap(\.entries).map(\.serial))
        let jobs = try Prepared(db, "SELECT \(JobColumns.list) FROM jobs WHERE serial = ?1")
        for serial in serials.sorted() {
            jobs.bind(1, serial)
            if let row = try jobs.first({ () throws(StoreError) in try JobColumns.row(of: jobs) }) {
                grantedJobs.append(row)
            }
        }
    }

    private mutating func readOperations(_ db: Database) throws {
        let rows = try Row.fetchCursor(db, sql: "SELECT * FROM operations ORDER BY number")
        while let row = try rows.next() {
            let number: Int64 = row["number"]
            guard let kind = OperationRow.Kind(rawValue: row["kind"]), let state = JobState(rawValue: row["state"])
            else {
                throw StoreError.corrupt("operation \(number) is of an unknown kind or state")
            }
            let type: Int32? = row["type"]
            var operation = OperationRow(
                number: number, kind: kind, state: state, type: type.map { TypeIndex($0) },
                before: WallTime(milliseconds: row["before"]), amount: row["amount"])
            operation.cursorTime = WallTime(milliseconds: row["cursor_time"])
            operation.cursorSerial = row["cursor_serial"]
            operation.done = row["done"]
            operation.isPaused = row["is_paused"]
            operations.append(operation)
        }
    }
}
