/// The rules of the broker: which job runs where, under which lease, and what becomes of it.
///
/// Pure. Events come in with a ``Moment``; mutations and actions are added to the ``Effects`` of the turn. It reads no
/// clock, socket, disk or random source, so the same events with the same seed give the same trace.
///
/// The core does not hold every job. An event that needs the row of one it lacks returns what it ``Needs`` before it
/// changes anything; the caller answers with ``ColdFacts`` and applies the event again.
///
/// This type only routes. Each table owns its data and its invariants:
/// ``JobTable``, ``Lines``, ``WorkerTable``, ``PoolTable``, ``GrantTable``.
package struct BrokerState: Sendable {
    package struct Settings: Sendable {
        /// A worker that is silent for this long has lost its leases.
        package var lease: Duration
        /// How often a worker is to be heard.
        package var heartbeat: Duration
        /// By type name.
        package var policies: [String: Policy]
        package var defaultPolicy: Policy
        package var bounds = Bounds()

        package init(
            lease: Duration = .seconds(15), heartbeat: Duration = .seconds(5), policies: [String: Policy] = [:],
            defaultPolicy: Policy = Policy()
        ) {
            precondition(heartbeat > .zero && lease >= heartbeat * 2)
            self.lease = lease
            self.heartbeat = heartbeat
            self.policies = policies
            self.defaultPolicy = defaultPolicy
        }
    }

    package let settings: Settings
    package let keep: Retention
    package internal(set) var numbers: BrokerNumbers
    /// The batch that makes durable what is decided now.
    package internal(set) var openBatch: UInt64 = 1
    /// The last batch that is durable.
    package internal(set) var durable: UInt64 = 0

    package internal(set) var jobs = JobTable()
    package internal(set) var lines = Lines()
    package internal(set) var schedule: Window<SchedulePosition>
    package internal(set) var workers = WorkerTable()
    package internal(set) var pools = PoolTable()
    package internal(set) var grants = GrantTable()
    package internal(set) var operations = OperationTable()

    package internal(set) var isDraining = false
    var random: SeededRandom
    /// The sequence of the next lease of this epoch.
    var nextSequence: UInt64 = 1
    /// Something changed that may let a job be granted.
    var wantsDispatch = false
    /// Workers with chosen jobs, and with settlements to confirm, in this turn.
    var chosenFor: [Int32] = []
    var settledFor: [Int32] = []
    /// No lease expires for silence before this: the broker itself was not listening.
    var amnesty: Instant
    /// When silence is next judged.
    var nextJudgement: Instant
    var lastTurn: Moment
    /// How far the wall clock was moved against the other one since backoffs were last planned again.
    var wallDrift: Duration = .zero
    /// When old answers are next forgotten.
    var nextForgetting: Instant
    /// When retention is next looked at.
    var nextRetention: Instant

    /// - Parameters:
    ///   - recovered: What the store holds; the state begins as of its last batch.
    ///   - seed: For the jitter of backoffs.
    ///   - effects: Receives what the recovery tidies up on disk.
    package init(
        _ recovered: RecoveredFacts, settings: Settings, keep: Retention, seed: UInt64, at now: Moment,
        into effects: inout Effects
    ) {
        self.settings = settings
        self.keep = keep
        numbers = recovered.numbers
        schedule = Window(end: nil, changesMax: settings.bounds.pageChanges)
        random = SeededRandom(seed: seed)
        amnesty = now.instant
        nextJudgement = now.instant + settings.lease
        lastTurn = now
        nextRetention = now.instant
        nextForgetting = now.instant + .seconds(3600)
        openBatch = recovered.batch + 1
        durable = recovered.batch
        recover(recovered, at: now, into: &effects)
    }

    /// The caller handed the open batch out; what is decided from now on belongs to this one.
    package mutating func batchOpened(_ number: UInt64) {
        precondition(number == openBatch + 1)
        openBatch = number
    }

    /// Everything up to this batch is durable.
    package mutating func batchIsDurable(_ number: UInt64) {
        precondition(number > durable && number < openBatch)
        durable = number
    }

    /// Adds the counts that changed since the last batch; called when a batch is handed out.
    package mutating func writeCounts(into effects: inout Effects) { lines.writeCounts(into: &effects) }

    /// Refuse new jobs and grant nothing more; what is held goes on.
    package mutating func drain() { isDraining = true }

    // MARK: Types

    /// The number of a type, given at its first mention. Nil when there are too many.
    package mutating func type(named name: String, into effects: inout Effects) -> TypeIndex? {
        if let type = lines.index(of: name) { return type }
        precondition(TypeName.isValid(name))
        guard lines.count < Limits.typesMax else { return nil }
        let type = lines.add(name, policy: policy(of: name), end: nil, changesMax: settings.bounds.pageChanges)
        effects.rows.append(.type(type, name: name))
        return type
    }

    func policy(of name: String) -> Policy { settings.policies[name] ?? settings.defaultPolicy }

    // MARK: Jobs entering and leaving memory

    /// A row that is ready on disk, or will be with the open batch, enters its line.
    mutating func enterLine(_ row: JobRow) {
        precondition(row.state == .ready)
        let key = ReadyPosition(priority: row.priority, rank: row.rank)
        guard lines[row.type].window.covers(key) else {
            lines[row.type].window.arrivedBehind(row, key: key, batch: openBatch)
            return
        }
        let slot = jobs.insert(row, .ready)
        lines[row.type].window.insert(key, slot: slot, stamp: jobs[slot].stamp)
        lines.entries += 1
        wantsDispatch = true
        if lines.entries > settings.bounds.windowEntries { evict(for: row.type) }
    }

    /// All windows together are full: the longest gives up its last entry.
    private mutating func evict(for type: TypeIndex) {
        var longest = type
        for index in 0..<lines.count where lines.all[index].window.count > lines[longest].window.count {
            longest = TypeIndex(index)
        }
        guard let entry = lines[longest].window.evictLast(jobs, batch: openBatch) else {
            preconditionFailure("windows are full, yet the longest is empty")
        }
        lines.entries -= 1
        jobs.remove(entry.slot)
    }

    mutating func enterSchedule(_ row: JobRow) {
        precondition(row.state == .scheduled)
        let key = SchedulePosition(runAt: row.runAt, serial: row.serial)
        guard schedule.covers(key) else {
            schedule.arrivedBehind(row, key: key, batch: openBatch)
            return
        }
        let slot = jobs.insert(row, .scheduled)
        schedule.insert(key, slot: slot, stamp: jobs[slot].stamp)
        if schedule.count > settings.bounds.scheduledEntries, let entry = schedule.evictLast(jobs, batch: openBatch) {
            jobs.remove(entry.slot)
        }
    }

    /// Takes a job out of whatever window holds it, and out of memory.
    mutating func leaveWindow(_ slot: Int32) {
        let entry = jobs[slot]
        let type = entry.row.type
        switch entry.place {
        case .ready:
            jobs.remove(slot)
            lines[type].window.removed(jobs)
            lines.entries -= 1
        case .scheduled:
            jobs.remove(slot)
            schedule.removed(jobs)
        case .leased, .free:
            preconditionFailure("the job is in no window")
        }
    }

    /// A row that is not in memory changed or went; a page under way must not bring back what it was.
    mutating func coldRowLeft(_ row: JobRow) {
        switch row.state {
        case .ready:
            lines[row.type].window.left(
                row.id, key: ReadyPosition(priority: row.priority, rank: row.rank), batch: openBatch)
        case .scheduled:
            schedule.left(row.id, key: SchedulePosition(runAt: row.runAt, serial: row.serial), batch: openBatch)
        case .waiting, .completed, .dead, .cancelled: break
        case .leased: preconditionFailure("rows are never leased")
        }
    }

    /// Gives a row its place in the ready line, behind all of its priority.
    mutating func makeReady(_ row: inout JobRow) {
        row.state = .ready
        row.rank = numbers.nextRank
        numbers.nextRank += 1
    }

    /// Puts a row that was just decided where its state belongs.
    mutating func place(_ row: JobRow) {
        switch row.state {
        case .ready: enterLine(row)
        case .scheduled: enterSchedule(row)
        case .waiting, .completed, .dead, .cancelled: break
        case .leased: preconditionFailure("rows are never leased")
        }
    }
}

