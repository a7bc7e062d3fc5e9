import StintCore
import StintWire

// What the broker says is a promise from the moment it leaves. Each is held against what is on its disk at that very
// moment, and against what others were told before.

extension Simulation {
    // MARK: To workers

    func brokerSays(
        _ message: Stint_V1_Envelope.OneOf_Message, session: UInt64, to worker: WorkerProcess, isLate: Bool
    ) {
        do {
            switch message {
            case .assign(let assign): try grants(assign, to: worker, isLate: isLate)
            case .settled(let settled): confirms(settled, session: session, to: worker)
            case .revoke(let revoke):
                for group in revoke.lost where group.reason == .leaseLost {
                    for lease in try group.leases() { isOver(lease) }
                }
            case .workerWelcome(let welcome):
                for group in welcome.lost where group.reason == .leaseLost {
                    for lease in try group.leases() { isOver(lease) }
                }
            default: break
            }
        } catch {
            problem("the broker sent what breaks the protocol: \(error)")
        }
    }

    private func grants(_ assign: Stint_V1_Assign, to worker: WorkerProcess, isLate: Bool) throws {
        let assignments = try SimulatedPeer.assignments(assign)
        let types = try SimulatedPeer.attempts(assign).map { assign.types[$0.type].name }
        expect(
            !isLate || assignments.contains { auditor.isGranted($0.id, $0.token) },
            "a grant that waited for \(worker.name) leaves, and all of it is over")
        for (assignment, type) in zip(assignments, types) {
            if isLate, !auditor.isGranted(assignment.id, assignment.token) { continue }
            guard let job = ledger[assignment.id] else {
                problem("\(assignment.id) was never enqueued, and runs")
                continue
            }
            expect(
                isLate || broker.turn.state.isLeased(job.id, under: assignment.token),
                "\(job.id) leaves under \(assignment.token), and that lease is over")
            expect(
                assignment.token > job.assigned,
                "\(job.id): the token \(assignment.token) does not rise above \(job.assigned)")
            expect(
                assignment.payload == Self.payload(of: job.id) || job.mayBeRemoved,
                "\(job.id) is run with another payload")
            expect(job.type == type || job.mayBeRemoved, "\(job.id) is a job of \(job.type) and is run as \(type)")
            expect(job.completed == nil || job.mayBeRemoved, "\(job.id) is completed and is run again")
            expect(!job.isCancelled || job.mayBeRemoved, "\(job.id) was cancelled and is run again")
            expect(
                auditor.isGranted(job.id, assignment.token),
                "\(job.id) leaves under \(assignment.token), and no grant of it is on disk")
            if let row = auditor[job.id] {
                expect(row.state == .ready, "\(job.id) is \(row.state.name) on disk and is given to a worker")
                expect(
                    assignment.attempt == Int(row.attempt) + 1 && row.attempt < row.attemptsMax,
                    "\(job.id) runs as attempt \(assignment.attempt), but \(row.attempt) of \(row.attemptsMax) counted")
            }
            let checkpoint = String(decoding: assignment.checkpoint, as: UTF8.self)
            expect(
                checkpoint.isEmpty || FencingToken(checkpoint) != nil,
                "\(job.id) is given a state that no holder of it saved")
            if let saved = job.checkpoint, !job.mayBeRemoved {
                // A later state, whose confirmation was lost, may have taken its place.
                expect(!checkpoint.isEmpty, "\(job.id) lost the state that was saved under \(saved)")
                expect(checkpoint >= saved.description, "\(job.id) is given an older state than that of \(saved)")
            }
            ledger.assigned(assignment.lease, as: assignment.attempt, to: worker.index)
        }
    }

    /// A lease of which a worker is told that it is lost.
    private func isOver(_ lease: LeaseReference) {
        expect(
            !auditor.isGranted(lease.id, lease.token),
            "\(lease.id) under \(lease.token) is said to be lost, and on disk it stands")
    }

    /// A lease ended on disk, and its worker did not ask for it: only if that one was silent, or too slow.
    func leaseEnded(_ lease: LeaseReference) {
        guard let job = ledger[lease.id], job.assigned == lease.token, job.worker >= 0 else { return }
        let worker = workers[job.worker]
        guard worker.isAlive, worker.holds(lease), !worker.hasLied, !job.isCancelAsked else { return }
        let policy = settings.policy
        if let began = worker.began(lease), now.instant >= began + policy.timeout + policy.grace { return }
        let heardAt =
            worker.index < broker.heardAtBegin.count ? broker.heardAtBegin[worker.index] : broker.startedAt
        expect(
            broker.handedOutAt >= heardAt + settings.lease,
            """
            \(lease.id) under \(lease.token) is held by \(worker.name) and ended \(broker.handedOutAt - heardAt) at most \
            after that was heard
            """)
    }

