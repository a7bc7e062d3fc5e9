import Foundation
import StintCore
import StintWire

// What the clients of a simulated world ask for: every message and every option there is.

extension Simulation {
    func addClient() {
        let index = clients.count
        let link = addLink(.client, peer: index)
        let client = ClientProcess(index, name: freshName("client"), link: link, in: self)
        clients.append(client)
        connect(client.link)
        client.work(in: self)
    }

    var liveClients: [ClientProcess] { clients.filter(\.isAlive) }

    func killClient(_ client: ClientProcess) {
        note("\(client.name) is killed")
        client.isAlive = false
        breakConnection(client.link, reconnects: false)
        addClient()
    }

    func wake(_ client: ClientProcess) { client.wake(isConnected: links[client.link].address != nil, in: self) }

    /// It was refused for now.
    func askAgainSoon(_ client: ClientProcess) {
        events.add(.client(client.index), at: now.instant + .milliseconds(isHealed ? 10 : 200))
    }

    func clientIsDue(_ client: ClientProcess) {
        client.isDue(in: self)
    }

    // MARK: Requests

    /// The request of this number, each with a chance of its own, and the next one a little later.
    func makeRequest(_ number: Int) {
        guard report.operations < plan.operations, !isHealed else { return }
        var chance = Chance(plan.seed, .requests, number)
        events.add(.request(number + 1), at: now.instant + gap(&chance))
        guard !plan.skippedRequests.contains(number), let client = chance.pick(liveClients) else {
            // What is left out counts, so that the rest is what it was.
            report.operations += 1
            return
        }
        report.operations += ask(&chance, by: client)
    }

    /// Until the next request: little within a burst, and after its last one what keeps the pace.
    private func gap(_ chance: inout Chance) -> Duration {
        guard chance.int(1...settings.burst) == 1 else { return chance.microseconds(0...200) }
        return chance.microseconds(0...plan.gapMicroseconds * settings.burst)
    }

    /// Returns for how many operations it counts.
    private func ask(_ chance: inout Chance, by client: ClientProcess) -> Int {
        switch chance.int(0...99) {
        case 0..<58: return enqueue(&chance, by: client)
        case 58..<61: enqueueAgain(&chance, by: client)
        case 61: enqueueAsWell(&chance, by: client)
        case 62: askOnceMore(&chance, by: client)
        case 63..<64: talkNonsense(&chance, by: client)
        case 64..<73:
            guard let job = cancellable(&chance) else { return 1 }
            note("\(client.name) cancels \(job.id)")
            ledger.cancelAsked(job.id, at: now.instant)
            client.ask(.cancel(job.id, freshRequest(&chance)), in: self)
        case 73..<79: replay(&chance, by: client)
        case 79..<82: discard(&chance, by: client)
        case 82..<87:
            guard let job = recent(&chance) else { return 1 }
            let wish: ClientProcess.Wish = chance.percent(80) ? .watch(job.id) : .unwatch(job.id)
            note("\(client.name) asks for \(wish)")
            client.ask(wish, in: self)
        case 87..<90 where settings.knowsTomorrow: enqueueAgain(&chance, by: client)
        case 87..<92:
            guard let job = ledger.pick(&chance) else { return 1 }
            client.ask(.get(job.id, job), in: self)
        case 92..<97:
            let states: [JobState?] = [nil] + JobState.allCases
            client.ask(
                .list(
                    chance.pick(states) ?? nil, chance.percent(50) ? "" : chance.pick(LifeSettings.types) ?? "",
                    limit: chance.magnitude(1...50), cursor: Data(), seen: 0, last: nil), in: self)
        case 97: client.ask(.audit(after: UInt64(chance.int(0...5))), in: self)
        default: client.ask(.status(health: chance.percent(50)), in: self)
        }
        return 1
    }

    /// Often one that has just come, or that runs: whoever cancels has noticed something.
    private func cancellable(_ chance: inout Chance) -> Ledger.Job? {
        let kind = chance.int(0...99)
        let running = chance.pick(liveWorkers).flatMap { chance.pick($0.running)?.attempt.lease.id }
        if kind < 25, let running, let job = ledger[running] { return job }
        return kind < 50 ? chance.pick(ledger.jobs.suffix(12)) : ledger.pick(&chance)
    }

    private func recent(_ chance: inout Chance) -> Ledger.Job? { chance.pick(ledger.jobs.suffix(50)) }

    private func freshRequest(_ chance: inout Chance) -> RequestID {
        RequestID(high: chance.next(), low: chance.next())
    }

