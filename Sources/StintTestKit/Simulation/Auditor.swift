import StintCore
import StintStore

/// Reads every batch as it becomes durable and says whether a job may move like that: a second, much simpler telling of
/// the rules. What it knows is what is on the disk.
struct Auditor {
    private var jobs = JobRecords()
    private var grants: [FencingToken: GrantRow] = [:]  // for lookup only
    /// Leases that ended in the last batch without a word of their worker.
    private(set) var ended: [LeaseReference] = []
    /// Leases of jobs that were to be cancelled, and that the last batch took away.
    private(set) var cancelled: [LeaseReference] = []
    /// Leases that ended in the last batch without a word, and those of them that count.
    private(set) var givenBack: [SilentEnding] = []
    private(set) var blamed: [SilentEnding] = []
    /// Grants that the last batch made.
    private(set) var newGrants: [GrantRow] = []
    private var held = HeldLeases()
    /// Operations under way, each with the batch that began it.
    private var operations: [Int64: (row: OperationRow, batch: UInt64)] = [:]  // for lookup only
    private var batch: UInt64 = 0
    /// Jobs that the last batch removed.
    private(set) var removedNow: [JobID] = []
    private var counts: [Counts] = []
    private var corrupt: Set<JobID> = []
    private let keep: Retention
    private var epoch: UInt64 = 0
    private var lastRank: Int64 = 0
    /// The latest moment that the broker's wall clock ever showed.
    private var latestWall = Simulation.start.wall
    private var wallWasSet = false
    /// A reference, so that a sentence can be made from what it speaks of.
    private let broken = Broken()

    private final class Broken {
        var sentences: [String] = []
    }

    init(_ settings: LifeSettings) { keep = settings.configuration.keep }

    subscript(id: JobID) -> JobRow? { jobs[id] }
    /// The last that was known of a job that is not there any more.
    func removed(_ id: JobID) -> JobRow? { jobs.removed(id) }

    /// Whatever there was, for a comparison.
    var everyJob: [JobRow] { jobs.newest }
    var everyLease: [(token: FencingToken, serial: Int64)] { jobs.everyLease }

    /// Whether no job is there that is not over and could be.
    func isAllOver(at wall: WallTime) -> Bool {
        jobs.rows.allSatisfy { $0.state.isFinal || Self.waitsForItsTime($0, wall) }
    }

    /// Someone wished for a time that has not come; or a backoff is late by steps of the clock that are small enough to be
    /// left alone, those before it was planned and those after.
    static func waitsForItsTime(_ row: JobRow, _ wall: WallTime) -> Bool {
        row.state == .scheduled && row.runAt > wall && (!row.isBackoff || row.runAt <= wall + BrokerState.wallStep * 2)
    }

    func id(serial: Int64) -> JobID? { jobs[serial: serial]?.id }

    /// How the attempt ended, if it is on record.
    func outcome(of lease: LeaseReference) -> Outcome? { jobs.outcome(of: lease) }

    /// Whether the lease stands, as far as the disk knows.
    func isGranted(_ id: JobID, _ token: FencingToken) -> Bool { jobs[id].map { isGranted($0, token) } ?? false }

    private func isGranted(_ row: JobRow, _ token: FencingToken) -> Bool {
        jobs.standing(row.serial) == token && row.state == .ready && row.token < token
    }

    func takeProblems() -> [String] {
        defer { broken.sentences.removeAll() }
        return broken.sentences
    }

    mutating func isCorrupt(_ id: JobID) { corrupt.insert(id) }
    mutating func wallClockMoved(to wall: WallTime) {
        latestWall = max(latestWall, wall)
        wallWasSet = true
    }

    mutating func epochIs(_ epoch: UInt64) {
        expect(epoch > self.epoch, "epoch \(epoch) follows epoch \(self.epoch)")
        self.epoch = epoch
    }

    mutating func committed(_ batch: Batch, at now: Moment) {
        latestWall = max(latestWall, now.wall)
        expect(batch.numbers.epoch == epoch, "a batch of epoch \(batch.numbers.epoch) in epoch \(epoch)")
        for case .type(let type, _) in batch.rows {
            expect(type.asInt == counts.count, "type \(type.value) is not the next")
            counts.append(Counts())
        }
        ended.removeAll(keepingCapacity: true)
        removedNow.removeAll(keepingCapacity: true)
        cancelled.removeAll(keepingCapacity: true)
        newGrants.removeAll(keepingCapacity: true)
        self.batch = batch.number
        var vanished: [(lease: LeaseReference, worker: Int32)] = []
        for row in batch.rows {
            switch row {
            case .grant(let grant): changed(grant.first, to: grant, &vanished)
            case .grantEnded(let first): changed(first, to: nil, &vanished)
            case .operation(let row): operations[row.number] = (row, operations[row.number]?.batch ?? batch.number)
            case .type, .counts, .worker, .checkpoint, .answer, .answersForgotten, .operationEnded, .audit,
                .auditForgotten:
                break
            }
        }
        for write in batch.jobs { apply(write) }
        vanished.removeAll { item in jobs[item.lease.id] == nil || batch.tellsHowEnded(item.lease) }
        ended += vanished.map(\.lease)
        (givenBack, blamed) = Self.silentEndings(of: batch, vanished: vanished, in: held)
        for (lease, worker) in vanished { held.ended(lease.token, worker: worker) }
        for write in batch.jobs where write.kind == .finish || write.kind == .retire {
            held.ended(write.row.token, worker: write.row.worker)
        }
        for case .operationEnded(let number) in batch.rows { operationEnded(number) }
        if batch.number & 15 == 0 { checkOrder(of: batch, vanished: vanished.map(\.lease.id)) }
        for case .counts(let type, var kept) in batch.rows {
            kept.leased = 0
            expect(kept == counts[type.asInt], "type \(type.value) is counted \(kept), and has \(counts[type.asInt])")
        }
    }

