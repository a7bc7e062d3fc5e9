import StintCore
import StintStore

extension Simulation {
    /// Everything heals, and everybody is honest from here. Within three lease periods all must be done.
    func end() throws {
        note("everything heals")
        isHealed = true
        healAll()
        // A client says a HELLO that was lost again after three seconds, whatever a lease is.
        let peers = 2 * liveWorkers.count + liveClients.count
        let limit =
            now.instant + max(settings.lease * 3, ClientSession.helloPatience + settings.lease)
            + settings.welcomeTakes(peers)
        try failIfBroken()
        while !isDone, !isStuck, now.instant < limit { run(until: now.instant + .milliseconds(200)) }
        try check()
        expect(broker.isQuiet, "the broker is not done three lease periods after the last fault")
        judgeEnd()
        try failIfBroken()
        try everyWorkerIsFed()
        try compareDisk()
    }

    /// After its last process the store, where it is a real one, is asked for everything that it was ever told.
    private func compareDisk() throws {
        guard plan.disk != .memory else { return }
        try broker.end(isLucky: true)
        try broker.compareDisk { recovered, reader in
            let jobs = auditor.everyJob
            return StoreReading.Truth(
                recovered: recovered, reader: reader, ids: jobs.map(\.id).sorted(),
                serials: jobs.map(\.serial).sorted(),
                tokens: auditor.everyLease, requests: Array(ledger.answers.keys))
        }
        for sentence in broker.diskProblems { problem(sentence) }
        try failIfBroken()
    }

    private func healAll() {
        broker.faults.failsCommit = false
        broker.faults.failsRead = false
        broker.faults.isFull = false
        broker.stepsLeft = nil
        broker.isPaused = false
        diskSlowness = 1
        setWallClock(ahead: .zero)
        auditor.wallClockMoved(to: now.wall)
        if !broker.isUp { events.add(.brokerStarts, at: now.instant) }
        for link in links.indices {
            links[link].isBlocked = false
            links[link].latencyMicroseconds = 200
            if links[link].toBroker.passage == .lost || links[link].toPeer.passage == .lost {
                breakConnection(link)
            } else {
                open(link)
            }
        }
        for worker in liveWorkers {
            worker.isLying = false
            if worker.pausedUntil != nil { worker.wake(in: self) }
            worker.hurry(in: self)
        }
        for client in liveClients where client.pausedUntil != nil { wake(client) }
        // Those that serve few types leave; new ones serve all.
        for worker in liveWorkers { worker.drain(in: self) }
        broker.lookAround()
    }

    private var isDone: Bool {
        guard broker.isQuiet, liveClients.allSatisfy({ $0.isAnswered && links[$0.link].toPeer.frames.isEmpty }) else {
            return false
        }
        guard liveWorkers.allSatisfy({ $0.isIdle && $0.isGreeted(by: broker) }) else { return false }
        return broker.turn.state.operations.all.isEmpty && auditor.isAllOver(at: now.wall)
    }

    private func judgeEnd() {
        let disk = broker.image
        var found: [JobID: JobRow] = [:]  // for lookup only
        for row in disk.rows {
            found[row.id] = row
            guard !row.state.isFinal, !Auditor.waitsForItsTime(row, now.wall) else { continue }
            problem(
                """
                \(row.id) is \(row.state.name) three lease periods after the last fault; it is \
                \(broker.turn.state.jobs[row.id].map { "\($0.place)" } ?? "not") in memory, and due in \
                \(row.runAt - now.wall)\(row.isBackoff ? " by a backoff" : "")
                """)
        }
        for job in ledger.jobs { judge(job, found[job.id], result: { disk.result(of: job.id) }) }
        judgeChildren(found)
        for client in liveClients where client.unanswered > 0 {
            problem("\(client.unanswered) requests of \(client.name) were never answered")
        }
        for worker in liveWorkers where !worker.session.unconfirmed.isEmpty || !worker.settlements.isEmpty {
            problem("settlements of \(worker.name) were never confirmed")
        }
        for client in liveClients where client.connection == links[client.link].generation {
            for id in client.unansweredWatches { problem("\(client.name) watches \(id), and never heard of it") }
            for id in client.watching where found[id]?.state.isFinal ?? false {
                problem("\(id) is over, and \(client.name), which watches it, was not told")
            }
        }
        for id in ledger.refused where found[id] != nil && !(ledger[id]?.mayBeRemoved ?? true) {
            problem("\(id) was refused together with another job, and is stored")
        }
        expect(broker.turn.state.operations.all.isEmpty, "an operation never ended")
    }