    private func enqueue(_ chance: inout Chance, by client: ClientProcess) -> Int {
        var groups: [Stint_V1_JobGroup] = []
        var all: [JobID] = []
        let most = chance.percent(3) && settings.lineJobs == nil ? 60 : LifeSettings.boundedRequest / 3
        for _ in 0...chance.int(0...2) {
            let type = chance.pick(LifeSettings.types) ?? LifeSettings.types[0]
            var ids = (0..<chance.int(1...most)).map { _ in freshID(&chance) }
            // One may come twice.
            if ids.count < most, chance.percent(2) { ids.append(ids[chance.int(0...ids.count - 1)]) }
            var group = SimulatedBroker.group(ids, type: type, payload: [])
            group.payloads = Data(ids.flatMap(Self.payload))
            group.payloadBytes = ids.map { UInt32(Self.payload(of: $0).count) }
            options(&group, &chance)
            groups.append(group)
            all += ids
            for id in ids {
                ledger.offered(id, type: type, mayBeRemoved: type == LifeSettings.trash || settings.keepsFew)
                ledger.wished(id, Self.wish(group))
            }
        }
        note("\(client.name) enqueues \(all.map(\.description))")
        client.ask(.enqueue(all, groups, isConflict: false), in: self)
        return all.count
    }

    private static func wish(_ group: Stint_V1_JobGroup) -> Ledger.Wish {
        var wish = Ledger.Wish(priority: Int16(group.priority), attempts: Int(group.attempts))
        if group.runAtMs != 0 { wish.start = .at(WallTime(milliseconds: group.runAtMs)) }
        if group.delayMs > 0 { wish.start = .after(.milliseconds(Int64(group.delayMs))) }
        return wish
    }

    private func options(_ group: inout Stint_V1_JobGroup, _ chance: inout Chance) {
        if chance.percent(20) { group.priority = Int32(chance.int(-2...2)) }
        if chance.percent(8) { group.delayMs = UInt64(chance.int(1...3_000)) }
        if chance.percent(8) { group.runAtMs = now.wall.milliseconds + Int64(chance.int(-2_000...3_000)) }
        if chance.percent(15) { group.attempts = UInt32(chance.int(1...5)) }
        if chance.percent(10) {
            group.extras.user = "user-\(chance.int(1...9))"
            group.extras.tags = ["a", "b"]
            group.extras.metadata = Data("{}".utf8)
            if let parent = chance.pick(ledger.jobs) {
                group.extras.parent = Data(parent.id)
                group.extras.root = Data(parent.id)
            }
            var header = Stint_V1_TraceHeader()
            header.key = "traceparent"
            header.value = "00-1-2-01"
            group.extras.trace = [header]
        }
    }

    /// What somebody else asked for, and has no answer to yet.
    private func enqueueAsWell(_ chance: inout Chance, by client: ClientProcess) {
        // Where a line is full, one of the two may be refused.
        guard settings.lineJobs == nil, let other = chance.pick(liveClients), other !== client,
            let wish = other.openEnqueue(&chance)
        else { return }
        note("\(client.name) enqueues what \(other.name) does")
        if case .enqueue(let ids, _, _) = wish { for id in ids { ledger.askedTwice(id) } }
        client.ask(wish, in: self)
    }

    private func known(_ chance: inout Chance) -> Ledger.Job? {
        let kind = chance.int(0...99)
        if settings.knowsTomorrow, kind < 60 {
            let noon = JobID(milliseconds: UInt64(Self.start.wall.milliseconds + 43_200_000), counter: 0, random: 0)
            return chance.pick(ledger.jobs.suffix(60).filter { $0.id > noon })
        }
        return kind < 40 ? recent(&chance) : ledger.pick(&chance)
    }

    /// The same id again: with the same content, or with another.
    private func enqueueAgain(_ chance: inout Chance, by client: ClientProcess) {
        guard let job = known(&chance), job.isAcknowledged, !job.mayBeRemoved else { return }
        let isConflict = chance.percent(40)
        let payload = isConflict ? Array("\"other\"".utf8) : Self.payload(of: job.id)
        note("\(client.name) enqueues \(job.id) again\(isConflict ? ", as another job" : "")")
        var ids = [job.id]
        var groups = [SimulatedBroker.group([job.id], type: job.type, payload: payload)]
        if isConflict {
            ledger.contradicted.insert(job.id)
            // What comes with it is not stored either.
            let other = freshID(&chance)
            ledger.offered(other, type: job.type, mayBeRemoved: settings.keepsFew)
            ids.append(other)
            groups.append(SimulatedBroker.group([other], type: job.type, payload: Self.payload(of: other)))
        }
        client.ask(.enqueue(ids, groups, isConflict: isConflict), in: self)
    }