    /// A grant is made, or loses leases that left no trace in the row of their job.
    private mutating func changed(
        _ first: FencingToken, to grant: GrantRow?, _ vanished: inout [(lease: LeaseReference, worker: Int32)]
    ) {
        let former = grants[first]
        grants[first] = grant
        if let grant, former == nil {
            held.granted(grant)
            newGrants.append(grant)
        }
        func token(_ entry: GrantRow.Entry) -> FencingToken {
            FencingToken(epoch: first.epoch, sequence: first.sequence + UInt64(entry.offset))
        }
        for entry in grant?.entries ?? [] where former == nil { jobs.grant(entry.serial, token(entry)) }
        for entry in former?.entries ?? [] where !(grant?.entries.contains(entry) ?? false) {
            guard jobs.standing(entry.serial) == token(entry) else { continue }
            jobs.leaseVanished(entry.serial)
            guard let id = id(serial: entry.serial), let worker = former?.worker else { continue }
            vanished.append((LeaseReference(id: id, token: token(entry)), worker))
        }
    }

    private mutating func apply(_ write: JobWrite) {
        let row = write.row
        let old = jobs[row.id]
        if write.kind == .insert {
            expect(old == nil, "\(row.id) is inserted twice")
            expect(row.token == .none && row.attempt == 0 && !row.state.isFinal, "\(row.id) is not born new")
        } else if let old {
            move(old, to: row, by: write.kind)
        } else {
            problem("\(row.id) is changed, and not there")
        }
        if write.kind == .finish || write.kind == .retire, row.outcome == .expired || row.outcome == .timedOut {
            ended.append(LeaseReference(id: row.id, token: row.token))
        }
        if write.kind == .finish || write.kind == .retire {
            jobs.leaseEnded(row.serial, row.token, as: row.outcome)
            if row.outcome == .cancelled { cancelled.append(LeaseReference(id: row.id, token: row.token)) }
        }
        if let old { count(old, -1) }
        switch write.kind {
        case .delete:
            jobs.remove(row)
            removedNow.append(row.id)
        case .insert:
            count(row, 1)
            jobs.store(row)
        case .update, .finish, .retire, .replay:
            count(row, 1)
            jobs.change(row)
        }
        if row.state == .dead, old?.state != .dead { jobs.died(row, in: batch) }
        if row.state == .ready, old?.state != .ready {
            expect(row.rank > lastRank, "\(row.id) enters its line with rank \(row.rank), not behind \(lastRank)")
            lastRank = max(lastRank, row.rank)
        }
    }

    private mutating func count(_ row: JobRow, _ change: Int64) {
        let type = row.type
        guard type.asInt < counts.count else { return problem("type \(type.value) has no name yet") }
        if counts[type.asInt][row.state] + change >= 0 { counts[type.asInt][row.state] += change }
        if !row.state.isFinal { counts[type.asInt].unfinishedBytes += change * Int64(row.payloadBytes) }
    }

    private func move(_ old: JobRow, to row: JobRow, by kind: JobWrite.Kind) {
        let name = row.id
        expect(row.serial == old.serial && row.digest == old.digest, "\(name) is another job than before")
        expect(row.attempt <= row.attemptsMax, "\(name) had \(row.attempt) attempts of \(row.attemptsMax)")
        expect(row.token >= old.token, "\(name): the token on record falls from \(old.token) to \(row.token)")
        switch kind {
        case .insert: break
        case .update:
            expect(!old.state.isFinal, "\(name) is \(old.state.name) and moves to \(row.state.name)")
            expect(row.attempt == old.attempt, "\(name): an attempt is counted or given back without having ended")
            expect(row.state == old.state || row.state != .completed, "\(name) is completed without an attempt")
            expect(row.state == .cancelled || row.state != .dead, "\(name) dies without an attempt")
            if row.state == .ready, old.state == .scheduled {
                expect(row.runAt <= latestWall, "\(name) becomes ready \(row.runAt - latestWall) before its time")
            } else if row.state == .scheduled {
                expect(
                    row.runAt == old.runAt || old.isBackoff,
                    "\(name) is moved by \(row.runAt - old.runAt), and somebody wished for its time")
            }
        case .finish, .retire: attemptEnded(old, row, kind)
        case .replay:
            expect(old.state == .dead, "\(name) is replayed and was \(old.state.name)")
            expect(row.attempt == 0 && row.state == .ready, "\(name) is replayed with \(row.attempt) attempts")
            expect(!row.cancelRequested && row.outcome == .none, "\(name) is replayed as \(row.outcome.name)")
        case .delete: removed(old)
        }
    }

