import Foundation
import StintCore
import StintWire

// The workers of a simulated world, and what their handlers do.

extension Simulation {
    func addWorker() {
        let types = isHealed ? LifeSettings.types : LifeSettings.types.filter { _ in handlers.percent(75) }
        let index = workers.count
        let name = freshName("worker")
        let link = addLink(.worker, peer: index)
        // At the end there have to be hands enough for all that is left.
        let slots = isHealed ? 40 : handlers.int(1...settings.slotsMax)
        let worker = WorkerProcess(
            index, name: name, instance: freshInstance(), session: freshSession(),
            types: types.isEmpty ? LifeSettings.types : types, slots: slots, link: link, settings: settings, at: now)
        workers.append(worker)
        note("\(name) starts with \(worker.slots) slots for \(worker.types.joined(separator: ", "))")
        connect(worker.link)
        worker.start(in: self)
    }

    var liveWorkers: [WorkerProcess] { workers.filter(\.isAlive) }

    func workerIsDue(_ worker: WorkerProcess) {
        if worker.isCalled(at: now.instant) { worker.work(in: self) }
    }

    /// It ended by itself, and another one starts.
    func workerEnds(_ worker: WorkerProcess) {
        worker.isAlive = false
        addWorker()
    }

    func killWorker(_ worker: WorkerProcess) {
        note("\(worker.name) is killed")
        worker.isAlive = false
        breakConnection(worker.link, reconnects: false)
        addWorker()
    }

    // MARK: Handlers

    /// What becomes of an attempt that begins now, by chance of its own.
    func run(_ attempt: WorkerProcess.Attempt, by worker: WorkerProcess) -> WorkerProcess.Running {
        if isHealed {
            worker.ranSinceHealing += 1
            return WorkerProcess.Running(
                attempt: attempt, began: now.instant, ends: now.instant + .milliseconds(1), outcome: .completed)
        }
        var chance = Chance(
            plan.seed, .handlers, Int(truncatingIfNeeded: attempt.lease.id.low ^ attempt.lease.token.sequence))
        var outcome: Stint_V1_SettleDetail.Outcome = chance.pick([
            (70, .completed), (14, .failed), (3, .errored), (3, .crashed), (4, .snoozed), (4, .released),
            (2, .timedOut),
        ])
        var time = chance.microseconds(100...settings.runMillisecondsMax * 1_000)
        if chance.percent(1) { time = chance.milliseconds(500...4_000) }
        // The worker enforces the timeout; one that lies does not.
        if outcome == .timedOut || (time > attempt.timeout && !worker.isLying) {
            (time, outcome) = (attempt.timeout, .timedOut)
            // And some handlers take part of their grace to stop.
            if chance.percent(50) { time += chance.milliseconds(0...Int(settings.policy.grace.inMilliseconds) * 3 / 4) }
        }
        // What ends at about the same time is settled together, as it is by a thread that has more to do.
        let grid = settings.settleGridNanoseconds
        let ends = ((now.instant + time).nanoseconds + grid - 1) / grid * grid
        return WorkerProcess.Running(
            attempt: attempt, began: now.instant, ends: Instant(nanoseconds: ends), outcome: outcome)
    }

