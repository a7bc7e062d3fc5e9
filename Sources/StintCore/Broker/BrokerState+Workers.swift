/// The first message of a worker's session: who it is and everything it holds.
package struct WorkerHello: Hashable, Sendable {
    package enum HeldState: UInt8, Sendable { case waiting, running, settled }
    package struct Held: Hashable, Sendable {
        package var lease: LeaseReference
        package var state: HeldState

        package init(lease: LeaseReference, state: HeldState) {
            self.lease = lease
            self.state = state
        }
    }
    package var instance: InstanceID
    /// Counts the sessions of the instance, from 1; 0 when the worker does not say.
    package var incarnation: UInt32 = 0
    package var name: String
    package var pool: String
    package var types: [String]
    package var slots: Int
    package var held: [Held]

    package init(
        instance: InstanceID, incarnation: UInt32 = 0, name: String, pool: String, types: [String], slots: Int,
        held: [Held]
    ) {
        self.instance = instance
        self.incarnation = incarnation
        self.name = name
        self.pool = pool
        self.types = types
        self.slots = slots
        self.held = held
    }
}

extension BrokerState {
    /// Whether the worker has begun a later session already: what comes late from a connection that broke must not take
    /// it back to what it held then.
    package func isOutdated(_ instance: InstanceID, incarnation: UInt32) -> Bool {
        guard incarnation > 0, let worker = workers.slot(of: instance) else { return false }
        return incarnation <= workers[worker].incarnation
    }

    /// The worker says HELLO, and has to wait until others were greeted: it lives, whatever it holds.
    package mutating func waits(_ instance: InstanceID, at now: Moment) {
        guard let worker = workers.slot(of: instance) else { return }
        workers[worker].heardAt = now.instant
    }

    /// A worker begins a session. Leases that it names are moved to the new session; every other lease of its instance
    /// returns to ready at once, without an attempt: within one session nothing is unseen, so what a HELLO does not
    /// name never reached the worker.
    ///
    /// A type that would be one too many is left out, and the others are served: no job of it can exist.
    ///
    /// - Returns: A sentence when the worker is refused: every type that it announces would be one too many.
    package mutating func hello(
        _ hello: WorkerHello, session: SessionID, at now: Moment, into effects: inout Effects
    ) -> Refusal? {
        precondition(
            Limits.slots.contains(hello.slots) && workers.slot(of: session) == nil
                && !isOutdated(hello.instance, incarnation: hello.incarnation))
        var types: [TypeIndex] = []
        for name in hello.types {
            if let type = type(named: name, into: &effects) { types.append(type) }
        }
        guard !types.isEmpty || hello.types.isEmpty else {
            return Refusal(.exhausted, "the broker knows \(Limits.typesMax) types already and takes no new one")
        }
        types = Array(Set(types)).sorted()

        let worker = workers.slot(of: hello.instance) ?? addWorker(hello, at: now, into: &effects)
        leavePool(worker)
        workers.bind(worker, to: session)
        workers[worker].incarnation = hello.incarnation
        workers[worker].slots = hello.slots
        workers[worker].types = types
        workers[worker].withdrawn = []
        workers[worker].isDraining = false
        workers[worker].isUnreachable = false
        workers[worker].heardAt = now.instant
        workers[worker].settled = 0
        workers[worker].refused = []

        let (lost, cancelled) = reconcile(worker, holding: hello.held, at: now, into: &effects)
        joinPool(worker)
        effects.actions.append(.welcome(session, lost: lost, cancelled: cancelled))
        return nil
    }

    private mutating func addWorker(_ hello: WorkerHello, at now: Moment, into effects: inout Effects) -> Int32 {
        let row = WorkerRow(
            number: numbers.nextWorker, instance: hello.instance, name: hello.name, pool: hello.pool, since: now.wall)
        numbers.nextWorker += 1
        effects.rows.append(.worker(row))
        return workers.add(
            WorkerTable.Worker(row: row, slots: hello.slots, heardAt: now.instant, connectedAt: now.wall))
    }

