// Granting: spending the free slots of workers on the fronts of lines. Runs once at the end of a turn, so that
// everything that happened in the turn (jobs enqueued, slots freed) is matched at once and shares the commit.

extension BrokerState {
    /// Chooses jobs for hungry workers until one side is exhausted, and grants them.
    ///
    /// Types of a pool take turns, a few jobs at a time, and so do the workers, so neither a long line nor an early
    /// worker takes everything.
    package mutating func dispatch(at now: Moment, into effects: inout Effects) {
        defer { requestPages(into: &effects) }
        guard wantsDispatch, !isDraining else { return }
        wantsDispatch = false
        for offset in pools.all.indices {
            let pool = (pools.turn + offset) % pools.all.count
            if pools.all[pool].isHungry { serve(Int32(pool), at: now) }
        }
        if !pools.all.isEmpty { pools.turn = (pools.turn + 1) % pools.all.count }
        for worker in chosenFor { grantChosen(to: worker, at: now, into: &effects) }
        chosenFor.removeAll(keepingCapacity: true)
    }

    private mutating func serve(_ pool: Int32, at now: Moment) {
        let types = pools[pool].types
        guard !types.isEmpty else { return }
        var idleTypes = 0
        var turn = pools[pool].turn % types.count
        while idleTypes < types.count, pools[pool].isHungry {
            let taken = serve(types[turn], in: pool, at: now)
            idleTypes = taken == 0 ? idleTypes + 1 : 0
            turn = (turn + 1) % types.count
        }
        pools[pool].turn = turn
    }

    /// One round of one type: at most 64 jobs. Returns how many were chosen.
    private mutating func serve(_ type: TypeIndex, in pool: Int32, at now: Moment) -> Int {
        guard lines[type].window.count > 0 else {
            if !lines[type].window.isWhole { lines[type].isLow = true }
            return 0
        }
        let mean = lines[type].meanMicroseconds
        let budget = Double(Limits.prefetch.inMicroseconds)
        let isShort = mean.map { $0 <= budget } ?? false
        let estimate = Int32(min(mean ?? budget, 1_000_000_000).rounded(.up))

        var taken = 0
        while taken < 64 {
            let worker =
                pools[pool].firstWithSlots >= 0 || !isShort
                ? pools[pool].firstWithSlots : pools[pool].firstPrefetching
            guard worker >= 0, !workers[worker].withdrawn.contains(type) else {
                // A worker that withdrew this type is passed over by turning its list.
                guard worker >= 0, turnPastWithdrawn(of: type, in: pool, isShort: isShort) else { break }
                continue
            }
            guard let slot = popReady(type) else { break }
            choose(slot, for: worker, microseconds: estimate)
            taken += 1
        }
        if !lines[type].window.isWhole, lines[type].window.count < pageRows / 2 { lines[type].isLow = true }
        return taken
    }

    /// Brings a worker that takes the type to the front of its list. False when there is none.
    private mutating func turnPastWithdrawn(of type: TypeIndex, in pool: Int32, isShort: Bool) -> Bool {
        let appetite: WorkerTable.Appetite = pools[pool].firstWithSlots >= 0 || !isShort ? .slots : .prefetch
        var candidate = appetite == .slots ? pools[pool].firstWithSlots : pools[pool].firstPrefetching
        while candidate >= 0 {
            if !workers[candidate].withdrawn.contains(type) {
                unlinkHungry(candidate)
                linkHungry(candidate, appetite, atFront: true)
                return true
            }
            candidate = workers[candidate].nextHungry
        }
        return false
    }

    private mutating func popReady(_ type: TypeIndex) -> Int32? {
        guard let entry = lines[type].window.popFirst(jobs) else { return nil }
        lines.entries -= 1
        return entry.slot
    }

    private mutating func choose(_ slot: Int32, for worker: Int32, microseconds: Int32) {
        precondition(jobs[slot].place == .ready)
        jobs.move(slot, to: .leased)
        jobs[slot].lease = JobTable.Lease()
        jobs[slot].lease.worker = worker
        jobs[slot].lease.microseconds = microseconds
        let type = jobs[slot].row.type
        lines[type].counts.leased += 1

        if workers[worker].chosen.isEmpty { chosenFor.append(worker) }
        workers[worker].chosen.append(slot)
        workers[worker].leases += 1
        workers[worker].microseconds += Int64(microseconds)
        workers[worker].payloadBytes += Int64(jobs[slot].row.payloadBytes)
        appetiteChanged(worker, rotates: true)
    }

