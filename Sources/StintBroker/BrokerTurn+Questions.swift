import StintCore
import StintStore
import StintTransport
import StintWire

// Questions have a share of each turn, see ``Questions``; here they come in and are answered. What each says is in
// BrokerTurn+Queries.swift.

extension BrokerTurn {
    /// Lets a question wait for its turn, which is this one unless many were asked.
    mutating func ask(
        _ message: Stint_V1_Envelope.OneOf_Message, bytes: Int, from session: SessionID, _ peer: PeerAddress
    ) {
        guard !questions.add(message, bytes: bytes, from: session) else { return }
        refusals.add(.questions)
        let own = questions.count(of: session)
        let sentence: String
        if questions.isDeaf(session) {
            judge(.useless, .clients, peer)
            sentence = """
                this client does not read its answers, and \(own) of its questions wait; read them, then ask again
                """
        } else {
            sentence = """
                \(Limits.questionsWaitingBytesMax) bytes of questions wait for an answer, \(own) of them questions of this \
                client; ask again when some were answered
                """
        }
        refuse(Refusal(.exhausted, sentence), request: message.request, to: session)
    }

    /// Answers questions as far as this turn's share goes. Returns whether the next turn could answer more.
    ///
    /// None is answered while many bytes of answers wait for a slow commit: those alone must not keep clients from being
    /// read.
    mutating func answerQuestions(at now: Moment) throws -> Bool {
        if !questions.isIdle, hasBatchToTake, questions.giveWay() { return true }
        questions.beginTurn()
        while answersHaveRoom, let (session, message) = questions.next() {
            let before = outbox.bytes
            rowsRead = 0
            try attempt(message, from: session) { turn in try turn.answer(message, from: session, now: now) }
            questions.spend(rows: rowsRead, bytes: outbox.bytes - before)
        }
        absorb()
        // What is durable leaves in this turn and makes room; what is not wakes the loop when it is.
        return !questions.isIdle && (answersHaveRoom || outbox.hasSomething(durable: durable))
    }

    private var answersHaveRoom: Bool { outbox.bytes < Limits.answersWaitingBytesMax / 2 }

    /// The peer takes what it is sent, or does so no more: then nothing is worked out for it until it does.
    package mutating func client(at peer: PeerAddress, reads: Bool) {
        if let session = clients.session(at: peer) { questions.session(session, reads: reads) }
    }

    /// Does what was asked for. What is wrong with a request is its sender's to hear and nobody's end.
    mutating func attempt(
        _ message: Stint_V1_Envelope.OneOf_Message, from session: SessionID,
        _ body: (inout BrokerTurn) throws -> Void
    ) throws {
        do {
            try body(&self)
        } catch let error as WireError {
            refusals.add(error.limit)
            refuse(error.refusal, request: message.request, to: session)
        } catch let error as StoreError where error.code == .corrupt && message.isAboutJobs {
            // Who only asks does not end the broker: what it needs for its own work may well be whole.
            warnings.append(Warning(sentence: "a question met damage on disk", details: ["reason": error.description]))
            let sentence = """
                what was asked for cannot be read: its place on the disk of the broker is damaged. The rest is served; \
                run "stint doctor" on its host
                """
            refuse(Refusal(.wrongState, sentence), request: message.request, to: session)
        }
    }

    private mutating func answer(
        _ message: Stint_V1_Envelope.OneOf_Message, from session: SessionID, now: Moment
    ) throws {
        switch message {
        case .getJob(let get): try job(get, from: session)
        case .listJobs(let list): try jobs(list, from: session)
        case .getStatus(let get): status(get, from: session, now: now)
        case .watch(let watch): try self.watch(watch, from: session)
        case .getAudit(let get): try auditRecords(get, from: session)
        default: preconditionFailure("not a question")
        }
    }
}

extension Stint_V1_Envelope.OneOf_Message {
    /// It changes nothing, whether it is answered or not.
    var isQuestion: Bool {
        switch self {
        case .getJob, .listJobs, .getStatus, .watch, .getAudit: true
        default: false
        }
    }

    /// It reads what the broker does not need for its own work.
    fileprivate var isAboutJobs: Bool {
        switch self {
        case .getJob, .listJobs, .watch: true
        default: false
        }
    }
}
