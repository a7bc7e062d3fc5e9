// What must hold of the broker's state between any two events. Pure and slow (it walks everything), so it is for tests
// and the simulator: a rule that is broken here shows itself long before it costs a job.

/// Every sentence that does not hold of the state; empty when all is well. Call it between turns: jobs that are chosen
/// and not yet granted are in no list.
package func checkInvariants(_ state: BrokerState) -> [String] {
    let check = InvariantCheck(state)
    check.jobTable()
    check.lines()
    check.schedule()
    check.workers()
    check.grants()
    check.pools()
    check.numbers()
    return check.broken.sentences
}

private struct InvariantCheck {
    /// A reference, so that sentences can be made from the state only when they are needed.
    final class Broken {
        var sentences: [String] = []
    }

    let state: BrokerState
    let broken = Broken()

    init(_ state: BrokerState) { self.state = state }

    func expect(_ holds: Bool, _ sentence: @autoclosure () -> String) {
        if !holds { broken.sentences.append(sentence()) }
    }

    func slots(in place: JobTable.Place) -> [Int32] {
        state.jobs.entries.indices.filter { state.jobs.entries[$0].place == place }.map { Int32($0) }
    }

    func name(_ slot: Int32) -> String { "job \(state.jobs[slot].row.id)" }

    // MARK: Jobs

    func jobTable() {
        var count = 0
        for index in state.jobs.entries.indices {
            let entry = state.jobs.entries[index]
            guard entry.place != .free else { continue }
            count += 1
            let name = name(Int32(index))
            expect(state.jobs.slot(of: entry.row.id) == Int32(index), "\(name) is not found under its id")
            switch entry.place {
            case .ready, .leased: expect(entry.row.state == .ready, "\(name) is in a line and \(entry.row.state.name)")
            case .scheduled: expect(entry.row.state == .scheduled, "\(name) is in the schedule and not scheduled")
            case .free: break
            }
            expect(entry.row.attempt <= entry.row.attemptsMax, "\(name) had more attempts than it may")
        }
        expect(count == state.jobs.count, "\(count) jobs are in memory and \(state.jobs.count) are known by id")
    }

    /// Slots of the live entries, each of which must name a job in that place and under its own key.
    func liveSlots<Key>(
        _ window: Window<Key>, _ what: String, in place: JobTable.Place, key: (JobRow) -> Key
    ) -> Set<Int32> {
        var live: Set<Int32> = []  // for lookup only
        var entries: [Window<Key>.Entry] = []
        func keep(_ entry: Window<Key>.Entry) {
            if state.jobs.isLive(entry.slot, stamp: entry.stamp) { entries.append(entry) }
        }
        window.forEach(keep)
        for entry in entries {
            expect(live.insert(entry.slot).inserted, "\(what) holds \(name(entry.slot)) twice")
            expect(state.jobs[entry.slot].place == place, "\(what) holds \(name(entry.slot)), which is elsewhere")
            expect(key(state.jobs[entry.slot].row) == entry.key, "\(what) holds \(name(entry.slot)) in a wrong place")
            expect(window.covers(entry.key), "\(what) holds \(name(entry.slot)), which lies behind its end")
        }
        expect(window.count == entries.count, "\(what) counts \(window.count) entries and has \(entries.count)")
        return live
    }

    func lines() {
        var entries = 0
        let ready = slots(in: .ready)
        let leased = slots(in: .leased)
        for index in 0..<state.lines.count {
            let type = TypeIndex(index)
            let line = state.lines[type]
            let what = "the window of \(line.name)"
            let live = liveSlots(line.window, what, in: .ready) {
                ReadyPosition(priority: $0.priority, rank: $0.rank)
            }
            entries += line.window.count
            for slot in live { expect(state.jobs[slot].row.type == type, "\(what) holds a job of another type") }
            for slot in ready where state.jobs[slot].row.type == type {
                expect(live.contains(slot), "\(name(slot)) is ready and in no window")
            }
            let held = Int64(leased.count { state.jobs[$0].row.type == type })
            expect(line.counts.leased == held, "\(line.name) counts \(line.counts.leased) leased jobs and has \(held)")
            for jobState in JobState.allCases {
                expect(line.counts[jobState] >= 0, "\(line.name) counts less than no \(jobState.name) jobs")
            }
            let known = Int64(line.window.count) + held
            expect(
                line.window.isWhole ? line.counts.ready == known : line.counts.ready >= known,
                "\(line.name) counts \(line.counts.ready) ready jobs and \(known) are in memory")
        }
        expect(state.lines.entries == entries, "windows hold \(entries) entries, counted as \(state.lines.entries)")
        expect(entries <= state.settings.bounds.windowEntries, "windows hold \(entries) entries, more than they may")
    }

    func schedule() {
        let live = liveSlots(state.schedule, "the schedule", in: .scheduled) {
            SchedulePosition(runAt: $0.runAt, serial: $0.serial)
        }
        for slot in slots(in: .scheduled) { expect(live.contains(slot), "\(name(slot)) is scheduled and in no window") }
        let scheduled = state.lines.all.reduce(0) { $0 + $1.counts.scheduled }
        expect(
            state.schedule.isWhole ? scheduled == Int64(live.count) : scheduled >= Int64(live.count),
            "\(scheduled) jobs count as scheduled and \(live.count) are in memory")
        expect(live.count <= state.settings.bounds.scheduledEntries, "the schedule holds more than it may")
    }

    // MARK: Leases

