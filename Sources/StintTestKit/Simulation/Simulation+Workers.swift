import Foundation
import StintCore
import StintTransport
import StintWire

// The workers of a simulated life. Their session follows the real rules; what their handlers do is chance.

extension Simulation {
    func addWorker() {
        let types = Self.types.filter { _ in chance(75) }
        let worker = SimulatedWorkerProcess(
            freshName("worker"), instance: InstanceID(high: random.next(), low: random.next()),
            session: freshSession(), types: types.isEmpty || isHonest ? Self.types : types,
            slots: 1 + Int(random.next(upTo: 5)), address: broker.freshAddress(), at: broker.now,
            settings: Self.settings)
        workers.append(worker)
        note("\(worker.name) starts with \(worker.slots) slots for \(worker.types.joined(separator: ", "))")
        var actions: [WorkerSession.Action] = []
        worker.session.start(&actions)
        perform(actions, of: worker)
    }

    func workerActs() {
        guard let worker = pick(workers), !worker.isSilent(at: broker.now) else { return }
        switch random.next(upTo: 99) {
        case 0..<70: finish(worker)
        case 70..<78:
            if let running = pick(worker.running) { send(worker.checkpoint(running), from: worker) }
        case 78..<86:
            if let running = pick(worker.running) { send(worker.progress(running), from: worker) }
        case 86..<93: lie(worker)
        case 93..<95:
            guard let type = pick(worker.types), type != Self.types[0] else { return }
            note("\(worker.name) withdraws \(type)")
            var message = Stint_V1_Withdraw()
            message.type = type
            message.reason = "its program is gone"
            send(.withdraw(message), from: worker)
        default: tick(worker)
        }
    }

    func tick(_ worker: SimulatedWorkerProcess) {
        var actions: [WorkerSession.Action] = []
        _ = worker.session.tick(fresh: freshSession(), at: broker.now, &actions)
        perform(actions, of: worker)
        actions.removeAll()
        worker.session.endIfDone(&actions)
        perform(actions, of: worker)
        if worker.hasEnded {
            note("\(worker.name) ends")
            workers.removeAll { $0 === worker }
            addWorker()
        }
    }

    // MARK: Settling

    /// Some of what runs comes to its end.
    func finish(_ worker: SimulatedWorkerProcess) {
        guard !worker.running.isEmpty else { return }
        let count = isHonest ? worker.running.count : 1 + Int(random.next(upTo: UInt64(worker.running.count - 1)))
        let ended = Array(worker.running.prefix(count))
        settle(ended.map { ($0, isHonest ? .completed : outcome()) }, by: worker)
    }

    private func outcome() -> Stint_V1_SettleDetail.Outcome {
        switch random.next(upTo: 99) {
        case 0..<65: .completed
        case 65..<80: .failed
        case 80..<85: .errored
        case 85..<88: .timedOut
        case 88..<91: .crashed
        case 91..<95: .snoozed
        default: .released
        }
    }

    /// Settles attempts, one message for each epoch.
    func settle(
        _ items: [(lease: SimulatedPeer.Assignment, outcome: Stint_V1_SettleDetail.Outcome)],
        by worker: SimulatedWorkerProcess
    ) {
        var rest = items
        while let epoch = rest.first?.lease.token.epoch {
            let group = rest.filter { $0.lease.token.epoch == epoch }
            rest.removeAll { $0.lease.token.epoch == epoch }
            settleGroup(group, by: worker)
        }
    }

    private func settleGroup(
        _ items: [(lease: SimulatedPeer.Assignment, outcome: Stint_V1_SettleDetail.Outcome)],
        by worker: SimulatedWorkerProcess
    ) {
        var completions: [(index: Int, lease: LeaseReference)] = []
        var entries: [(lease: SimulatedPeer.Assignment, detail: Stint_V1_SettleDetail?, result: [UInt8])] = []
        for (index, item) in items.enumerated() {
            var detail = Stint_V1_SettleDetail()
            detail.outcome = item.outcome
            var isCompletion = item.outcome == .completed
            if isCompletion {
                let isConflict = addChildren(to: &detail, of: item.lease)
                isCompletion = !isConflict
            } else if item.outcome == .snoozed {
                detail.retryAfterMs = random.next(upTo: 2_000)
            } else if item.outcome != .released {
                detail.error = "chance"
                detail.permanent = chance(10)
            }
            if isCompletion {
                completions.append((index, item.lease.lease))
                ledger.sentCompletion(item.lease.lease)
            }
            entries.append(
                (item.lease, detail, item.outcome == .completed ? Ledger.result(of: item.lease.token) : []))
            note("\(worker.name) settles \(item.lease.id) under \(item.lease.token): \(item.outcome)")
            worker.past.append(item.lease)
        }
        let leases = items.map(\.lease.lease)
        for lease in leases { worker.drop(lease) }
        var actions: [WorkerSession.Action] = []
        let message = SimulatedBroker.settlement(entries, number: 0)
        let key = worker.session.settled(leases, &actions)
        worker.settlements[key] = .init(message: message, completions: completions)
        perform(actions, of: worker)
    }

    /// Now and then a completion brings children: new ones, one that several parents bring, or one that conflicts.
    private func addChildren(to detail: inout Stint_V1_SettleDetail, of lease: SimulatedPeer.Assignment) -> Bool {
        guard !isHonest, chance(15) else { return false }
        if chance(15), let taken = pick(ledger.ids), let job = ledger[taken], job.isAcknowledged, !job.mayBeDiscarded {
            detail.children = [SimulatedBroker.group([taken], type: job.type, payload: Array("\"other\"".utf8))]
            return true
        }
        for _ in 0...random.next(upTo: 2) {
            // The half of all parents share a few children.
            let isShared = chance(50)
            let id =
                isShared
                ? JobID(milliseconds: 1_700_000_000_000, counter: UInt16(random.next(upTo: 40)), random: 1)
                : freshID()
            let payload = Array("\"\(id)\"".utf8)
            if ledger[id] == nil { ledger.offered(id, type: Self.types[0], payload: payload) }
            ledger.offered(id, as: Ledger.Child(parent: lease.id, token: lease.token))
            detail.children.append(SimulatedBroker.group([id], type: Self.types[0], payload: payload))
        }
        return false
    }

