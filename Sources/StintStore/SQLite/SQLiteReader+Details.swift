import StintCore

/// One job with its bytes.
extension SQLiteReader {
    func payload(serial: Int64) throws -> StoredPayload? {
        try readTogether { statements in try statements.payload(serial) }
    }

    func details(_ id: JobID, attemptBytesMax: Int) throws -> StoredJob? {
        try readTogether { statements in
            guard let row = try statements.row(id) else { return nil }
            var job = try summary(of: row, statements)
            job.payload = try statements.payload(row.serial)?.payload ?? []
            job.log = try statements.log(row.token, serial: row.serial)
            let query = statements.result
            query.bind(1, row.serial)
            let last = try query.first {
                (number: UInt16(truncatingIfNeeded: query.integer(0)), result: query.bytes(1))
            }
            job.result = last?.result ?? []
            guard attemptBytesMax > 0 else { return job }
            var newest = NewestAttempts(bytesMax: attemptBytesMax)
            // The last attempt of a final job is in its row alone; one that was retired is in the history already.
            var inRow: StoredAttempt?
            if row.token != .none {
                inRow = StoredAttempt(
                    number: last?.number ?? 0, token: row.token, worker: job.workerName, startedAt: row.startedAt,
                    finishedAt: row.finishedAt, outcome: row.outcome, error: job.error, log: job.log)
            }
            try statements.eachAttempt(of: row.serial) { attempt in
                if let last = inRow, last.token >= attempt.token {
                    inRow = nil
                    if last.token > attempt.token { newest.add(last) }
                }
                newest.add(attempt)
                return !newest.isFull
            }
            if let inRow { newest.add(inRow) }
            job.attempts = newest.oldestFirst
            return job
        }
    }

    /// What a listing shows of a job.
    func summary(of row: JobRow, _ statements: ReaderStatements) throws -> StoredJob {
        var job = StoredJob(row: row, workerName: try statements.name(ofWorker: row.worker))
        let query = statements.summary
        query.bind(1, row.serial)
        let isAside = try query.first {
            job.error = query.bytes(0)
            job.progress = query.bytes(1)
            job.extras = query.bytes(2)
            return query.integer(3) != 0
        }
        if isAside == true {
            statements.extrasAside.bind(1, row.serial)
            job.extras = try statements.extrasAside.first { statements.extrasAside.bytes(0) } ?? []
        }
        if job.error.isEmpty, row.token != .none {
            let history = statements.history
            history.bind(1, row.serial)
            history.bind(2, row.token.epoch)
            history.bind(3, row.token.sequence)
            job.error = try history.first { history.bytes(0) } ?? []
        }
        return job
    }
}

extension ReaderStatements {
    fileprivate func payload(_ serial: Int64) throws(StoreError) -> StoredPayload? {
        payload.bind(1, serial)
        let inline = try payload.first {
            (
                isAside: payload.isNull(0), payload: payload.bytes(0), extras: payload.bytes(1),
                digest: UInt64(bitPattern: payload.integer(2))
            )
        }
        guard let inline else { return nil }
        var stored = StoredPayload(
            payload: inline.payload, extras: inline.extras, checkpoint: [], digest: inline.digest)
        if inline.isAside {
            payloadAside.bind(1, serial)
            let aside = try payloadAside.first { (payload: payloadAside.bytes(0), extras: payloadAside.bytes(1)) }
            // Without it the payload is empty, which its digest shows.
            stored.payload = aside?.payload ?? []
            stored.extras = aside?.extras ?? []
        }
        checkpoint.bind(1, serial)
        stored.checkpoint = try checkpoint.first { checkpoint.bytes(0) } ?? []
        return stored
    }

    fileprivate func log(_ token: FencingToken, serial: Int64) throws(StoreError) -> [UInt8] {
        log.bind(1, serial)
        log.bind(2, token.epoch)
        log.bind(3, token.sequence)
        return try log.first { log.bytes(0) } ?? []
    }

    fileprivate func name(ofWorker number: Int32) throws(StoreError) -> String {
        workerName.bind(1, number)
        return try workerName.first { workerName.text(0) } ?? ""
    }

    /// Newest first, until `body` says that it wants no more.
    fileprivate func eachAttempt(
        of serial: Int64, _ body: (StoredAttempt) throws(StoreError) -> Bool
    ) throws(StoreError) {
        attempts.bind(1, serial)
        defer { attempts.reset() }
        while try attempts.next() {
            let token = FencingToken(
                epoch: UInt64(bitPattern: attempts.integer(0)), sequence: UInt64(bitPattern: attempts.integer(1)))
            guard let outcome = Outcome(rawValue: UInt8(truncatingIfNeeded: attempts.integer(6))) else {
                throw .corrupt("attempt \(token) of job \(serial) has outcome \(attempts.integer(6))")
            }
            let attempt = StoredAttempt(
                number: UInt16(truncatingIfNeeded: attempts.integer(2)), token: token,
                worker: try name(ofWorker: Int32(truncatingIfNeeded: attempts.integer(3))),
                startedAt: WallTime(milliseconds: attempts.integer(4)),
                finishedAt: WallTime(milliseconds: attempts.integer(5)), outcome: outcome, error: attempts.bytes(7),
                log: try log(token, serial: serial))
            guard try body(attempt) else { return }
        }
    }
}
