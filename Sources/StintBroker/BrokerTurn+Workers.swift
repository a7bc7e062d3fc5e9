import Foundation
import StintCore
import StintStore
import StintTransport
import StintWire

extension BrokerTurn {
    /// Takes one frame from the socket of the workers. Never traps on what it says.
    ///
    /// - Parameter user: Whose key the connection proved; nil on a broker without keys.
    package mutating func receive(
        fromWorker frame: [UInt8], at peer: PeerAddress, by user: UserID? = nil, now: Moment
    ) throws {
        guard let (session, message) = opened(frame, from: .workers, at: peer) else { return }
        state.clocksRead(now, into: &effects)
        guard let principal = admit(message, by: user, from: .worker(session), peer, now: now) else { return absorb() }
        if case .workerHello(let said) = message {
            let hello = HelloGate.Waiting(
                message: message, session: session, peer: peer, bytes: frame.count, user: user)
            if workers.session(at: peer) != nil { judge(.useless, .workers, peer) }
            if workerHellos.admits(at: now.instant) { return greet(worker: hello, principal, now) }
            if let instance = instance(said, by: user) {
                // What is late must not wait: its worker may be gone when its turn comes, and would be taken for a new one.
                if state.isOutdated(instance, incarnation: said.incarnation) {
                    return sayHello(to: .worker(session), peer)
                }
                state.waits(instance, at: now)
            }
            refusals.add(.hellos)
            if !workerHellos.add(hello) { judge(.useless, .workers, peer) }
            return
        }
        guard workers.hears(session, at: peer), let worker = state.workers.slot(of: session) else {
            return unknown(.worker(session), peer)
        }
        do {
            try take(message, from: session, worker: worker, principal, now: now)
        } catch let error as WireError {
            // A worker that breaks the protocol is not served on this session: what it meant cannot be known.
            refusals.add(error.limit)
            judge(.useless, .workers, peer)
            refuse(error.refusal, to: .worker(session), peer)
            endWorkerSession(session)
        }
        absorb()
    }

    /// The life that speaks, known or new; nil when it belongs to another key, because nothing is told of that.
    private func instance(_ hello: Stint_V1_WorkerHello, by user: UserID?) -> InstanceID? {
        guard let bits = try? hello.instance.id(field: "worker_hello.instance") else { return nil }
        let instance = InstanceID(high: bits.high, low: bits.low)
        return isOfAnotherKey(instance, than: user) ? nil : instance
    }

    mutating func greet(worker waiting: HelloGate.Waiting, _ principal: Principal, _ now: Moment) {
        guard case .workerHello(let message) = waiting.message else { return }
        let (session, peer, user) = (waiting.session, waiting.peer, waiting.user)
        do {
            guard (message.protocolMin...max(message.protocolMin, message.protocolMax)).overlaps(Frame.protocolVersions)
            else {
                throw WireError.invalid(
                    field: "worker_hello.protocol",
                    """
                    this broker speaks version \(Frame.protocolVersions.upperBound), the worker \
                    \(message.protocolMin) to \(message.protocolMax); use the same release of Stint on both sides
                    """)
            }
            var hello = try WorkerHello(decoding: message)
            if let refusal = entitle(&hello, session, user, principal, at: now) {
                refuse(refusal, to: .worker(session), peer)
                return absorb()
            }
            guard state.workers.slot(of: session) == nil else {
                throw WireError.invalid(field: "envelope.session", "a HELLO begins a session that is not known yet")
            }
            guard !state.isOutdated(hello.instance, incarnation: hello.incarnation) else {
                return sayHello(to: .worker(session), peer)
            }
            if let former = workers.session(at: peer), former != session { endWorkerSession(former) }
            if workers.isFull || !workers.hasRoom(for: user, session: session) {
                workers.keep { state.workers.slot(of: $0) != nil }
            }
            guard !workers.isFull else {
                refusals.add(.sessions)
                let sentence = "the broker has \(workers.most) workers and takes no more; give each more slots instead"
                return refuse(Refusal(.exhausted, sentence), to: .worker(session), peer)
            }
            if let worker = state.workers.slot(of: hello.instance), let former = state.workers[worker].session {
                workers.remove(former)
                assignments[former] = nil
            }
            guard workers.hasRoom(for: user, session: session) else {
                return refuse(tooManyWorkers(of: principal), to: .worker(session), peer)
            }
            let isNew = state.workers.slot(of: hello.instance) == nil
            if let refusal = state.hello(hello, session: session, at: now, into: &effects) {
                refusals.add(.types)
                refuse(refusal, to: .worker(session), peer)
            } else {
                workers.add(session, at: peer, of: user)
                judge(.welcome, .workers, peer)
                assignments[session] = 0
                if let worker = state.workers.slot(of: session) {
                    notes.joined(worker, pool: hello.pool, wall: message.wallMs, isNew: isNew, at: now)
                }
                sayLeftOut(of: hello)
            }
        } catch {
            refusals.add((error as? WireError)?.limit ?? .fields)
            judge(.useless, .workers, peer)
            refuse((error as? WireError)?.refusal ?? Refusal(.invalid, "\(error)"), to: .worker(session), peer)
        }
        absorb()
    }