    /// Settles, again, what it has settled before or lost.
    private func lie(_ worker: SimulatedWorkerProcess) {
        guard let lease = pick(worker.past) else { return }
        note("\(worker.name) says once more that \(lease.id) failed under \(lease.token)")
        settle([(lease, .failed)], by: worker)
    }

    // MARK: The session

    func perform(_ actions: [WorkerSession.Action], of worker: SimulatedWorkerProcess) {
        for action in actions {
            switch action {
            case .hello:
                note("\(worker.name) says hello")
                send(worker.hello(), from: worker)
            case .heartbeat(let number): send(worker.heartbeat(number), from: worker)
            case .start, .suspend, .resume: break
            case .abandon(let lease): worker.drop(lease)
            case .cancel(let lease):
                worker.stopping.append(lease)
                let held = (worker.waiting + worker.running).filter { $0.lease == lease }
                if chance(70) { settle(held.map { ($0, .cancelled) }, by: worker) }
            case .settle(let key, let number):
                guard var message = worker.settlements[key]?.message else { continue }
                message.number = number
                send(.settle(message), from: worker)
            case .forget(let key):
                guard let settlement = worker.settlements.removeValue(forKey: key) else { continue }
                for completion in settlement.completions { ledger.accepted(completion.lease) }
            case .recall: settle(worker.waiting.map { ($0, .released) }, by: worker)
            case .drain: send(.drain(Stint_V1_Drain()), from: worker)
            case .bye:
                send(.bye(Stint_V1_Bye()), from: worker)
                worker.hasEnded = true
            case .rebuild:
                discard(from: worker.address)
                worker.address = broker.freshAddress()
            }
        }
    }

    func drain(_ worker: SimulatedWorkerProcess) {
        var actions: [WorkerSession.Action] = []
        worker.session.drain(&actions)
        perform(actions, of: worker)
    }

    func breakConnection(of worker: SimulatedWorkerProcess) {
        discard(from: worker.address)
        worker.inbox.removeAll()
        worker.address = broker.freshAddress()
        var actions: [WorkerSession.Action] = []
        worker.session.lostSession(fresh: freshSession(), at: broker.now, &actions)
        perform(actions, of: worker)
    }

    /// What was under way on a connection that broke is lost.
    func discard(from address: PeerAddress) {
        broker.fromWorkers.removeAll { $0.peer == address }
        broker.fromClients.removeAll { $0.peer == address }
    }

    private func send(_ message: Stint_V1_Envelope.OneOf_Message, from worker: SimulatedWorkerProcess) {
        broker.deliver(
            fromWorker: Frame.encode(message, session: worker.session.session.value), at: worker.address)
    }

    // MARK: What comes

    func read(_ worker: SimulatedWorkerProcess) {
        if worker.isSilent(at: broker.now) { return }
        worker.silentUntil = nil
        let inbox = worker.inbox
        worker.inbox.removeAll()
        for body in inbox {
            guard let (session, message) = try? Frame.decode(body), session == worker.session.session.value else {
                continue
            }
            do {
                try take(message, by: worker)
            } catch {
                ledger.problem("the broker broke the protocol: \(error)")
            }
        }
    }

    private func take(_ message: Stint_V1_Envelope.OneOf_Message, by worker: SimulatedWorkerProcess) throws {
        var actions: [WorkerSession.Action] = []
        switch message {
        case .workerWelcome(let welcome):
            var lost: [LeaseReference] = []
            var cancelled: [LeaseReference] = []
            for group in welcome.lost {
                if group.reason == .jobCancelled { cancelled += try group.leases() } else { lost += try group.leases() }
            }
            worker.session.welcomed(
                lease: .milliseconds(Int64(welcome.leaseMs)), heartbeat: .milliseconds(Int64(welcome.heartbeatMs)),
                lost: lost, cancelled: cancelled, at: broker.now, &actions)
        case .pong(let pong): worker.session.pong(pong.number, at: broker.now)
        case .assign(let assign):
            let assignments = try SimulatedPeer.assignments(assign)
            note("\(worker.name) is to run \(assignments.map { "\($0.id) under \($0.token)" })")
            worker.waiting += assignments
            worker.session.assigned(assignments.map(\.lease), &actions)
        case .settled(let settled):
            refuse(settled, of: worker)
            worker.session.confirmed(upTo: settled.upTo, &actions)
        case .revoke(let revoke):
            for group in revoke.lost {
                let leases = try group.leases()
                if group.reason == .jobCancelled {
                    worker.session.cancelRequested(leases, &actions)
                } else {
                    worker.session.revoked(leases, &actions)
                }
            }
        case .sayHello: worker.session.lostSession(fresh: freshSession(), at: broker.now, &actions)
        case .refused(let refused): ledger.problem("\(worker.name) was refused: \(refused.message)")
        default: break
        }
        perform(actions, of: worker)
    }

    /// Takes out the completions that do not count, before the message is forgotten.
    private func refuse(_ settled: Stint_V1_Settled, of worker: SimulatedWorkerProcess) {
        for refused in settled.refused {
            guard let message = worker.session.unconfirmed.first(where: { $0.number == refused.number }) else {
                continue
            }
            worker.settlements[message.key]?.completions.removeAll { $0.index == Int(refused.index) }
        }
    }
}