    /// Makes the chosen jobs of one worker into grants: consecutive tokens, one row and one message each.
    private mutating func grantChosen(to worker: Int32, at now: Moment, into effects: inout Effects) {
        let chosen = workers[worker].chosen
        workers[worker].chosen.removeAll(keepingCapacity: true)
        guard let session = workers[worker].session else { preconditionFailure("a worker without session is not fed") }
        var start = 0
        while start < chosen.count {
            var end = start
            var bytes = 0
            while end < chosen.count, end - start < settings.bounds.assignJobs {
                bytes += Int(jobs[chosen[end]].row.payloadBytes)
                if end > start, bytes > Limits.assignBytesMax { break }
                end += 1
            }
            grant(chosen[start..<end], to: worker, session: session, at: now, into: &effects)
            start = end
        }
    }

    private mutating func grant(
        _ members: ArraySlice<Int32>, to worker: Int32, session: SessionID, at now: Moment, into effects: inout Effects
    ) {
        let first = FencingToken(epoch: numbers.epoch, sequence: nextSequence)
        nextSequence += UInt64(members.count)
        let slots = UInt16(workers[worker].slots)
        let grant = grants.add(
            GrantTable.Grant(
                first: first, worker: worker, slots: slots, grantedAt: now.wall, members: Array(members),
                remaining: members.count))
        var entries: [GrantRow.Entry] = []
        entries.reserveCapacity(members.count)
        let start = effects.assigned.count
        for (offset, slot) in members.enumerated() {
            let token = FencingToken(epoch: first.epoch, sequence: first.sequence + UInt64(offset))
            let row = jobs[slot].row
            precondition(row.token < token, "tokens rise")
            let attempt = row.attempt + 1
            jobs[slot].lease.token = token
            jobs[slot].lease.grant = grant
            jobs[slot].lease.grantedAt = now.wall
            jobs[slot].lease.attempt = attempt
            linkLease(slot, of: worker)
            entries.append(GrantRow.Entry(serial: row.serial, offset: UInt32(offset), attempt: attempt))
            effects.assigned.append(
                AssignedJob(
                    id: row.id, slot: slot, stamp: jobs[slot].stamp, serial: row.serial, digest: row.digest,
                    payloadBytes: row.payloadBytes, type: row.type,
                    priority: row.priority, attempt: attempt, attemptsMax: row.attemptsMax))
        }
        effects.rows.append(
            .grant(
                GrantRow(
                    first: first, worker: workers[worker].row.number, slots: slots, grantedAt: now.wall,
                    entries: entries)))
        effects.actions.append(.assign(session, first: first, jobs: start..<effects.assigned.count))
    }

    // MARK: A worker's list of leases

    mutating func linkLease(_ slot: Int32, of worker: Int32) {
        let last = workers[worker].lastLease
        jobs[slot].lease.previous = last
        jobs[slot].lease.next = -1
        if last >= 0 { jobs[last].lease.next = slot } else { workers[worker].firstLease = slot }
        workers[worker].lastLease = slot
    }

    mutating func unlinkLease(_ slot: Int32) {
        let lease = jobs[slot].lease
        if lease.previous >= 0 {
            jobs[lease.previous].lease.next = lease.next
        } else {
            workers[lease.worker].firstLease = lease.next
        }
        if lease.next >= 0 {
            jobs[lease.next].lease.previous = lease.previous
        } else {
            workers[lease.worker].lastLease = lease.previous
        }
    }

    // MARK: Appetite

    /// Moves the worker to the list of its pool where it now belongs.
    ///
    /// - Parameter rotates: It was just given a job; the next one goes to another worker of the list, unless this one
    ///   prefetches: short jobs are given in runs, which makes longer messages.
    mutating func appetiteChanged(_ slot: Int32, rotates: Bool = false) {
        let now = workers[slot].hunger
        let before = workers[slot].appetite
        guard now != before || (rotates && now == .slots) else { return }
        if before != .none { unlinkHungry(slot) }
        if now != .none {
            linkHungry(slot, now, atFront: false)
            if before == .none { wantsDispatch = true }
        }
    }