    /// Names, for the operator, types that were one too many. The worker cannot miss their jobs: there are none.
    private mutating func sayLeftOut(of hello: WorkerHello) {
        guard state.lines.count >= Limits.typesMax else { return }
        let leftOut = hello.types.filter { state.lines.index(of: $0) == nil }
        guard let first = leftOut.first else { return }
        refusals.add(.types, leftOut.count)
        warnings.append(
            Warning(
                sentence: "the broker knows as many types as it takes; new ones of a worker are left out",
                details: [
                    "worker": hello.name, "left_out": "\(leftOut.count)", "first": first,
                    "types_max": "\(Limits.typesMax)",
                ]))
    }

    private mutating func take(
        _ message: Stint_V1_Envelope.OneOf_Message, from session: SessionID, worker: Int32, _ principal: Principal,
        now: Moment
    ) throws {
        switch message {
        case .heartbeat(let heartbeat):
            state.heartbeat(running: try heartbeat.leases(), session: session, at: now, into: &effects)
            pong(heartbeat.number, to: session)
        case .settle(let settle):
            try take(settle, from: session, principal, now: now)
        case .progress(let progress):
            state.heard(worker, at: now)
            for report in progress.reports { try take(report, from: worker, now: now) }
        case .checkpoint(let checkpoint):
            state.heard(worker, at: now)
            try take(checkpoint, from: session)
        case .withdraw(let withdraw):
            state.withdraw(withdraw.type, session: session, at: now)
        case .drain:
            state.drain(session: session, at: now)
        case .bye:
            state.bye(session: session, at: now, into: &effects)
            pong(0, to: session)
            workers.remove(session)
            assignments[session] = nil
        default:
            throw WireError.invalid(field: "envelope.message", "not a message of workers")
        }
    }

    /// Exempt from the gate: it promises nothing.
    private mutating func pong(_ number: UInt64, to session: SessionID) {
        guard let peer = workers.address(of: session) else { return }
        var pong = Stint_V1_Pong()
        pong.number = number
        send(.pong(pong), to: .worker(session), peer)
    }

    private mutating func take(
        _ message: Stint_V1_Settle, from session: SessionID, _ principal: Principal, now: Moment
    ) throws {
        let incoming = try message.settlements()
        var settlements: [Settlement] = []
        settlements.reserveCapacity(incoming.count)
        var siblings: [JobID: KnownJob] = [:]  // for lookup only
        for item in incoming { settlements.append(try settlement(item, &siblings, principal, now: now)) }
        var facts = ColdFacts.none
        while true {
            let needs = state.settle(
                settlements, number: message.number, session: session, facts: facts, at: now, into: &effects)
            if needs.isEmpty { return }
            facts = try self.facts(for: needs)
        }
    }

