import StintCore
import StintWire

// Faults strike, and heal.

extension Simulation {
    func strike(_ fault: LifePlan.PlannedFault) {
        report.faultsLeft -= 1
        guard !isHealed else { return }
        checkHolders()
        report.faults[fault.kind, default: 0] += 1
        var chance = Chance(plan.seed, .faults, fault.number + 1)
        note("fault \(fault.number): \(fault.kind.rawValue)")
        switch fault.kind {
        case .brokerKilled: broker.stepsLeft = chance.percent(30) ? 0 : chance.int(0...60)
        case .brokerRestarted:
            // Someone looks on.
            if chance.percent(30) { chance.pick(liveClients)?.ask(.status(health: false), in: self) }
            diskSlowness = max(diskSlowness, chance.percent(30) ? 100 : 1)
            guard chance.percent(40) else { return drainBroker() }
            // Whoever loses his connection before it finds a broker that takes nothing any more.
            diskSlowness = max(diskSlowness, chance.int(100...600))
            for client in liveClients { breakConnection(client.link) }
            events.add(.heals(.drains), at: now.instant + chance.milliseconds(1...200))
        case .brokerPaused: pauseBroker(pauseLength(&chance))
        case .wallClockStepped:
            if chance.percent(25) { return creep(&chance) }
            let step = chance.milliseconds(10_000...300_000)
            stepWallClock(chance.percent(50) ? step : .zero - step, &chance)
        case .wallClockLeapt: stepWallClock(.seconds(chance.int(-10...10) * 366 * 86_400), &chance)
        case .commitFailed: broker.faults.failsCommit = true
        case .readFailed: broker.faults.failsRead = true
        case .diskFull:
            broker.faults.isFull = true
            events.add(.heals(.hasRoom), at: now.instant + chance.milliseconds(10...4_000))
        case .diskSlow:
            diskSlowness = chance.magnitude(10...2_000)
            // Whoever waits for it repeats what he asked for.
            if chance.percent(50) { events.add(.heals(.isImpatient), at: now.instant + chance.milliseconds(1...300)) }
            events.add(.heals(.isFast), at: now.instant + chance.milliseconds(10...3_000))
        case .payloadCorrupted: corruptPayload(&chance)
        case .connectionBroken: if let link = anyLink(&chance) { breakConnection(link) }
        case .connectionDoubled:
            guard let link = anyLink(&chance) else { return }
            links[link].flaps = chance.percent(50)
            breakConnection(link, doubled: true)
        case .partitioned: partition(&chance)
        case .halfOpen: cutOneWay(&chance)
        case .delayed:
            if let link = anyLink(&chance) { links[link].latencyMicroseconds = chance.magnitude(50...700_000) }
        case .peerNotReading:
            let (length, isSlow) = (chance.milliseconds(1...3_000), chance.percent(30))
            // A host with several of them stops reading for all.
            for _ in 0..<(chance.percent(30) ? 3 : 1) {
                guard let link = anyLink(&chance) else { return }
                links[link].isBlocked = true
                links[link].isSlow = isSlow
                events.add(.heals(.reads(link: link)), at: now.instant + length)
                // Its process may have been stopped before that, and go on after it.
                if links[link].side == .worker, chance.percent(40) { pause(workers[links[link].peer], length * 2) }
            }
        case .noise: noise(&chance)
        case .workerKilled: if let worker = chance.pick(liveWorkers) { killWorker(worker) }
        case .workerPaused: if let worker = chance.pick(liveWorkers) { pause(worker, pauseLength(&chance)) }
        case .workerDrained: if let worker = chance.pick(liveWorkers) { worker.drain(in: self) }
        case .workerLies: lieOrWithdraw(&chance)
        case .workerJoins: if liveWorkers.count < 10 { addWorker() }
        case .clientKilled: if let client = chance.pick(liveClients) { killClient(client) }
        case .clientPaused:
            guard let client = chance.pick(liveClients) else { return }
            pause(client, pauseLength(&chance))
        case .clientRepeats: chance.pick(liveClients)?.sendAgain(in: self)
        }
    }

    private func drainBroker() {
        guard broker.isUp else { return }
        broker.isDraining = true
        broker.lookAround()
    }

    private func pauseLength(_ chance: inout Chance) -> Duration {
        chance.percent(60) ? chance.milliseconds(1...1_000) : chance.milliseconds(1_000...9_000)
    }

    private func anyLink(_ chance: inout Chance) -> Int? {
        chance.pick(links.indices.filter { links[$0].address != nil })
    }

    private func pauseBroker(_ length: Duration) {
        guard broker.isUp, !broker.isPaused else { return }
        broker.isPaused = true
        events.add(.brokerWakes(life: broker.life), at: now.instant + length)
    }

    private func pause(_ worker: WorkerProcess, _ length: Duration) {
        guard worker.pausedUntil == nil else { return }
        worker.pausedUntil = now.instant + length
        events.add(.heals(.wakes(worker: worker.index)), at: now.instant + length)
    }

    private func pause(_ client: ClientProcess, _ length: Duration) {
        guard client.pausedUntil == nil else { return }
        client.pausedUntil = now.instant + length
        events.add(.heals(.wakesClient(client.index)), at: now.instant + length)
    }

    /// Somebody sets the clock back, or ahead, again and again, by less than what counts as a step.
    private func creep(_ chance: inout Chance) {
        let seconds = chance.percent(70) ? -50 : 50
        let apart = chance.milliseconds(1...200)
        for number in 0..<6 {
            events.add(.heals(.wallClock(.seconds(seconds))), at: now.instant + apart * number)
        }
    }