    /// What was promised of a job, against what the disk holds.
    private func judge(_ job: Ledger.Job, _ row: JobRow?, result: () -> [UInt8]) {
        if job.reachedNobody {
            expect(row == nil, "\(job.id) is there, and its client was told that it was never sent")
        }
        guard !job.mayBeRemoved else { return }
        guard let row else {
            return expect(
                !job.isAcknowledged && job.completed == nil, "\(job.id) was acknowledged and is lost")
        }
        if let token = job.completed {
            expect(
                row.state == .completed && row.token == token,
                "\(job.id) was completed under \(token) and is \(row.state.name) under \(row.token)")
        }
        if job.isCancelled { expect(row.state == .cancelled, "\(job.id) was cancelled and is \(row.state.name)") }
        if row.state == .completed {
            expect(
                ledger.isCompletion(LeaseReference(id: job.id, token: row.token)),
                "\(job.id) is completed under \(row.token), which nobody said")
            expect(result() == Ledger.result(of: row.token), "\(job.id) has the result of another attempt")
        }
    }

    /// Children are stored with the completion of their parent, or not at all.
    private func judgeChildren(_ found: [JobID: JobRow]) {
        guard !settings.keepsFew else { return }
        var wanted: Set<JobID> = []  // for lookup only
        for (id, child) in ledger.children {
            if let parent = found[child.parent], parent.state == .completed, parent.token == child.token {
                wanted.insert(id)
                expect(
                    found[id] != nil || ledger[id]?.mayBeRemoved == true,
                    "the child \(id) of \(child.parent) is missing")
            }
        }
        // A parent that is gone may have brought it.
        for (id, child) in ledger.children where ledger[child.parent]?.mayBeRemoved ?? true { wanted.insert(id) }
        for (id, _) in ledger.children where found[id] != nil && !wanted.contains(id) {
            problem("the child \(id) is there, and no completion that brought it")
        }
    }

    /// Waits for what makes a worker say HELLO once more: late news of a connection that broke, and HELLOs that it said
    /// while there was no broker, each of which takes a turn.
    private func everybodyIsWelcome() {
        let limit = max(now.instant, newsUntil) + settings.lease + settings.welcomeTakes(4 * liveWorkers.count)
        let isWelcome = { (worker: WorkerProcess) in worker.session.phase == .serving }
        while now.instant < limit, now.instant <= newsUntil || !liveWorkers.allSatisfy(isWelcome) {
            run(until: now.instant + .milliseconds(200))
        }
    }

    /// Every worker gets work: workers take turns, so a few jobs for each reach all of them.
    private func everyWorkerIsFed() throws {
        everybodyIsWelcome()
        let before = liveWorkers.map { ($0, $0.ranSinceHealing) }
        guard let client = liveClients.first else { return }
        var chance = Chance(plan.seed, .clients)
        let count = liveWorkers.count * 3
        // A line that takes no more cannot feed everybody at once; jobs may wait in it for a time that is far away.
        let isTheirs = { (line: Lines.Line) in line.name == LifeSettings.types[0] }
        let waiting = broker.look { turn in turn.state.lines.all.first(where: isTheirs)?.counts.unfinished ?? 0 }
        guard settings.lineJobs.map({ $0 >= count + Int(waiting) }) ?? true else { return }
        let ids = (0..<count).map { _ in freshID(&chance) }
        for id in ids { ledger.offered(id, type: LifeSettings.types[0], mayBeRemoved: true) }
        var group = SimulatedBroker.group(ids, type: LifeSettings.types[0], payload: Self.payload(of: ids[0]))
        group.payloads.removeAll()
        for id in ids { group.payloads.append(contentsOf: Self.payload(of: id)) }
        client.ask(.enqueue(ids, [group], isConflict: false), in: self)
        run(until: now.instant + .seconds(1))
        for (worker, ran) in before where worker.isAlive {
            expect(worker.ranSinceHealing > ran, "\(worker.name) is given no work although there is enough")
        }
        for sentence in auditor.takeProblems() { problem(sentence) }
        try failIfBroken()
    }
}