    /// The settle message of attempts that ended, all of one epoch.
    func settlement(
        of items: [(attempt: WorkerProcess.Attempt, outcome: Stint_V1_SettleDetail.Outcome, microseconds: UInt32)],
        by worker: WorkerProcess
    ) -> WorkerProcess.Settlement {
        let leases = items.map(\.attempt.lease)
        var message = Self.columns(leases, microseconds: items.map(\.microseconds))
        var completions: [Int] = []
        for (index, item) in items.enumerated() {
            note("\(worker.name) settles \(item.attempt.lease.id) under \(item.attempt.lease.token): \(item.outcome)")
            var detail = Stint_V1_SettleDetail()
            detail.index = UInt32(index)
            detail.outcome = item.outcome
            defer { ledger.said(item.attempt.lease, Self.said(detail)) }
            var result: [UInt8] = []
            // What was foretold, without children, may be what counts.
            let isForetold = ledger[item.attempt.lease]?.said != nil
            switch item.outcome {
            case .completed:
                result = Ledger.result(of: item.attempt.lease.token)
                if !isForetold, let taken = addChildren(to: &detail, of: item.attempt.lease) {
                    ledger.completionFails(item.attempt.lease, becauseOf: taken)
                } else {
                    completions.append(index)
                    ledger.sentCompletion(item.attempt.lease)
                }
            case .snoozed: detail.retryAfterMs = handlers.next() % 1_000
            case .released, .cancelled: break
            case .failed, .errored, .timedOut, .crashed, .UNRECOGNIZED:
                detail.error = "chance"
                // Those of a failure are not stored.
                if handlers.percent(15), !isForetold { _ = addChildren(to: &detail, of: item.attempt.lease) }
                detail.permanent = handlers.percent(8)
                if handlers.percent(10) { detail.retryAfterMs = handlers.next() % 500 }
            }
            if handlers.percent(5) { detail.log = Data("a line\n".utf8) }
            if handlers.percent(5) { detail.progress = Data("1".utf8) }
            message.resultBytes.append(UInt32(result.count))
            message.results.append(contentsOf: result)
            if detail != Self.plainDetail(index) { message.details.append(detail) }
        }
        return WorkerProcess.Settlement(message: message, leases: leases, completions: completions)
    }

    private static func said(_ detail: Stint_V1_SettleDetail) -> Ledger.Said {
        let outcome: Outcome =
            switch detail.outcome {
            case .completed: .completed
            case .failed: .failed
            case .errored: .errored
            case .timedOut: .timedOut
            case .crashed: .crashed
            case .cancelled: .cancelled
            case .snoozed: .snoozed
            case .released: .released
            case .UNRECOGNIZED: .none
            }
        let retryAfter = detail.hasRetryAfterMs ? Duration.milliseconds(Int64(detail.retryAfterMs)) : nil
        return Ledger.Said(outcome: outcome, isPermanent: detail.permanent, retryAfter: retryAfter)
    }

    private static func plainDetail(_ index: Int) -> Stint_V1_SettleDetail {
        var detail = Stint_V1_SettleDetail()
        detail.index = UInt32(index)
        return detail
    }

    private static func columns(_ leases: [LeaseReference], microseconds: [UInt32]) -> Stint_V1_Settle {
        var message = Stint_V1_Settle()
        message.epoch = leases[0].token.epoch
        message.ids = Data(ids: leases.map(\.id))
        message.sequences = leases.map(\.token.sequence)
        message.runMicroseconds = microseconds
        return message
    }

    /// Now and then a completion brings children: new ones, one that several parents bring, or one that conflicts.
    ///
    /// - Returns: The job that one of them conflicts with, so that the attempt will have failed.
    private func addChildren(to detail: inout Stint_V1_SettleDetail, of lease: LeaseReference) -> JobID? {
        guard !isHealed, handlers.percent(6) else { return nil }
        if handlers.percent(15), let taken = ledger.pick(&handlers), taken.isAcknowledged, !taken.mayBeRemoved {
            detail.children = [SimulatedBroker.group([taken.id], type: taken.type, payload: Array("\"other\"".utf8))]
            return taken.id
        }
        for _ in 0...handlers.int(0...2) {
            // Half of all parents share a few children.
            let isShared = handlers.percent(50)
            let id =
                isShared
                ? JobID(milliseconds: 1_700_000_000_000, counter: UInt16(handlers.int(0...40)), random: 1)
                : freshID(&handlers)
            let payload = Self.payload(of: id)
            ledger.offered(id, type: LifeSettings.types[0], mayBeRemoved: settings.keepsFew)
            ledger.offered(id, as: Ledger.Child(parent: lease.id, token: lease.token))
            detail.children.append(SimulatedBroker.group([id], type: LifeSettings.types[0], payload: payload))
        }
        return nil
    }