    /// Puts the bytes of a settlement into the open batch. A child that conflicts with an existing job makes the attempt
    /// a permanent failure that names it.
    ///
    /// - Parameter siblings: The children of the attempts that come before in the same message.
    private mutating func settlement(
        _ incoming: IncomingSettlement, _ siblings: inout [JobID: KnownJob], _ principal: Principal, now: Moment
    ) throws -> Settlement {
        var settlement = incoming.settlement
        if let sentence = tooLarge(incoming) ?? notEntitled(incoming, principal, at: now) {
            settlement.ending = AttemptEnding(.failed, counts: true, isPermanent: true)
            settlement.error = keep(Bytes(Array(sentence.utf8)))
            return settlement
        }
        if let result = incoming.result { settlement.result = keep(result) }
        if let error = incoming.error { settlement.error = keep(error) }
        if let progress = incoming.progress { settlement.progress = keep(progress) }
        if let log = incoming.log { settlement.log = keep(log) }
        guard !incoming.children.isEmpty, settlement.ending.outcome == .completed else { return settlement }
        switch try submissions(incoming.children, now: now) {
        case .success(let children):
            let conflict = children.first { child in
                child.known == .conflict || !(siblings[child.id]?.matches(child) ?? true)
            }
            if let conflict {
                settlement.ending = AttemptEnding(.failed, counts: true, isPermanent: true)
                let sentence = """
                    the child \(conflict.id) cannot be enqueued: a job with this id exists and has another type or payload
                    """
                settlement.error = keep(Bytes(Array(sentence.utf8)))
            } else {
                settlement.children = children
                for child in children {
                    siblings[child.id] = KnownJob(id: child.id, type: child.type, digest: child.digest)
                }
            }
        case .failure(let refusal):
            settlement.ending = AttemptEnding(.failed, counts: true, isPermanent: true)
            settlement.error = keep(Bytes(Array("its children cannot be enqueued: \(refusal.message)".utf8)))
        }
        return settlement
    }

    /// What of a settlement is over the limit that this broker is configured with.
    private mutating func tooLarge(_ incoming: IncomingSettlement) -> String? {
        let most = configuration.payloadBytesMax
        func sentence(_ what: String, _ bytes: Int) -> String {
            refusals.add(.payload)
            return """
                \(what) has \(bytes) bytes, over the limit of \(most) bytes ("limits.payload" of cluster.json); store the \
                data elsewhere and pass a reference to it
                """
        }
        if let bytes = incoming.result?.count, bytes > most { return sentence("the result", bytes) }
        for child in incoming.children {
            if let bytes = child.payloads.map(\.count).max(), bytes > most {
                return sentence("the payload of a child of type \"\(child.type)\"", bytes)
            }
        }
        return nil
    }

    private mutating func take(_ report: Stint_V1_Progress.Report, from worker: Int32, now: Moment) throws {
        let id = try report.id.id(field: "progress.id")
        let token = FencingToken(epoch: report.epoch, sequence: report.sequence)
        guard report.progress.count <= Limits.progressBytesMax else {
            throw WireError.outOfRange(
                field: "progress.progress", value: report.progress.count, allowed: 0...Limits.progressBytesMax)
        }
        guard state.isLeased(id, under: token, by: worker) else { return }
        let bytes = Bytes([UInt8](report.progress))
        var dropped = 0
        switch progress.add(id, token, bytes, at: now.instant, dropped: &dropped) {
        case .tellNow: if !watchers.isEmpty { watchers.progressed(id, bytes, gate: gate, into: &outbox) }
        case .coalesced: refusals.add(.progress)
        }
        refusals.add(.progress, dropped)
    }

    private mutating func take(_ checkpoint: Stint_V1_Checkpoint, from session: SessionID) throws {
        let id = try checkpoint.id.id(field: "checkpoint.id")
        guard checkpoint.state.count <= Limits.checkpointBytesMax else {
            throw WireError.outOfRange(
                field: "checkpoint.state", value: checkpoint.state.count, allowed: 0...Limits.checkpointBytesMax)
        }
        let token = FencingToken(epoch: checkpoint.epoch, sequence: checkpoint.sequence)
        let blob = keep(Bytes([UInt8](checkpoint.state)))
        state.checkpoint(
            LeaseReference(id: id, token: token), blob, number: checkpoint.number, session: session, into: &effects)
    }
}