/// What is found on disk at start, as far as the rules need it.
package struct RecoveredFacts: Sendable {
    package var batch: UInt64
    package var numbers: BrokerNumbers
    package var types: [String]
    package var counts: [Counts]
    package var workers: [WorkerRow]
    package var grants: [GrantRow]
    package var grantedJobs: [JobRow]
    package var operations: [OperationRow]

    package init(
        batch: UInt64, numbers: BrokerNumbers, types: [String] = [], counts: [Counts] = [], workers: [WorkerRow] = [],
        grants: [GrantRow] = [], grantedJobs: [JobRow] = [], operations: [OperationRow] = []
    ) {
        precondition(types.count == counts.count)
        self.batch = batch
        self.numbers = numbers
        self.types = types
        self.counts = counts
        self.workers = workers
        self.grants = grants
        self.grantedJobs = grantedJobs
        self.operations = operations
    }
}

/// What an event needs to know of jobs that are not in memory.
package struct Needs: Hashable, Sendable {
    package var rows: [JobID] = []
    package var outcomes: [LeaseReference] = []

    package init() {}
    package static let nothing = Needs()
    package var isEmpty: Bool { rows.isEmpty && outcomes.isEmpty }
}

/// The answer: a row or an outcome that is nil does not exist. As of everything decided so far, durable or not.
package struct ColdFacts: Sendable {
    package var rows: [JobID: JobRow?] = [:]
    package var outcomes: [LeaseReference: Outcome?] = [:]

    package init() {}
    package static let none = ColdFacts()
}
