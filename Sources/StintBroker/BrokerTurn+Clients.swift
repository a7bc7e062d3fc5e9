import Foundation
import StintCore
import StintStore
import StintTransport
import StintWire

extension BrokerTurn {
    /// Takes one frame from the socket of the clients. Never traps on what it says.
    ///
    /// - Parameter user: Whose key the connection proved; nil on a broker without keys.
    package mutating func receive(
        fromClient frame: [UInt8], at peer: PeerAddress, by user: UserID? = nil, now: Moment
    ) throws {
        guard let (session, message) = opened(frame, from: .clients, at: peer) else { return }
        state.clocksRead(now, into: &effects)
        guard let principal = admit(message, by: user, from: .client(session), peer, now: now) else { return absorb() }
        if case .clientHello = message {
            let hello = HelloGate.Waiting(
                message: message, session: session, peer: peer, bytes: frame.count, user: user)
            // One is enough. Who lost its session says one more; who never stops is of no use.
            if clients.session(at: peer) != nil { judge(.useless, .clients, peer) }
            if clientHellos.admits(at: now.instant) { return greet(client: hello, principal) }
            refusals.add(.hellos)
            if !clientHellos.add(hello) { judge(.useless, .clients, peer) }
            return
        }
        switch clients.hearsRequest(session, at: peer) {
        case .heard: break
        case .unknown: return unknown(.client(session), peer)
        case .tooManyRequests: return refuseRequest(message.request, session, peer)
        }
        if message.isQuestion { return ask(message, bytes: frame.count, from: session, peer) }
        try attempt(message, from: session) { turn in try turn.take(message, from: session, principal, now: now) }
        absorb()
    }

    mutating func greet(client waiting: HelloGate.Waiting, _ principal: Principal) {
        guard case .clientHello(let hello) = waiting.message else { return }
        let (session, peer) = (waiting.session, waiting.peer)
        guard (hello.protocolMin...max(hello.protocolMin, hello.protocolMax)).overlaps(Frame.protocolVersions) else {
            let sentence = """
                this broker speaks version \(Frame.protocolVersions.upperBound) of the protocol, the client \
                \(hello.protocolMin) to \(hello.protocolMax); use the same release of Stint on both sides
                """
            return refuse(Refusal(.invalid, sentence), to: .client(session), peer)
        }
        if let former = clients.session(at: peer), former != session { endClientSession(former) }
        if let user = waiting.user, !clients.hasRoom(for: user, session: session) {
            forget(clients.forgetSilent(of: user), .keySessions)
            warnings.append(
                Warning(
                    sentence: "a key has as many clients as it may; those that were silent the longest were forgotten",
                    details: ["key": principal.name, "most": "\(clients.ofUserMost)"]))
        }
        if clients.isFull { forget(clients.forgetSilent(), .sessions) }
        // Said again, it asks again for what has no answer yet.
        questions.forget(session)
        clients.add(session, at: peer, of: waiting.user)
        judge(.welcome, .clients, peer)
        var welcome = Stint_V1_ClientWelcome()
        welcome.protocol = Frame.protocolVersions.upperBound
        welcome.epoch = state.numbers.epoch
        welcome.payloadBytesMax = UInt64(configuration.payloadBytesMax)
        welcome.windowBytes = UInt64(Limits.clientWindowBytes)
        send(.clientWelcome(welcome), to: .client(session), peer)
    }

    /// A client is not served on this session any more. When it says HELLO again it asks again.
    mutating func endClientSession(_ session: SessionID) {
        clients.remove(session)
        watchers.forget(session)
        questions.forget(session)
    }

    private mutating func forget(_ silent: [(session: SessionID, address: PeerAddress)], _ limit: LimitName) {
        for (session, address) in silent {
            refusals.add(limit)
            watchers.forget(session)
            questions.forget(session)
            judge(.stranger, .clients, address)
        }
    }

    private mutating func take(
        _ message: Stint_V1_Envelope.OneOf_Message, from session: SessionID, _ principal: Principal, now: Moment
    ) throws {
        switch message {
        case .enqueue(let enqueue): try self.enqueue(enqueue, from: session, now: now)
        case .cancel(let cancel): try self.cancel(cancel, from: session, principal, now: now)
        case .replayDead(let replay):
            try dead(
                .replay, replay.selection, request: replay.request, requestID: replay.requestID, dryRun: replay.dryRun,
                from: session, principal, now: now)
        case .discardDead(let discard):
            try dead(
                .discard, discard.selection, request: discard.request, requestID: discard.requestID,
                dryRun: discard.dryRun, from: session, principal, now: now)
        default: throw WireError.invalid(field: "envelope.message", "not a message of clients")
        }
    }

    mutating func refuse(_ refusal: Refusal, request: UInt64, to session: SessionID) {
        outbox.add(.toClient(session, .refused(Stint_V1_Refused(refusal, request: request))), gate: gate)
    }

    // MARK: Requests that are carried out once