    func workers() {
        var seen: Set<Int32> = []  // for lookup only
        var count = 0
        for index in state.workers.all.indices {
            guard let worker = state.workers.all[index] else { continue }
            count += 1
            leases(of: Int32(index), worker, &seen)
            let slot = Int32(index)
            let name = worker.row.name
            expect(state.workers.slot(of: worker.row.instance) == slot, "\(name) is not found under its instance")
            if let session = worker.session {
                expect(state.workers.slot(of: session) == slot, "\(name) is not found under its session")
            }
            expect(worker.chosen.isEmpty, "\(name) has jobs that were chosen and not granted")
            expect(worker.appetite == worker.hunger, "\(name) is in the wrong list of hungry workers")
            expect(worker.row.number < state.numbers.nextWorker, "\(name) has a number that is still to be given")
        }
        expect(count == state.workers.count, "\(count) workers are there and \(state.workers.count) are counted")
        for slot in slots(in: .leased) { expect(seen.contains(slot), "\(name(slot)) is leased and no worker has it") }
    }

    private func leases(of slot: Int32, _ worker: WorkerTable.Worker, _ seen: inout Set<Int32>) {
        let name = worker.row.name
        var count = 0
        var microseconds: Int64 = 0
        var payloadBytes: Int64 = 0
        var previous: Int32 = -1
        var token = FencingToken.none
        var next = worker.firstLease
        while next >= 0, count <= state.jobs.count {
            let entry = state.jobs[next]
            let job = self.name(next)
            expect(entry.place == .leased, "\(name) has \(job), which is not leased")
            expect(entry.lease.worker == slot, "\(name) has \(job), whose lease names another worker")
            expect(entry.lease.previous == previous, "the leases of \(name) are linked wrongly at \(job)")
            expect(entry.lease.token > token, "the leases of \(name) are not in the order of their tokens")
            expect(entry.row.token < entry.lease.token, "\(job) has a token on record that is not older than its lease")
            expect(seen.insert(next).inserted, "\(job) is in two lists of leases")
            count += 1
            microseconds += Int64(entry.lease.microseconds)
            payloadBytes += Int64(entry.row.payloadBytes)
            token = entry.lease.token
            previous = next
            next = entry.lease.next
        }
        expect(worker.lastLease == previous, "the leases of \(name) do not end with the last one")
        expect(worker.leases == count, "\(name) counts \(worker.leases) leases and has \(count)")
        expect(worker.microseconds == microseconds, "\(name) does not have the \(worker.microseconds) µs it counts")
        expect(worker.payloadBytes == payloadBytes, "\(name) does not have the \(worker.payloadBytes) bytes it counts")
    }

    func grants() {
        var leases = 0
        var count = 0
        for index in state.grants.all.indices {
            guard let grant = state.grants.all[index] else { continue }
            count += 1
            let members = grant.members.filter {
                state.jobs[$0].place == .leased && state.jobs[$0].lease.grant == Int32(index)
            }
            leases += members.count
            let name = "grant \(grant.first)"
            expect(grant.remaining > 0, "\(name) is kept and has no lease left")
            expect(grant.remaining == members.count, "\(name) has \(members.count) of \(grant.remaining) leases")
            for slot in members {
                let lease = state.jobs[slot].lease
                expect(lease.worker == grant.worker, "\(name) and its \(self.name(slot)) name two workers")
                expect(
                    lease.token.epoch == grant.first.epoch && lease.token >= grant.first,
                    "\(self.name(slot)) has a token that is not of its grant")
            }
        }
        expect(count == state.grants.count, "\(count) grants are there and \(state.grants.count) are counted")
        let leased = slots(in: .leased).count
        expect(leases == leased, "\(leased) jobs are leased and grants have \(leases)")
    }

    // MARK: Pools and numbers

    func pools() {
        var listed = 0
        for index in state.pools.all.indices {
            let pool = state.pools.all[index]
            let members = state.workers.all.count { $0?.pool == Int32(index) }
            expect(pool.workers == members, "pool \(index) counts \(pool.workers) workers and has \(members)")
            listed += list(of: index, .slots, from: pool.firstWithSlots, to: pool.lastWithSlots)
            listed += list(of: index, .prefetch, from: pool.firstPrefetching, to: pool.lastPrefetching)
            for type in pool.types {
                let mentions = state.lines[type].pools.count { $0 == Int32(index) }
                expect(mentions == 1, "the line of \(state.lines[type].name) names pool \(index) \(mentions) times")
            }
        }
        let hungry = state.workers.all.count { $0.map { $0.appetite != .none } ?? false }
        expect(listed == hungry, "\(hungry) workers are hungry and \(listed) are listed")
    }

    private func list(
        of pool: Int, _ appetite: WorkerTable.Appetite, from first: Int32, to last: Int32
    ) -> Int {
        var count = 0
        var previous: Int32 = -1
        var next = first
        while next >= 0, count <= state.workers.count {
            let worker = state.workers[next]
            let name = worker.row.name
            expect(worker.pool == Int32(pool), "\(name) is in a list of a pool that it is not in")
            expect(worker.appetite == appetite, "\(name) is in a list that does not match its appetite")
            expect(worker.previousHungry == previous, "the hungry workers of pool \(pool) are linked wrongly")
            count += 1
            previous = next
            next = worker.nextHungry
        }
        expect(last == previous, "the hungry workers of pool \(pool) do not end with the last one")
        return count
    }

    func numbers() {
        let next = FencingToken(epoch: state.numbers.epoch, sequence: state.nextSequence)
        for entry in state.jobs.entries where entry.place != .free {
            let name = "job \(entry.row.id)"
            expect(entry.row.serial < state.numbers.nextSerial, "\(name) has a serial that is still to be given")
            expect(entry.row.rank < state.numbers.nextRank, "\(name) has a rank that is still to be given")
            expect(entry.row.token < next, "\(name) has a token on record that is still to be given")
            expect(
                entry.place != .leased || (entry.lease.token > .none && entry.lease.token < next),
                "\(name) has a lease whose token is still to be given")
        }
    }
}
