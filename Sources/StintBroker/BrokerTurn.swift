import DequeModule
import Foundation
import StintCore
import StintStore
import StintTransport
import StintWire

/// One turn of the broker as a plain value: frames, commit results and a ``Moment`` in; batches and frames out. The
/// thread around it (``BrokerLoop``) owns sockets and clocks; the simulator runs the same value without either.
///
/// A turn: ``receive(fromWorker:at:now:)`` and ``receive(fromClient:at:now:)`` for everything that was read, then
/// ``finish(at:)``; then ``takeBatch()`` when the store is free; after the commit ``committed(_:at:)``; then
/// ``nextFrame()`` until it is nil.
///
/// Persist, then speak: what is decided joins the open batch, and what is to be said waits in the ``Outbox`` until its
/// batch is durable.
package struct BrokerTurn {
    package struct Configuration: Sendable {
        package var settings: BrokerState.Settings
        package var keep: Retention
        package var payloadBytesMax: Int
        package var seed: UInt64
        /// Who may do what; nil: every peer may do everything, because only those of this host can connect.
        package var keys: KnownKeys?

        package init(
            settings: BrokerState.Settings = .init(), keep: Retention = Retention(),
            payloadBytesMax: Int = Limits.payloadBytesMax, seed: UInt64, keys: KnownKeys? = nil
        ) {
            self.keys = keys
            self.settings = settings
            self.keep = keep
            self.payloadBytesMax = payloadBytesMax
            self.seed = seed
        }
    }

    /// A line of the log.
    package struct Warning: Hashable, Sendable {
        package var sentence: String
        package var details: [String: String]
    }

    package let configuration: Configuration
    package internal(set) var state: BrokerState
    let reader: any StoreReader

    var effects = Effects()
    var open: Batch
    package internal(set) var openBytes = 0
    var committing: Batch?
    package internal(set) var durable: UInt64
    var overlay = Overlay()

    var workers: Peers
    var clients: Peers
    var outbox = Outbox()
    /// Frames with their bytes, in the order in which they may be sent.
    var outgoing: Deque<OutgoingFrame> = []
    /// Of all frames so far.
    var builtBytes = 0
    /// Assign messages sent to each session.
    var assignments: [SessionID: UInt64] = [:]
    var cache: PayloadCache
    var progress = ProgressReports()
    /// HELLOs that wait for their turn.
    var workerHellos: HelloGate
    var clientHellos: HelloGate
    var watchers = Watchers()
    /// Questions that wait for their turn.
    var questions: Questions
    /// Of the store and of memory, to answer the question that is being answered.
    var rowsRead = 0
    var firstAbove = FirstAbove()
    /// Answers to mutating requests of batches that are not durable yet, and some older ones.
    var answers = RecentAnswers()
    /// Pages asked for by the core; whoever reads them answers with ``pageRead(_:_:at:)``.
    package internal(set) var pageRequests: [PageRequest] = []

    /// Nil on a broker without keys.
    var keys: KnownKeys?
    var nextExpiry: WallTime?
    /// Which key a worker's life belongs to.
    var owners: [InstanceID: UserID] = [:]  // for lookup only
    /// What WELCOME is to say of the types that a HELLO named.
    var refusedTypes: [SessionID: [String]] = [:]  // for lookup only
    var audit: AuditLog
    /// How often each limit was reached.
    package internal(set) var refusals = LimitCounts()
    /// What was learned of connections, for whoever owns them.
    var verdicts: [PeerVerdict] = []
    /// For the operator; whoever runs the turn takes and logs them.
    package internal(set) var warnings: [Warning] = []
    /// Set by whoever watches the disk: new jobs are refused, settling goes on.
    package var storeIsFull = false
    package let startedAt: WallTime
    package var storeBytes: Int64 = 0
    /// For `stint doctor`; set by whoever runs the turn.
    package var host = HostFacts()
    var notes = HealthNotes()
    /// Set by whoever owns the sockets.
    package var connections = OpenConnections()

    package init(
        _ recovered: RecoveredState, configuration: Configuration, reader: any StoreReader, at now: Moment
    ) {
        self.configuration = configuration
        self.reader = reader
        questions = Questions(share: configuration.settings.bounds.questionRowsPerTurn)
        cache = PayloadCache(places: configuration.settings.bounds.cachedPayloads)
        workerHellos = HelloGate(configuration.settings.bounds)
        clientHellos = HelloGate(configuration.settings.bounds)
        workers = Peers(most: Limits.workerSessionsMax)
        clients = Peers(most: Limits.clientSessionsMax)
        let facts = RecoveredFacts(
            batch: recovered.batch, numbers: recovered.numbers, types: recovered.types, counts: recovered.counts,
            workers: recovered.workers, grants: recovered.grants, grantedJobs: recovered.grantedJobs,
            operations: recovered.operations)
        state = BrokerState(
            facts, settings: configuration.settings, keep: configuration.keep, seed: configuration.seed, at: now,
            into: &effects)
        open = Batch(number: recovered.batch + 1, numbers: recovered.numbers)
        durable = recovered.batch
        startedAt = now.wall
        keys = configuration.keys
        nextExpiry = configuration.keys?.nextExpiry(after: now.wall)
        audit = AuditLog(after: recovered.audit)
        absorb()
    }

    // MARK: Numbers and gates

    /// The batch that must be durable before anything decided now may be said.
    var gate: UInt64 { open.isEmpty ? open.number - 1 : open.number }

    /// Whether more may be read from each socket: the open batch is bounded, and settling comes before enqueueing.
    package var readsClients: Bool { isOpenBatchBelow(1) }
    package var readsWorkers: Bool { isOpenBatchBelow(2) }

    private func isOpenBatchBelow(_ times: Int) -> Bool {
        openBytes < times * bounds.batchBytes && openWrites < times * bounds.batchWrites
            && outbox.bytes < times * Limits.answersWaitingBytesMax
    }

    var bounds: Bounds { configuration.settings.bounds }

    /// Takes no new jobs, grants nothing more.
    package mutating func drain() { state.drain() }

    /// Nothing waits for a commit or for a socket.
    package var isQuiet: Bool { committing == nil && open.isEmpty && outbox.isEmpty && outgoing.isEmpty }

    // MARK: The end of a turn

    /// Grants what can be granted, confirms what was settled, does the work of time. Returns when the next turn is due
    /// at the latest.
    package mutating func finish(at now: Moment) throws -> Instant {
        state.clocksRead(now, into: &effects)
        if !readsWorkers { state.isDeaf() }
        var wake = state.tick(at: now, into: &effects)
        // A step looks up rows of this very turn, and finds those of the open batch.
        absorb()
        if let next = admitHellos(at: now) { wake = min(wake, next) }
        if let next = tellProgress(at: now) { wake = min(wake, next) }
        if try stepOperation(at: now) { wake = now.instant }
        expireKeys(at: now)
        audit.endWindows(at: now, all: state.isDraining)
        wake = min(wake, whenAccessChanges(at: now))
        state.confirmSettlements(into: &effects)
        state.dispatch(at: now, into: &effects)
        absorb()
        if try answerQuestions(at: now) { wake = now.instant }
        if open.isEmpty {
            // Bytes of requests that were refused or repeated: no row names them, and no batch would take them away.
            open.blobs.removeAll()
            openBytes = 0
        }
        return wake
    }

    /// Puts bytes that a row may name into the open batch.
    mutating func keep(_ bytes: Bytes) -> Blob {
        openBytes += bytes.count
        return open.add(bytes)
    }

    /// Takes the effects of the core into the open batch and the outbox.
    mutating func absorb() {
        if !effects.jobs.isEmpty {
            for write in effects.jobs { open.jobs.append(absorbed(write)) }
        }
        if !effects.rows.isEmpty { open.rows.append(contentsOf: effects.rows) }
        if !audit.pending.isEmpty { writeAudit() }
        let gate = gate
        for action in effects.actions { say(action, gate: gate) }
        if !watchers.isEmpty {
            for assigned in effects.assigned { watchers.leased(assigned, gate: gate, into: &outbox) }
        }
        if !effects.pages.isEmpty { pageRequests.append(contentsOf: effects.pages) }
        effects.removeAll()
    }

    private mutating func absorbed(_ decided: JobWrite) -> JobWrite {
        var write = decided
        switch write.kind {
        case .insert:
            if write.row.id > state.numbers.highestID { firstAbove.stored(write.row.id, batch: open.number) }
            let payload = write.payload.isNone ? Bytes([]) : open[write.payload]
            if write.row.state == .ready {
                cache.put(
                    write.row.serial, payload: payload, extras: write.extras.isNone ? Bytes([]) : open[write.extras])
            }
            openBytes += 200
        case .finish, .retire:
            if !progress.isEmpty, let last = progress[write.row.id] {
                progress.remove(write.row.id)
                if write.progress.isNone, last.token == write.row.token { write.progress = keep(last.bytes) }
            }
            openBytes += 100
        case .update, .replay, .delete:
            if write.row.state.isFinal { progress.remove(write.row.id) }
            openBytes += 100
        }
        // A cancel that was asked for while the job is leased changes its row, not where it stands.
        if !watchers.isEmpty, write.kind != .update || !write.row.cancelRequested || write.row.state.isFinal {
            watchers.changed(
                write, result: write.result.isNone ? nil : open[write.result],
                error: write.error.isNone ? nil : open[write.error], gate: open.number, into: &outbox)
        }
        return write
    }

    private mutating func say(_ action: Action, gate: UInt64) {
        switch action {
        case .welcome(let session, let lost, let cancelled):
            var message = Stint_V1_WorkerWelcome()
            message.protocol = Frame.protocolVersions.upperBound
            message.epoch = state.numbers.epoch
            message.leaseMs = UInt64(state.settings.lease.inMilliseconds)
            message.heartbeatMs = UInt64(state.settings.heartbeat.inMilliseconds)
            message.payloadBytesMax = UInt64(configuration.payloadBytesMax)
            message.refusedTypes = refusedTypes.removeValue(forKey: session) ?? []
            message.lost =
                Stint_V1_Lost.groups(lost, reason: .leaseLost)
                + Stint_V1_Lost.groups(cancelled, reason: .jobCancelled)
            outbox.add(.toWorker(session, .workerWelcome(message)), gate: gate)
        case .assign(let session, let first, let jobs):
            outbox.add(.assign(session, first: first, Array(effects.assigned[jobs])), gate: gate)
        case .settled(let session, let upTo, let refused):
            outbox.add(.toWorker(session, .settled(Stint_V1_Settled(upTo: upTo, refused: refused))), gate: gate)
        case .revoke(let session, let leases):
            outbox.add(.toWorker(session, .revoke(Self.revoke(leases, .leaseLost))), gate: gate)
        case .cancel(let session, let lease):
            outbox.add(.toWorker(session, .revoke(Self.revoke([lease], .jobCancelled))), gate: gate)
        case .checkpointSaved(let session, let number, let refused):
            var message = Stint_V1_CheckpointSaved()
            message.number = number
            message.refused = refused
            outbox.add(.toWorker(session, .checkpointSaved(message)), gate: gate)
        }
    }

    private static func revoke(_ leases: [LeaseReference], _ reason: Stint_V1_Lost.Reason) -> Stint_V1_Revoke {
        var message = Stint_V1_Revoke()
        message.lost = Stint_V1_Lost.groups(leases, reason: reason)
        return message
    }

    // MARK: Batches

    /// What waits in the open batch.
    package var openWrites: Int { open.jobs.count + open.rows.count }

    /// Whether ``takeBatch()`` would hand one out.
    package var hasBatchToTake: Bool { committing == nil && !open.isEmpty }

    /// Hands out the open batch, if there is one and no other is under way.
    package mutating func takeBatch() -> Batch? {
        guard committing == nil, !open.isEmpty else { return nil }
        state.writeCounts(into: &effects)
        open.rows.append(contentsOf: effects.rows)
        effects.removeAll()
        open.numbers = state.numbers
        let batch = open
        committing = batch
        overlay.handedOut()
        open = Batch(number: batch.number + 1, numbers: state.numbers)
        open.jobs.reserveCapacity(batch.jobs.count)
        openBytes = 0
        state.batchOpened(open.number)
        return batch
    }

    /// The batch is durable. A commit that failed never comes here: its outcome is unknown, and the process ends
    /// without speaking.
    package mutating func committed(_ number: UInt64, at now: Moment) {
        precondition(committing?.number == number && number == durable + 1)
        durable = number
        state.batchIsDurable(number)
        committing = nil
        overlay.committed()
        answers.committed(number)
        firstAbove.committed(number)
    }

    /// A page that was asked for has been read.
    package mutating func pageRead(_ request: PageRequest, _ page: JobPage) {
        state.pageArrived(request, rows: page.rows, batch: page.batch, into: &effects)
    }

    /// Takes the pages to read.
    package mutating func takePageRequests() -> [PageRequest] {
        defer { pageRequests.removeAll(keepingCapacity: true) }
        return pageRequests
    }

    /// Takes what the operator is to read.
    package mutating func takeWarnings() -> [Warning] {
        defer { warnings.removeAll() }
        return warnings
    }

    // MARK: Cold facts

    /// Answers what the core needs: the images of batches not yet durable, else a point read.
    mutating func facts(for needs: Needs) throws -> ColdFacts {
        var facts = ColdFacts()
        for id in needs.rows { facts.rows[id] = .some(try row(id)) }
        for lease in needs.outcomes { facts.outcomes[lease] = .some(try outcome(of: lease)) }
        return facts
    }

    /// The row of a job as of everything decided so far. Not for jobs in memory, whose row is there.
    mutating func row(_ id: JobID) throws -> JobRow? {
        if let row = overlay.row(id, open: open.jobs, committing: committing?.jobs ?? []) { return row }
        return try reader.row(id)
    }

    private mutating func outcome(of lease: LeaseReference) throws -> Outcome? {
        if let outcome = overlay.outcome(of: lease, open: open.jobs, committing: committing?.jobs ?? []) {
            return outcome
        }
        let current: JobRow?
        if let slot = state.jobs.slot(of: lease.id) {
            current = state.jobs[slot].row
        } else {
            current = try row(lease.id)
        }
        guard let current else { return nil }
        return try reader.outcome(of: lease.token, serial: current.serial)
    }
}