    /// Answers a repeated request as it was answered first; otherwise carries it out and keeps the answer, in the same
    /// commit.
    private mutating func once(
        _ requestID: Data, request: UInt64, session: SessionID, now: Moment,
        _ body: (inout BrokerTurn) throws -> Stint_V1_Envelope.OneOf_Message
    ) throws {
        let id = try requestID.id(field: "request_id")
        let key = RequestID(high: id.high, low: id.low)
        if let stored = try answers[key] ?? reader.answer(key), let first = try? Frame.decode(stored) {
            outbox.add(.toClient(session, first.message.answering(request)), gate: gate)
            return
        }
        let answer = try body(&self)
        if case .refused = answer {
            // Nothing was done, so a repetition may find things changed.
        } else {
            let encoded = Frame.encode(answer.answering(0), session: 1)
            effects.rows.append(.answer(key, keep(Bytes(encoded)), at: now.wall))
            absorb()
            answers.add(key, encoded, batch: open.number)
        }
        absorb()
        outbox.add(.toClient(session, answer.answering(request)), gate: gate)
    }

    private mutating func cancel(
        _ message: Stint_V1_Cancel, from session: SessionID, _ principal: Principal, now: Moment
    ) throws {
        let id = try message.id.id(field: "cancel.id")
        try once(message.requestID, request: message.request, session: session, now: now) { turn in
            var facts = ColdFacts.none
            while true {
                let (result, needs) = turn.state.cancel(id, facts: facts, at: now, into: &turn.effects)
                guard needs.isEmpty else {
                    facts = try turn.facts(for: needs)
                    continue
                }
                var answer = Stint_V1_Cancelled()
                switch result {
                case .cancelled:
                    turn.auditCancel(id, by: principal, wasRunning: false, at: now)
                    return .cancelled(answer)
                case .requested:
                    turn.auditCancel(id, by: principal, wasRunning: true, at: now)
                    answer.wasRunning = true
                    return .cancelled(answer)
                case .alreadyFinal(let state):
                    return .refused(
                        Stint_V1_Refused(
                            Refusal(.wrongState, "job \(id) is \(state.name) already"), request: message.request))
                case .notFound: return .refused(Stint_V1_Refused(.noJob(id), request: message.request))
                }
            }
        }
    }

    private mutating func dead(
        _ verb: DeadVerb, _ selection: Stint_V1_DeadSelection, request: UInt64, requestID: Data, dryRun: Bool,
        from session: SessionID, _ principal: Principal, now: Moment
    ) throws {
        let ids = try selection.ids.ids(field: "selection.ids")
        let ways = (ids.isEmpty ? 0 : 1) + (selection.type.isEmpty ? 0 : 1) + (selection.all ? 1 : 0)
        guard ways == 1 else {
            throw WireError.invalid(field: "selection", "exactly one of ids, type and all must be given")
        }
        guard selection.type.isEmpty || TypeName.isValid(selection.type) else {
            throw WireError.invalid(field: "selection.type", "expected \(TypeName.rule)")
        }
        guard ids.count <= Limits.listMax else {
            throw WireError.outOfRange(field: "selection.ids", value: ids.count, allowed: 1...Limits.listMax)
        }
        try once(requestID, request: request, session: session, now: now) { turn in
            var answer = Stint_V1_OperationAnswer()
            if !ids.isEmpty {
                switch try turn.handleDead(verb, ids, dryRun: dryRun, now: now) {
                case .success(let count):
                    answer.jobs = UInt64(count)
                    if !dryRun { turn.auditDead(verb, ids, jobs: count, by: principal, at: now) }
                case .failure(let refusal): return .refused(Stint_V1_Refused(refusal, request: request))
                }
                return .operationAnswer(answer)
            }
            var type: TypeIndex?
            if !selection.type.isEmpty {
                guard let known = turn.state.lines.index(of: selection.type) else {
                    return .refused(
                        Stint_V1_Refused(
                            Refusal(.notFound, "no job of type \"\(selection.type)\" was ever enqueued"),
                            request: request))
                }
                type = known
            }
            let begun = turn.state.beginDead(verb, type: type, dryRun: dryRun, at: now, into: &turn.effects)
            answer.jobs = UInt64(begun.jobs)
            answer.operation = UInt64(begun.operation)
            if !dryRun { turn.auditDead(verb, type: selection.type, begun.jobs, begun.operation, principal, at: now) }
            return .operationAnswer(answer)
        }
    }

    private mutating func handleDead(
        _ verb: DeadVerb, _ ids: [JobID], dryRun: Bool, now: Moment
    ) throws -> Result<Int, Refusal> {
        var facts = ColdFacts.none
        while true {
            let (result, needs) = state.handleDead(verb, ids, dryRun: dryRun, facts: facts, at: now, into: &effects)
            if needs.isEmpty { return result }
            facts = try self.facts(for: needs)
        }
    }
}

extension Refusal {
    static func noJob(_ id: JobID) -> Refusal {
        Refusal(.notFound, "there is no job \(id); it may have been removed after its time of keeping")
    }
}

extension Stint_V1_Envelope.OneOf_Message {
    /// The same answer to another request.
    fileprivate func answering(_ request: UInt64) -> Self {
        switch self {
        case .cancelled(var answer):
            answer.request = request
            return .cancelled(answer)
        case .operationAnswer(var answer):
            answer.request = request
            return .operationAnswer(answer)
        case .refused(var answer):
            answer.request = request
            return .refused(answer)
        default: preconditionFailure("not an answer to a request that is carried out once")
        }
    }
}