    mutating func linkHungry(_ slot: Int32, _ appetite: WorkerTable.Appetite, atFront: Bool) {
        precondition(workers[slot].appetite == .none && appetite != .none)
        let pool = workers[slot].pool
        workers[slot].appetite = appetite
        let isPrefetch = appetite == .prefetch
        let first = isPrefetch ? pools[pool].firstPrefetching : pools[pool].firstWithSlots
        let last = isPrefetch ? pools[pool].lastPrefetching : pools[pool].lastWithSlots
        workers[slot].previousHungry = atFront ? -1 : last
        workers[slot].nextHungry = atFront ? first : -1
        if atFront {
            if first >= 0 { workers[first].previousHungry = slot }
        } else if last >= 0 {
            workers[last].nextHungry = slot
        }
        let newFirst = atFront || first < 0 ? slot : first
        let newLast = !atFront || last < 0 ? slot : last
        if isPrefetch {
            pools[pool].firstPrefetching = newFirst
            pools[pool].lastPrefetching = newLast
        } else {
            pools[pool].firstWithSlots = newFirst
            pools[pool].lastWithSlots = newLast
        }
    }

    mutating func unlinkHungry(_ slot: Int32) {
        let appetite = workers[slot].appetite
        precondition(appetite != .none)
        let isPrefetch = appetite == .prefetch
        let pool = workers[slot].pool
        let (previous, next) = (workers[slot].previousHungry, workers[slot].nextHungry)
        if previous >= 0 {
            workers[previous].nextHungry = next
        } else if isPrefetch {
            pools[pool].firstPrefetching = next
        } else {
            pools[pool].firstWithSlots = next
        }
        if next >= 0 {
            workers[next].previousHungry = previous
        } else if isPrefetch {
            pools[pool].lastPrefetching = previous
        } else {
            pools[pool].lastWithSlots = previous
        }
        workers[slot].appetite = .none
        workers[slot].previousHungry = -1
        workers[slot].nextHungry = -1
    }

    // MARK: Pages

    /// Rows of one page of a ready line: a share of the bound that all windows have together, or pages of many long lines
    /// would push each other out for ever.
    private var pageRows: Int {
        let share = settings.bounds.windowEntries / (2 * max(1, lines.partial))
        return max(4, min(settings.bounds.pageRows, share))
    }

    /// Asks for the pages that lines and schedule run short of.
    private mutating func requestPages(into effects: inout Effects) {
        for index in 0..<lines.count where lines.all[index].isLow {
            let type = TypeIndex(index)
            if !lines[type].window.isWhole, !lines[type].window.isReading {
                // Not yet: what the page would have to show is not durable.
                guard lines[type].window.isReadable(durable: durable) else { continue }
                effects.pages.append(.ready(type, from: lines[type].window.beginPage(), limit: pageRows))
            }
            lines[type].isLow = false
        }
        let scheduled = max(4, min(settings.bounds.pageRows, settings.bounds.scheduledEntries / 2))
        if !schedule.isWhole, schedule.count < scheduled / 2, schedule.isReadable(durable: durable) {
            effects.pages.append(.scheduled(from: schedule.beginPage(), limit: scheduled))
        }
    }

    /// A page has been read.
    package mutating func pageArrived(
        _ request: PageRequest, rows: [JobRow], batch: UInt64, into effects: inout Effects
    ) {
        precondition(batch < openBatch, "a page shows what is durable")
        switch request {
        case .ready(let type, _, let limit):
            let belonging = lines[type].window.endPage(rows, batch: batch, limit: limit) {
                ReadyPosition(priority: $0.priority, rank: $0.rank)
            }
            // A row that is in memory is leased: the row of a leased job still says ready.
            for row in belonging where jobs.slot(of: row.id) == nil { enterLine(row) }
            wantsDispatch = true
        case .scheduled(_, let limit):
            let belonging = schedule.endPage(rows, batch: batch, limit: limit) {
                SchedulePosition(runAt: $0.runAt, serial: $0.serial)
            }
            for row in belonging where jobs.slot(of: row.id) == nil { enterSchedule(row) }
        }
    }
}
