import StintCore
import Testing

/// The broker's rules with everything around them that they need: a disk that remembers, time that is moved by hand,
/// and the letters that its workers were sent. Durable at once unless a test says otherwise.
struct TestBroker {
    /// What an assign message gave to a worker.
    struct Lease: Equatable {
        var reference: LeaseReference
        var attempt: UInt16
        var session: SessionID
        var job: JobID { reference.id }
        var token: FencingToken { reference.token }
    }

    enum Answer: Equatable {
        case accepted
        case refused(SettleRefusal)
    }

    var state: BrokerState
    var now: Moment
    /// Everything decided so far, and the part of it that is durable.
    var decided = Disk()
    var durable = Disk()
    /// Everything that was said since the test last looked.
    var actions: [Action] = []
    var writes: [JobWrite] = []
    var rowWrites: [RowWrite] = []
    var assigned: [SessionID: [Lease]] = [:]
    /// Pages that were asked for and not delivered, with what they will show once they were read.
    var pages: [(request: PageRequest, read: (rows: [JobRow], batch: UInt64)?)] = []
    /// Whether a turn also commits, hands its frames to the socket and reads the pages it asked for.
    var isInstant = true
    /// How far the wall clock was set away from where it would be, in milliseconds.
    var wallOffset: Int64 = 0
    var wake: Instant
    private let settings: BrokerState.Settings
    private let keep: Retention
    private let seed: UInt64
    private var settleNumbers: [SessionID: UInt64] = [:]
    private var sessions: UInt64 = 0
    private var instances: UInt64 = 0
    private var ids: UInt64 = 0
    private(set) var granted: [FencingToken: Lease] = [:]

    init(
        policies: [String: Policy] = [:], policy: Policy = Policy(backoff: .none), keep: Retention = Retention(),
        bounds: Bounds = Bounds(), seed: UInt64 = 1
    ) {
        var settings = BrokerState.Settings(policies: policies, defaultPolicy: policy)
        settings.bounds = bounds
        self.settings = settings
        self.keep = keep
        self.seed = seed
        now = Moment(instant: Instant(nanoseconds: 1_000_000_000), wall: WallTime(milliseconds: 1_700_000_000_000))
        wake = now.instant
        var numbers = BrokerNumbers()
        numbers.epoch = 1
        var effects = Effects()
        state = BrokerState(
            RecoveredFacts(batch: 0, numbers: numbers), settings: settings, keep: keep, seed: seed, at: now,
            into: &effects)
        absorb(&effects)
    }

    // MARK: The turn

    mutating func absorb(_ effects: inout Effects) {
        for write in effects.jobs { decided.write(write) }
        for write in effects.rows { decided.write(write) }
        writes += effects.jobs
        rowWrites += effects.rows
        actions += effects.actions
        for case .assign(let session, let first, let range) in effects.actions {
            for (offset, job) in effects.assigned[range].enumerated() {
                let token = FencingToken(epoch: first.epoch, sequence: first.sequence + UInt64(offset))
                let lease = Lease(
                    reference: LeaseReference(id: job.id, token: token), attempt: job.attempt, session: session)
                let former = granted.updateValue(lease, forKey: token)
                #expect(former == nil, "a token is granted once")
                assigned[session, default: []].append(lease)
            }
        }
        pages += effects.pages.map { ($0, nil) }
        effects.removeAll()
    }

    /// One event, and what it asks for.
    mutating func event<Result>(_ body: (inout BrokerState, Moment, inout Effects) -> Result) -> Result {
        var effects = Effects()
        let result = body(&state, now, &effects)
        absorb(&effects)
        return result
    }

    /// The end of a turn.
    mutating func turn() {
        wake = event { state, now, effects in
            let wake = state.tick(at: now, into: &effects)
            state.confirmSettlements(into: &effects)
            state.dispatch(at: now, into: &effects)
            return wake
        }
        guard isInstant else { return }
        settleDown()
        while !pages.isEmpty {
            readPage()
            deliverPage()
            settleDown()
        }
    }

    /// What was decided becomes durable, and the turn that follows on that asks for pages.
    private mutating func settleDown() {
        for _ in 0..<2 {
            event { state, now, effects in state.dispatch(at: now, into: &effects) }
            commit()
            releaseAll()
        }
    }

    mutating func commit() {
        event { state, _, effects in state.writeCounts(into: &effects) }
        durable = decided
        state.batchOpened(state.openBatch + 1)
        state.batchIsDurable(state.openBatch - 1)
    }

    /// Hands every assign message to the socket.
    mutating func releaseAll() {
        for session in assigned.keys { release(session) }
    }

    mutating func release(_ session: SessionID, upTo token: FencingToken? = nil) {
        guard let last = token ?? assigned[session]?.last?.token else { return }
        state.released(session: session, upTo: last)
    }

    /// The oldest page that was asked for is read, as of what is durable now.
    mutating func readPage() {
        guard let index = pages.firstIndex(where: { $0.read == nil }) else { return }
        pages[index].read = (durable.page(pages[index].request), state.openBatch - 1)
    }

    mutating func deliverPage() {
        guard let index = pages.firstIndex(where: { $0.read != nil }) else { return }
        let (request, read) = pages.remove(at: index)
        guard let read else { return }
        event { state, _, effects in
            state.pageArrived(request, rows: read.rows, batch: read.batch, into: &effects)
        }
    }

    mutating func advance(by duration: Duration) {
        now.instant = now.instant + duration
        now.wall = WallTime(
            milliseconds: 1_700_000_000_000 + wallOffset + (now.instant.nanoseconds - 1_000_000_000) / 1_000_000)
        turn()
    }

    /// Someone sets the wall clock; the monotonic one does not notice.
    mutating func stepWall(by duration: Duration) {
        wallOffset += duration.inMilliseconds
        advance(by: .zero)
    }

    /// Ends this life of the broker with all that is durable, and begins the next.
    mutating func restart(seed: UInt64? = nil) {
        var numbers = state.numbers
        numbers.epoch += 1
        decided = durable
        assigned = [:]
        actions = []
        pages = []
        var effects = Effects()
        state = BrokerState(
            durable.recovered(batch: state.openBatch - 1, numbers: numbers), settings: settings, keep: keep,
            seed: seed ?? self.seed, at: now, into: &effects)
        absorb(&effects)
        commit()
    }

    func facts(for needs: Needs) -> ColdFacts {
        var facts = ColdFacts()
        for id in needs.rows { facts.rows.updateValue(decided.rows[id], forKey: id) }
        for lease in needs.outcomes {
            facts.outcomes.updateValue(decided.outcomes[lease.id]?[lease.token], forKey: lease)
        }
        return facts
    }

    // MARK: Names

    mutating func freshSession() -> SessionID {
        sessions += 1
        return SessionID(sessions)
    }

    mutating func freshInstance() -> InstanceID {
        instances += 1
        return InstanceID(high: 7, low: instances)
    }

    mutating func freshID() -> JobID {
        ids += 1
        return JobID(milliseconds: 1_700_000_000_000, counter: 0, random: ids)
    }

    mutating func nextSettleNumber(_ session: SessionID) -> UInt64 {
        settleNumbers[session, default: 0] += 1
        return settleNumbers[session, default: 1]
    }
}

extension Backoff {
    /// Retries are due at once.
    static let none = Backoff(first: .zero, factor: 1, most: .zero)
}