    /// Compares what the worker holds with what the broker granted it.
    private mutating func reconcile(
        _ worker: Int32, holding held: [WorkerHello.Held], at now: Moment, into effects: inout Effects
    ) -> (lost: [LeaseReference], cancelled: [LeaseReference]) {
        var lost: [LeaseReference] = []
        var cancelled: [LeaseReference] = []
        var kept: Set<JobID> = []  // for lookup only
        for item in held {
            guard let slot = leased(item.lease.id, under: item.lease.token), jobs[slot].lease.worker == worker else {
                // A settled attempt that is unknown here may be on record: its settlement follows and is judged then.
                if item.state != .settled { lost.append(item.lease) }
                continue
            }
            kept.insert(item.lease.id)
            if item.state == .running, jobs[slot].lease.startedAt == nil { jobs[slot].lease.startedAt = now.instant }
            if jobs[slot].row.cancelRequested { cancelled.append(item.lease) }
        }
        var next = workers[worker].firstLease
        while next >= 0 {
            let slot = next
            next = jobs[slot].lease.next
            guard !kept.contains(jobs[slot].row.id) else { continue }
            endLease(slot, AttemptEnding(.released, counts: false), startedAt: .none, at: now, into: &effects)
        }
        return (lost, cancelled)
    }

    private mutating func joinPool(_ worker: Int32) {
        precondition(workers[worker].pool < 0)
        let (pool, isNew) = pools.slot(of: workers[worker].types)
        workers[worker].pool = pool
        pools[pool].workers += 1
        if isNew {
            for type in pools[pool].types { lines[type].pools.append(pool) }
        }
        appetiteChanged(worker)
        wantsDispatch = true
    }

    private mutating func leavePool(_ worker: Int32) {
        if workers[worker].appetite != .none { unlinkHungry(worker) }
        guard workers[worker].pool >= 0 else { return }
        pools[workers[worker].pool].workers -= 1
        workers[worker].pool = -1
    }

    // MARK: Heartbeats

    /// Any message of a session shows that its worker lives; a lease is extended by nothing more than this.
    package mutating func heard(_ worker: Int32, at now: Moment) {
        precondition(now.instant >= workers[worker].heardAt, "time does not go back")
        workers[worker].heardAt = now.instant
        if workers[worker].isUnreachable {
            workers[worker].isUnreachable = false
            appetiteChanged(worker)
        }
    }

    /// A heartbeat names what runs. What has started counts as an attempt whatever happens; what the worker no longer
    /// holds it is told to stop; and what runs beyond its timeout and grace is revoked, heartbeats or not.
    package mutating func heartbeat(
        running: [LeaseReference], session: SessionID, at now: Moment, into effects: inout Effects
    ) {
        guard let worker = workers.slot(of: session) else { preconditionFailure("heartbeat from an unknown session") }
        heard(worker, at: now)
        var revoked: [LeaseReference] = []
        for reference in running {
            guard let slot = leased(reference.id, under: reference.token), jobs[slot].lease.worker == worker else {
                revoked.append(reference)
                continue
            }
            if jobs[slot].lease.startedAt == nil { jobs[slot].lease.startedAt = now.instant }
        }
        sweep(worker, revoked: &revoked, at: now, into: &effects)
        // One message, however much a worker names that is not its own.
        if !revoked.isEmpty { effects.actions.append(.revoke(session, revoked)) }
    }

    /// Timeouts and graces of one worker's leases. The worker enforces its timeouts itself; this is for one that
    /// does not.
    private mutating func sweep(
        _ worker: Int32, revoked: inout [LeaseReference], at now: Moment, into effects: inout Effects
    ) {
        var next = workers[worker].firstLease
        while next >= 0 {
            let slot = next
            next = jobs[slot].lease.next
            let lease = jobs[slot].lease
            let policy = lines[jobs[slot].row.type].policy
            let reference = LeaseReference(id: jobs[slot].row.id, token: lease.token)
            if let cancelledAt = lease.cancelledAt, now.instant >= cancelledAt + policy.grace {
                endLease(slot, AttemptEnding(.cancelled, counts: false), startedAt: .none, at: now, into: &effects)
                revoked.append(reference)
            } else if let startedAt = lease.startedAt, now.instant >= startedAt + policy.timeout + policy.grace {
                endLease(slot, AttemptEnding(.timedOut, counts: true), startedAt: .none, at: now, into: &effects)
                revoked.append(reference)
            }
        }
    }