    /// A settlement of leases that the worker does not hold, if it can think of one.
    func lie(of worker: WorkerProcess) -> WorkerProcess.Settlement? {
        if handlers.percent(10), let settlement = prophecy(of: worker) { return settlement }
        guard handlers.percent(20), let job = ledger.pick(&handlers), job.assigned != .none else { return nil }
        let token =
            handlers.percent(70)
            ? job.assigned
            : FencingToken(epoch: job.assigned.epoch, sequence: job.assigned.sequence + UInt64(handlers.int(1...50)))
        var lease = LeaseReference(id: job.id, token: token)
        if job.worker == worker.index {
            // Of its own jobs it names a lease that was over before.
            guard job.assigned.sequence > 1 else { return nil }
            lease.token = FencingToken(
                epoch: job.assigned.epoch,
                sequence: job.assigned.sequence - UInt64(handlers.int(1...min(50, Int(job.assigned.sequence) - 1))))
        }
        guard !worker.holds(lease), ledger[lease]?.said == nil else { return nil }
        note("\(worker.name) lies about \(lease.id) under \(lease.token)")
        var message = Self.columns([lease], microseconds: [1])
        let lie = Array("\"lie\"".utf8)
        message.resultBytes = [UInt32(lie.count)]
        message.results = Data(lie)
        if handlers.percent(50) {
            var detail = Stint_V1_SettleDetail()
            detail.outcome = .failed
            detail.permanent = true
            message.details = [detail]
        }
        return WorkerProcess.Settlement(message: message, leases: [lease], completions: [])
    }

    /// The completion of a lease that the worker was granted and has not been sent: whoever can count can guess its token.
    private func prophecy(of worker: WorkerProcess) -> WorkerProcess.Settlement? {
        guard broker.isUp, let slot = broker.turn.state.workers.slot(of: worker.session.session) else { return nil }
        var next = broker.turn.state.workers[slot].firstLease
        while next >= 0 {
            let entry = broker.turn.state.jobs[next]
            next = entry.lease.next
            let lease = LeaseReference(id: entry.row.id, token: entry.lease.token)
            guard ledger[lease.id] != nil, ledger[lease] == nil, !worker.holds(lease) else { continue }
            note("\(worker.name) foretells \(lease.id) under \(lease.token)")
            ledger.sentCompletion(lease)
            ledger.said(lease, Ledger.Said(outcome: .completed, isPermanent: false, retryAfter: nil))
            var message = Self.columns([lease], microseconds: [1])
            let result = Ledger.result(of: lease.token)
            message.resultBytes = [UInt32(result.count)]
            message.results = Data(result)
            return WorkerProcess.Settlement(message: message, leases: [lease], completions: [0])
        }
        return nil
    }

    /// What every job that is honestly enqueued carries: its own id, so that mixed up payloads show.
    static func payload(of id: JobID) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 34) { buffer, count in
            buffer[0] = 0x22
            buffer[33] = 0x22
            for digit in 0..<16 {
                let shift = UInt64(60 - 4 * digit)
                buffer[1 + digit] = digits[Int(id.high >> shift & 15)]
                buffer[17 + digit] = digits[Int(id.low >> shift & 15)]
            }
            count = 34
        }
    }
    private static let digits = Array("0123456789abcdef".utf8)

    /// Mostly rising, as the library makes them; sometimes of another host whose clock is behind, or ahead.
    func freshID(_ chance: inout Chance) -> JobID {
        ids += 1
        let truth = Self.start.wall + (now.instant - Self.start.instant)
        var skew = chance.percent(15) ? chance.int(-5_000...5_000) : 0
        if settings.knowsTomorrow, chance.percent(settings.idsOfTomorrow) {
            skew = 86_400_000 + chance.int(-settings.tomorrowSpread...settings.tomorrowSpread)
        }
        return JobID(
            milliseconds: UInt64(truth.milliseconds + Int64(skew)), counter: UInt16(ids & 4_095),
            random: chance.next())
    }
}