    private func attemptEnded(_ old: JobRow, _ row: JobRow, _ kind: JobWrite.Kind) {
        let name = row.id
        expect(old.state == .ready, "\(name): an attempt ends of a job that is \(old.state.name)")
        expect(row.token > old.token, "\(name): the attempt under \(row.token) ends after that of \(old.token)")
        expect(
            jobs.wasGranted(row.serial, row.token),
            "\(name): the attempt under \(row.token) was never granted")
        let counts: Bool
        switch row.outcome {
        case .completed, .failed, .errored, .timedOut, .crashed, .expired: counts = true
        case .cancelled, .snoozed, .released, .corrupt: counts = false
        case .none: return problem("\(name): an attempt ends without an outcome")
        }
        expect(
            row.attempt == old.attempt + (counts ? 1 : 0),
            "\(name): \(old.attempt) attempts counted, one is \(row.outcome.name), and now it is \(row.attempt)")
        expect(row.state.isFinal == (kind == .finish), "\(name) is \(row.state.name) by a write that says otherwise")
        switch row.state {
        case .completed:
            expect(row.outcome == .completed, "\(name) is completed by an attempt that \(row.outcome.name)")
        case .cancelled: expect(old.cancelRequested, "\(name) is cancelled, and nobody asked for it")
        case .dead:
            expect(row.outcome != .snoozed && row.outcome != .completed, "\(name) dies as \(row.outcome.name)")
            if row.outcome == .corrupt { expect(corrupt.contains(name), "\(name) is found corrupt, and is not") }
            if row.outcome == .expired || row.outcome == .timedOut && !old.cancelRequested {
                expect(row.attempt >= row.attemptsMax || row.outcome == .timedOut, "\(name) dies with attempts left")
            }
        case .scheduled:
            expect(!old.cancelRequested, "\(name) goes on, although it was to be cancelled")
            expect(row.attempt < row.attemptsMax || row.outcome == .snoozed, "\(name) goes on without attempts left")
        case .ready, .waiting, .leased: problem("\(name) is \(row.state.name) after an attempt")
        }
    }

    private func removed(_ old: JobRow) {
        expect(old.state.isFinal, "\(old.id) is removed and is \(old.state.name)")
        // Whether dead jobs were discarded is known to the ledger.
        guard let rule = keep[old.state] else { return }
        let count = counts.reduce(0) { $0 + $1[old.state] }
        let isSurplus = rule.count.map { count > Int64($0) } ?? false
        let isOld = old.finishedAt + rule.time <= latestWall
        expect(
            isSurplus || isOld || old.state == .dead,
            "\(old.id) is removed \(latestWall - old.finishedAt) after it was \(old.state.name), one of \(count)")
    }

    /// It was about all jobs that were dead when it began.
    private mutating func operationEnded(_ number: Int64) {
        guard let (operation, begun) = operations.removeValue(forKey: number) else {
            return problem("operation \(number) ends, and never began")
        }
        guard operation.state == .dead else { return }
        for row in jobs.rows where row.state == .dead && row.finishedAt < operation.before {
            guard operation.type == nil || operation.type == row.type, let died = jobs.death(of: row) else { continue }
            // In the same batch only the clock can tell, if nobody ever set it.
            let isEarlier = !wallWasSet && row.finishedAt < operation.before + .milliseconds(-1)
            guard died < begun || (died == begun && isEarlier) else { continue }
            problem("\(row.id) was dead when operation \(number) began, and is still dead when it ends")
        }
    }

    private func checkOrder(of batch: Batch, vanished: [JobID]) {
        let granted = newGrants.flatMap(\.entries).compactMap { jobs[serial: $0.serial] }.filter { $0.state == .ready }
        let touched = Set(batch.jobs.map(\.row.id) + vanished + granted.map(\.id))
        for (row, before) in Self.queueJumpers(granted, among: jobs.readyRows) where !touched.contains(before.id) {
            guard jobs.standing(before.serial).map({ $0 <= before.token }) ?? true else { continue }
            problem("\(row.id) is granted before \(before.id), which stands before it in the line")
        }
    }

    private func expect(_ holds: Bool, _ sentence: @autoclosure () -> String) {
        if !holds { problem(sentence()) }
    }

    private func problem(_ sentence: String) { broken.sentences.append(sentence) }
}

extension Batch {
    /// Whether it keeps on record how the attempt ended; its job may have been granted again, and have ended again, since.
    fileprivate func tellsHowEnded(_ lease: LeaseReference) -> Bool {
        jobs.contains {
            ($0.kind == .finish || $0.kind == .retire) && $0.row.token == lease.token && $0.row.id == lease.id
        }
    }
}
