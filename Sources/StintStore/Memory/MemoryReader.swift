import StintCore

/// Reads from a ``MemoryDisk``. Each call takes the lock once, so it sees one batch and nothing of the next.
final class MemoryReader: StoreReader {
    private let disk: MemoryDisk

    init(_ disk: MemoryDisk) { self.disk = disk }

    private func read<Result: Sendable>(_ body: (borrowing MemoryImage) throws -> sending Result) rethrows -> Result {
        try disk.contents.withLock { try body($0.image) }
    }

    func row(_ id: JobID) throws -> JobRow? { read { $0.job(id)?.row } }

    func row(serial: Int64) throws -> JobRow? { read { $0.jobs[serial]?.row } }

    func known(_ ids: [JobID]) throws -> [KnownJob] {
        read { image in
            ids.compactMap { id in
                image.job(id).map { KnownJob(id: id, type: $0.row.type, digest: $0.row.digest) }
            }
        }
    }

    func firstID(above id: JobID) throws -> JobID? {
        read { image in
            image.rows(from: .ofID(id), skipping: .ofID(id), limit: 1).first?.id
        }
    }

    func outcome(of token: FencingToken, serial: Int64) throws -> Outcome? {
        if token == .none { return nil }
        return read { image in
            guard let job = image.jobs[serial] else { return nil }
            // After a replay the row has its token still, and no outcome: that is in the history.
            if job.row.token == token && job.row.outcome != .none { return job.row.outcome }
            return job.history.first { $0.token == token }?.outcome
        }
    }

    func readyPage(type: TypeIndex, from position: ReadyPosition, limit: Int) throws -> JobPage {
        let from = Place(state: .ready, type: type, first: -Int64(position.priority), second: position.rank)
        return read { image in JobPage(batch: image.batch, rows: image.rows(from: from, limit: limit)) }
    }

    func scheduledPage(from position: SchedulePosition, limit: Int) throws -> JobPage {
        let from = Place(
            state: .scheduled, type: nil, first: position.runAt.milliseconds, second: position.serial)
        return read { image in JobPage(batch: image.batch, rows: image.rows(from: from, limit: limit)) }
    }

    func payload(serial: Int64) throws -> StoredPayload? {
        read { image in
            image.jobs[serial].map {
                StoredPayload(
                    payload: $0.payload, extras: $0.extras, checkpoint: image.checkpoints[serial] ?? [],
                    digest: $0.row.digest)
            }
        }
    }

    func details(_ id: JobID, attemptBytesMax: Int) throws -> StoredJob? {
        read { image in
            guard let job = image.job(id) else { return nil }
            var stored = image.summary(of: job)
            stored.payload = job.payload
            stored.result = job.result
            stored.log = job.log(of: job.row.token)
            var attempts = job.history
            if job.row.token != .none && !attempts.contains(where: { $0.token == job.row.token }) {
                attempts.append(MemoryImage.Attempt(of: job.row, number: job.attemptNumber, error: job.error))
            }
            attempts.sort { $0.token > $1.token }
            var newest = NewestAttempts(bytesMax: attemptBytesMax)
            for attempt in attempts {
                newest.add(
                    StoredAttempt(
                        number: attempt.number, token: attempt.token, worker: image.name(ofWorker: attempt.worker),
                        startedAt: attempt.startedAt, finishedAt: attempt.finishedAt, outcome: attempt.outcome,
                        error: attempt.error, log: job.log(of: attempt.token)))
            }
            stored.attempts = newest.oldestFirst
            return stored
        }
    }

    func list(_ query: JobQuery) throws -> JobListing {
        precondition((1...Limits.listMax).contains(query.limit), "a listing of \(query.limit) jobs")
        let after = query.after.map { Place(of: $0, in: query.state, type: query.type) }
        return read { image in
            let rows =
                switch query.state {
                case .leased: [JobRow]()
                case .ready, .waiting, .scheduled:
                    image.rows(
                        from: after ?? Place(state: query.state, type: query.type), skipping: after, limit: query.limit)
                case nil, .completed, .dead, .cancelled:
                    image.rows(
                        below: after
                            ?? Place(state: query.state, type: query.type, first: .max, second: .max, serial: .max),
                        limit: query.limit)
                }
            return JobListing(
                jobs: rows.map { image.summary(of: image.jobs[$0.serial]!) },
                last: rows.count == query.limit ? rows.last : nil)
        }
    }

    func finished(_ query: FinishedQuery) throws -> [JobRow] {
        precondition(query.state.isFinal, "jobs that are \(query.state) have not finished")
        let after = Place(
            state: query.state, type: query.type, first: query.afterTime.milliseconds, second: query.afterSerial)
        return read { image in
            Array(
                image.rows(from: after, skipping: after, limit: query.limit).prefix { $0.finishedAt < query.before })
        }
    }

    func answer(_ request: RequestID) throws -> [UInt8]? { read { $0.answers[request]?.bytes } }

    func audit(after number: Int64, limit: Int) throws -> [AuditRow] {
        read { image in
            var rows: [AuditRow] = []
            var index = image.audit.lowerBound(number + 1)
            while rows.count < limit, let entry = image.audit.entry(at: index) {
                rows.append(entry.value)
                index = image.audit.index(after: index)
            }
            return rows
        }
    }
}

extension MemoryImage {
    fileprivate func job(_ id: JobID) -> Job? { places[.ofID(id)].flatMap { jobs[$0] } }

    fileprivate func rows(from place: Place, skipping skipped: Place? = nil, limit: Int) -> [JobRow] {
        var rows: [JobRow] = []
        var index = places.lowerBound(place)
        while rows.count < limit, let entry = places.entry(at: index), entry.key.isInOrder(of: place) {
            if entry.key != skipped { rows.append(jobs[entry.value]!.row) }
            index = places.index(after: index)
        }
        return rows
    }

    fileprivate func rows(below place: Place, limit: Int) -> [JobRow] {
        var rows: [JobRow] = []
        var next = places.index(before: places.lowerBound(place))
        while rows.count < limit, let index = next, let entry = places.entry(at: index), entry.key.isInOrder(of: place)
        {
            rows.append(jobs[entry.value]!.row)
            next = places.index(before: index)
        }
        return rows
    }

    fileprivate func name(ofWorker number: Int32) -> String { workers[number]?.name ?? "" }

    /// What a listing shows.
    fileprivate func summary(of job: Job) -> StoredJob {
        var stored = StoredJob(row: job.row, workerName: name(ofWorker: job.row.worker))
        stored.extras = job.extras
        stored.error = job.error
        if stored.error.isEmpty { stored.error = job.history.first { $0.token == job.row.token }?.error ?? [] }
        stored.progress = job.progress
        return stored
    }
}

extension MemoryImage.Job {
    fileprivate func log(of token: FencingToken) -> [UInt8] { logs.first { $0.token == token }?.bytes ?? [] }
}