    private func confirms(_ settled: Stint_V1_Settled, session: UInt64, to worker: WorkerProcess) {
        guard session == worker.session.session.value else { return }
        for refused in settled.refused {
            guard let message = worker.session.unconfirmed.first(where: { $0.number == refused.number }),
                let settlement = worker.settlements[message.key]
            else { continue }
            let lease = settlement.leases[Int(refused.index)]
            ledger.wasRefused(lease)
            // What is on record as it was said is confirmed, however often it is said.
            if !worker.hasLied, let outcome = auditor.outcome(of: lease) {
                expect(
                    outcome != ledger[lease]?.said?.outcome,
                    "\(lease.id) is on record as \(outcome.name) under \(lease.token), and its settlement is refused")
            }
        }
        for message in worker.session.unconfirmed where message.number > 0 && message.number <= settled.upTo {
            guard let settlement = worker.settlements[message.key] else { continue }
            for place in settlement.completions {
                let lease = settlement.leases[place]
                if !(ledger[lease]?.isRefused ?? false) { isCompleted(lease, "its completion is confirmed") }
            }
        }
    }

    private func isCompleted(_ lease: LeaseReference, _ when: String) {
        guard let row = auditor[lease.id] ?? auditor.removed(lease.id) else {
            return problem("\(lease.id): \(when), and it is not on disk")
        }
        expect(
            row.state == .completed && row.token == lease.token,
            "\(lease.id): \(when) under \(lease.token), and on disk it is \(row.state.name) under \(row.token)")
    }

    // MARK: To clients

    func brokerSays(
        _ message: Stint_V1_Envelope.OneOf_Message, session: UInt64, to client: ClientProcess, isLate: Bool
    ) {
        guard client.isAlive, session == client.session.value else { return }
        switch message {
        case .enqueued(let answer):
            for request in answer.requests { isStored(client.wish(request), isLate: isLate) }
            for item in answer.withDuplicates { isStored(client.wish(item.request), isLate: isLate) }
        case .cancelled(let answer):
            guard case .cancel(let id, _) = client.wish(answer.request) else { return }
            guard let row = auditor[id] ?? auditor.removed(id) else {
                return problem("\(id) is cancelled, and not on disk")
            }
            if answer.wasRunning {
                expect(
                    row.cancelRequested || row.state.isFinal || hasMoved(id),
                    "\(id) was asked to stop, and its row on disk does not say so")
            } else {
                expect(row.state == .cancelled || hasMoved(id), "\(id) is cancelled, and on disk \(row.state.name)")
            }
        case .operationAnswer(let answer):
            guard case .discard(_, let request, dryRun: false) = client.wish(answer.request), answer.operation == 0
            else { return }
            ledger.carriedOutDiscards.insert(request)
        case .jobAnswer(let answer):
            guard case .get(let id, _) = client.wish(answer.request) else { return }
            expect(auditor[id] != nil || auditor.removed(id) != nil, "\(id) is shown, and was never on disk")
        case .jobEvent(let event): tells(event)
        default: break
        }
    }

    /// A row that may be removed and made again tells nothing of what came before.
    private func hasMoved(_ id: JobID) -> Bool { ledger[id]?.mayBeRemoved ?? true }

    private func isStored(_ wish: ClientProcess.Wish?, isLate: Bool) {
        switch wish {
        case .enqueue(let ids, _, _):
            for id in ids where auditor[id] == nil {
                expect(auditor.removed(id) != nil, "\(id) is acknowledged, and not on disk")
            }
        case .enqueueAnew(let id, _, let former, let discard, let discards):
            // An answer that waited for its client, or for a commit that discards it once more, may be older than what became
            // of the job. A discard that was refused, or only tried, left the former one where it was.
            guard !isLate, ledger.discards == discards, ledger.carriedOutDiscards.contains(discard), auditor[id] == nil
            else { return }
            expect(
                auditor.removed(id).map { $0.serial > former } ?? false,
                "\(id) was discarded and enqueued anew, which is acknowledged, and only the discarded one was ever on disk"
            )
        default: return
        }
    }

    private func tells(_ event: Stint_V1_JobEvent) {
        guard event.state == .completed, let id = try? event.id.id(field: "job_event.id") else { return }
        guard let row = auditor[id] ?? auditor.removed(id) else {
            return problem("\(id) is told to be completed, and not on disk")
        }
        expect(row.state == .completed || hasMoved(id), "\(id) is told to be completed, and on disk \(row.state.name)")
        expect(
            Array(event.result) == Ledger.result(of: row.token) || hasMoved(id),
            "\(id) is told to have another result than that of \(row.token)")
    }
}
