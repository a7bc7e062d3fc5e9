import StintCore
import StintStore
import StintTransport
import StintWire

// What the broker was told by its workers, and therefore has to know: who is alive, what has run too long, and what a
// worker cannot run any more.

extension Simulation {
    /// Whom the broker reads at this address, in which session and what; nil for a former connection.
    private func speaker(_ body: [UInt8], at address: PeerAddress) -> (
        worker: WorkerProcess, session: UInt64, tag: UInt8
    )? {
        guard let link = addresses[address], links[link].side == .worker, links[link].address == address,
            let (session, tag) = Self.peek(body)
        else { return nil }
        return (workers[links[link].peer], session, tag)
    }

    /// The session of a frame of ours, which is its first field, and the first byte of what follows.
    private static func peek(_ body: [UInt8]) -> (session: UInt64, tag: UInt8)? {
        guard body.count > 10, body[0] == 0x09 else { return nil }
        let session = body.withUnsafeBytes {
            UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 1, as: UInt64.self))
        }
        return (session, body[9])
    }

    private static let helloTag: UInt8 = 10 << 3 | 2
    private static let heartbeatTag: UInt8 = 11 << 3 | 2
    private static let withdrawTag: UInt8 = 15 << 3 | 2
    /// The first of two bytes; the second is 1.
    private static let drainTag: UInt8 = (16 << 3 & 0x7F) | 0x80 | 2

    /// A frame has come as far as the broker's process, which may read it later.
    func arrivesAtProcess(_ body: [UInt8], at address: PeerAddress) {
        guard let (worker, session, _) = speaker(body, at: address) else { return }
        worker.wasSent(session: session, at: now.instant, address: address, life: broker.life)
    }

    /// The broker reads a frame of a worker.
    func brokerListens(_ body: [UInt8], at address: PeerAddress) {
        guard let (worker, session, tag) = speaker(body, at: address) else {
            // Somebody who is gone; his HELLO begins a session all the same.
            if let link = addresses[address], links[link].side == .worker, Self.peek(body)?.tag == Self.helloTag {
                workers[links[link].peer].beginsAnew()
            }
            return
        }
        worker.wasHeard(
            session: session, isHello: tag == Self.helloTag, at: now.instant, address: address, life: broker.life)
        switch tag {
        case Self.helloTag: worker.beginsAnew()
        case Self.heartbeatTag:
            guard worker.isServed(session, at: address, life: broker.life),
                case .heartbeat(let heartbeat)? = try? Frame.decode(body).message
            else { return }
            broker.heartbeats += worker.heartbeats[heartbeat.number] ?? []
        case Self.withdrawTag:
            guard worker.isServed(session, at: address, life: broker.life),
                case .withdraw(let withdraw)? = try? Frame.decode(body).message
            else { return }
            worker.withdrawnAsOf[withdraw.type] = broker.turn.state.openBatch
        case Self.drainTag where body[10] == 1:
            guard worker.isServed(session, at: address, life: broker.life) else { return }
            worker.drainingAsOf = worker.drainingAsOf ?? broker.turn.state.openBatch
        default: break
        }
    }

    /// A turn gave workers up: only those whose silence was as long as a lease, for a broker that listened all the while.
    func workersWereGivenUp() {
        for worker in workers where broker.turn.state.workers.slot(of: worker.instance) == nil {
            defer { worker.wasGivenUp(at: now.instant) }
            guard worker.isGreeted(by: broker), !worker.hasSaidGoodbye else { continue }
            let sign = max(worker.lastHeard(by: broker), broker.listensSince)
            expect(
                now.instant >= sign + settings.lease,
                "\(worker.name) is given up \(now.instant - sign) after its last sign of life, or after nobody listened"
            )
        }
    }

    /// After its timeout and grace, or after the grace of a cancel, no attempt goes on, whatever its worker says.
    func heartbeatsWereTaken(_ leases: [LeaseReference]) {
        let policy = settings.policy
        for lease in leases {
            guard let slot = broker.turn.state.leased(lease.id, under: lease.token) else { continue }
            let since = broker.runsSince[lease] ?? now.instant
            broker.runsSince[lease] = since
            expect(
                now.instant < since + policy.timeout + policy.grace,
                "\(lease.id) runs for \(now.instant - since), over its timeout and grace")
            guard broker.turn.state.jobs[slot].row.cancelRequested else { continue }
            let asked = broker.cancelledSince[lease] ?? now.instant
            broker.cancelledSince[lease] = asked
            expect(
                now.instant < asked + policy.grace,
                "\(lease.id) was cancelled \(now.instant - asked) ago and runs, over its grace")
        }
    }

    /// A worker is given nothing of a type that it has withdrawn.
    func grantsAreServed(in batch: Batch) {
        for case .worker(let row) in batch.rows {
            workerNumbers[row.number] = workers.firstIndex { $0.instance == row.instance }
        }
        for grant in auditor.newGrants {
            guard let index = workerNumbers[grant.worker] else { continue }
            if let asOf = workers[index].drainingAsOf, batch.number > asOf {
                problem("\(workers[index].name) drains, and is given more")
            }
            guard !workers[index].withdrawnAsOf.isEmpty else { continue }
            for entry in grant.entries {
                guard let id = auditor.id(serial: entry.serial), let job = ledger[id],
                    let asOf = workers[index].withdrawnAsOf[job.type], batch.number > asOf
                else { continue }
                problem("\(id) is given to \(workers[index].name), which has withdrawn \(job.type)")
            }
        }
    }
}