    // MARK: Leaving

    /// Grant it nothing more; it finishes what it holds.
    package mutating func drain(session: SessionID, at now: Moment) {
        guard let worker = workers.slot(of: session) else { preconditionFailure("drain from an unknown session") }
        heard(worker, at: now)
        workers[worker].isDraining = true
        appetiteChanged(worker)
    }

    /// It ends and holds nothing; what the broker still counts as held returns to ready.
    package mutating func bye(session: SessionID, at now: Moment, into effects: inout Effects) {
        guard let worker = workers.slot(of: session) else { preconditionFailure("bye from an unknown session") }
        heard(worker, at: now)
        while workers[worker].firstLease >= 0 {
            endLease(
                workers[worker].firstLease, AttemptEnding(.released, counts: false), startedAt: .none, at: now,
                into: &effects)
        }
        forget(worker)
    }

    /// The type's handler cannot run there: none of it is granted to this worker in this session.
    package mutating func withdraw(_ name: String, session: SessionID, at now: Moment) {
        guard let worker = workers.slot(of: session) else { preconditionFailure("withdraw from an unknown session") }
        heard(worker, at: now)
        guard let type = lines.index(of: name), workers[worker].types.contains(type) else { return }
        if !workers[worker].withdrawn.contains(type) { workers[worker].withdrawn.append(type) }
    }

    /// The socket says that there is nobody at this address any more. No more grants; the leases stand until the
    /// lease period is over, because the worker may be back on another connection.
    package mutating func unreachable(session: SessionID) {
        guard let worker = workers.slot(of: session) else { return }
        workers[worker].isUnreachable = true
        appetiteChanged(worker)
    }

    /// The frame that granted these never left: they return to ready at once, without an attempt.
    package mutating func undelivered(_ granted: [AssignedJob], into effects: inout Effects) {
        for job in granted where stillLeased(job) {
            endLease(job.slot, AttemptEnding(.released, counts: false), startedAt: .none, at: lastTurn, into: &effects)
        }
    }

    /// The frames of leases up to this sequence were handed to the socket.
    package mutating func released(session: SessionID, upTo token: FencingToken) {
        guard let worker = workers.slot(of: session), token.epoch == numbers.epoch else { return }
        workers[worker].released = max(workers[worker].released, token.sequence)
    }

    mutating func forget(_ worker: Int32) {
        precondition(workers[worker].leases == 0 && workers[worker].chosen.isEmpty)
        if workers[worker].settledChanged { settledFor.removeAll { $0 == worker } }
        leavePool(worker)
        workers.remove(worker)
    }

    // MARK: Silence

    /// Judges every worker's silence. One that was not heard for a whole lease has lost all it held.
    ///
    /// An attempt counts when the worker was heard to run it, or when it was among the oldest `slots` that the worker
    /// held: those it can have been running when it died. The others had only been sent ahead and keep their number.
    mutating func judgeSilence(at now: Moment, into effects: inout Effects) {
        guard now.instant >= nextJudgement else { return }
        var earliest = now.instant + settings.lease
        for index in workers.all.indices {
            guard let worker = workers.all[index] else { continue }
            let deadline = max(worker.heardAt, amnesty) + settings.lease
            if now.instant >= deadline {
                expire(Int32(index), at: now, into: &effects)
            } else {
                earliest = min(earliest, deadline)
            }
        }
        nextJudgement = earliest
    }

    private mutating func expire(_ worker: Int32, at now: Moment, into effects: inout Effects) {
        var place = 0
        while workers[worker].firstLease >= 0 {
            let slot = workers[worker].firstLease
            let lease = jobs[slot].lease
            let wasSent = lease.token.epoch != numbers.epoch || lease.token.sequence <= workers[worker].released
            let counts = lease.startedAt != nil || (place < workers[worker].slots && wasSent)
            endLease(
                slot, counts ? AttemptEnding(.expired, counts: true) : AttemptEnding(.released, counts: false),
                startedAt: .none, at: now, into: &effects)
            place += 1
        }
        forget(worker)
    }
}