    private func stepWallClock(_ step: Duration, _ chance: inout Chance) {
        setWallClock(ahead: wallOffset + step)
        auditor.wallClockMoved(to: now.wall)
        // Someone sets it right again, now and then.
        if chance.percent(50) {
            events.add(.heals(.wallClock(.zero - step)), at: now.instant + chance.milliseconds(1...5_000))
        } else if chance.percent(30) {
            // At once, because it was noticed while the disk hung.
            diskSlowness = max(diskSlowness, chance.int(100...1_000))
            events.add(.heals(.wallClock(.zero - step)), at: now.instant + chance.milliseconds(1...100))
            events.add(.heals(.isImpatient), at: now.instant + chance.milliseconds(101...110))
            events.add(.heals(.isFast), at: now.instant + chance.milliseconds(200...2_000))
        }
    }

    private func corruptPayload(_ chance: inout Chance) {
        guard let job = chance.pick(ledger.jobs.suffix(100)), let row = auditor[job.id] else { return }
        broker.faults.corrupt.insert(row.serial)
        auditor.isCorrupt(job.id)
    }

    private func partition(_ chance: inout Chance) {
        guard let link = anyLink(&chance) else { return }
        links[link].cutAt = nil
        // What a dead direction swallowed stays lost: such a connection can only break.
        guard links[link].toBroker.passage != .lost, links[link].toPeer.passage != .lost else { return }
        links[link].toBroker.passage = .held
        links[link].toPeer.passage = .held
        let opens = Remedy.opens(link: link, generation: links[link].generation, breaks: chance.percent(40))
        events.add(.heals(opens), at: now.instant + pauseLength(&chance))
    }

    private func cutOneWay(_ chance: inout Chance) {
        guard let link = anyLink(&chance) else { return }
        if chance.percent(50) {
            links[link].toBroker.passage = .lost
        } else {
            links[link].toPeer.passage = .lost
        }
        links[link].cutAt = now.instant
        let breaks = Remedy.opens(link: link, generation: links[link].generation, breaks: true)
        events.add(.heals(breaks), at: now.instant + pauseLength(&chance))
    }

    private func lieOrWithdraw(_ chance: inout Chance) {
        guard let worker = chance.pick(liveWorkers) else { return }
        if chance.percent(25), let type = chance.pick(worker.types), type != LifeSettings.types[0] {
            return worker.withdraw(type, in: self)
        }
        worker.isLying = true
        events.add(.heals(.isHonest(worker: worker.index)), at: now.instant + chance.milliseconds(500...3_000))
    }

    /// Bytes that mean nothing, a real message with some of its bytes changed, or one that is not for this socket.
    private func noise(_ chance: inout Chance) {
        for _ in 0...chance.int(0...5) {
            var body = (0..<chance.int(0...60)).map { _ in UInt8(truncatingIfNeeded: chance.next()) }
            if chance.percent(60), let worker = chance.pick(liveWorkers) {
                let heartbeat = Stint_V1_Envelope.OneOf_Message.heartbeat(
                    Stint_V1_Heartbeat(number: chance.next(), running: []))
                body = Frame.encode(heartbeat, session: worker.session.session.value)
                if chance.percent(70) {
                    body[chance.int(0...body.count - 1)] = UInt8(truncatingIfNeeded: chance.next())
                }
            }
            broker.deliver(body, from: chance.percent(50) ? .worker : .client, at: freshAddress())
        }
    }

    /// The connection was dead for a while, and it is still the same: a worker should have noticed by itself.
    private func deadConnectionIsFound(_ link: Int) {
        guard let cutAt = links[link].cutAt, links[link].side == .worker else { return }
        let worker = workers[links[link].peer]
        guard worker.isAlive, worker.knowsTerms, worker.pausedUntil == nil, worker.wokeAt < cutAt else { return }
        expect(
            now.instant < cutAt + settings.lease * 2 + .milliseconds(1_500),
            "\(worker.name) goes on for \(now.instant - cutAt) with a connection that is dead")
    }

    // MARK: Healing

    func heal(_ remedy: Remedy) {
        switch remedy {
        case .opens(let link, let generation, let breaks):
            guard links[link].generation == generation else { return }
            deadConnectionIsFound(link)
            let hasLost = links[link].toBroker.passage == .lost || links[link].toPeer.passage == .lost
            if breaks || hasLost { breakConnection(link) } else { open(link) }
        case .reads(let link):
            links[link].isBlocked = false
            broker.lookAround()
        case .hasRoom:
            broker.faults.isFull = false
            broker.lookAround()
        case .isFast: diskSlowness = 1
        case .isImpatient:
            for client in liveClients { client.sendAgain(in: self) }
            if diskSlowness > 1, network.percent(70) {
                events.add(.heals(.isImpatient), at: now.instant + network.microseconds(1_000...200_000))
            }
        case .drains: if !isHealed { drainBroker() }
        case .breaksAgain(let link, let generation):
            if links[link].generation == generation { breakConnection(link, doubled: true) }
        case .wallClock(let step):
            guard !isHealed else { return }
            setWallClock(ahead: wallOffset + step)
            auditor.wallClockMoved(to: now.wall)
        case .isHonest(let worker): workers[worker].isLying = false
        case .wakes(let worker): if workers[worker].pausedUntil != nil { workers[worker].wake(in: self) }
        case .wakesClient(let client): if clients[client].pausedUntil != nil { wake(clients[client]) }
        }
    }
}