    /// A request that was carried out and answered, as by somebody who does not know that. In ten hours its answer may be
    /// forgotten.
    private func askOnceMore(_ chance: inout Chance, by client: ClientProcess) {
        guard plan.length == .ordinary, let wish = chance.pick(ledger.carriedOut.suffix(40)) else { return }
        note("\(client.name) asks for \(wish) once more")
        client.ask(wish, in: self)
    }

    private func talkNonsense(_ chance: inout Chance, by client: ClientProcess) {
        let id = freshID(&chance)
        var group = SimulatedBroker.group([id], type: LifeSettings.types[0], payload: Self.payload(of: id))
        switch chance.int(0...4) {
        case 0: group.type = "no type/name"
        case 1: group.priority = 101
        case 2: group.payloadBytes = [1]
        case 3: group = SimulatedBroker.group([id], type: group.type, payload: Array(repeating: 0x31, count: 1_025))
        default: group.attempts = 1_001
        }
        client.ask(.nonsense([group]), in: self)
    }

    private func selection(_ chance: inout Chance, of jobs: [Ledger.Job], type: String) -> Stint_V1_DeadSelection? {
        var selection = Stint_V1_DeadSelection()
        switch chance.int(0...2) {
        case 0 where type.isEmpty: selection.all = true
        case 0, 1: selection.type = type.isEmpty ? chance.pick(LifeSettings.types) ?? "" : type
        default:
            // As a rule those that are dead, as far as anybody knows.
            let picked = (0..<16).compactMap { _ in chance.pick(jobs)?.id }
            let dead = picked.filter { auditor[$0]?.state == .dead }
            selection.ids = Data(ids: dead.isEmpty ? picked.prefix(3) : dead.prefix(3))
        }
        return selection.all || !selection.type.isEmpty || !selection.ids.isEmpty ? selection : nil
    }

    private func replay(_ chance: inout Chance, by client: ClientProcess) {
        guard let selection = selection(&chance, of: ledger.jobs, type: "") else { return }
        note("\(client.name) replays dead jobs")
        client.ask(.replay(selection, freshRequest(&chance), dryRun: chance.percent(20)), in: self)
        // Whoever does that looks how it goes.
        if chance.percent(40) { client.ask(.status(health: false), in: self) }
    }

    private func discard(_ chance: inout Chance, by client: ClientProcess) {
        let trash = ledger.jobs.suffix(200).filter { $0.type == LifeSettings.trash }
        guard let selection = selection(&chance, of: trash, type: LifeSettings.trash) else { return }
        note("\(client.name) discards dead jobs")
        ledger.discards += 1
        let request = freshRequest(&chance)
        client.ask(.discard(selection, request, dryRun: chance.percent(20)), in: self)
        if chance.percent(50) { enqueueAnew(selection, after: request, by: client) }
    }

    /// Thrown away, and done anew.
    private func enqueueAnew(
        _ discarded: Stint_V1_DeadSelection, after request: RequestID, by client: ClientProcess
    ) {
        // A number of jobs that is kept removes others at any time.
        guard !settings.keepsFew, settings.lineJobs == nil, let ids = try? discarded.ids.ids(field: "selection.ids")
        else {
            return
        }
        for id in ids {
            guard let former = auditor[id]?.serial else { continue }
            let group = SimulatedBroker.group([id], type: LifeSettings.trash, payload: Self.payload(of: id))
            note("\(client.name) enqueues \(id) anew")
            client.ask(.enqueueAnew(id, group, former: former, discard: request, discards: ledger.discards), in: self)
        }
    }

    // MARK: Answers

    /// A request that is repeated gets the first answer.
    func isSameAnswer(to request: RequestID, _ answer: UInt64, _ wish: ClientProcess.Wish) {
        if ledger.answers[request] == nil { ledger.carriedOut.append(wish) }
        let first = ledger.answers[request] ?? answer
        ledger.answers[request] = first
        expect(first == answer, "a repeated request was answered with \(answer), and with \(first) before")
    }

    func mayBeGone(_ ids: [JobID]) -> Bool { ids.contains { ledger[$0]?.mayBeRemoved ?? true } }

    /// The job was removed after its time, and another one with its id came first.
    func mayBeAnother(_ ids: [JobID]) -> Bool { mayBeGone(ids) && ids.contains(where: ledger.contradicted.contains) }

    func isConsistent(_ status: Stint_V1_StatusAnswer) {
        var sum = Stint_V1_StateCounts()
        for type in status.types { sum.add(type.counts) }
        expect(sum == status.counts, "the counts of a status are not those of its types")
        let leases = status.workers.reduce(0) { $0 + UInt64($1.leases) }
        expect(
            leases <= status.counts.leased, "workers hold \(leases) leases, and \(status.counts.leased) jobs are leased"
        )
    }
}
