import Foundation
import StintCore
import StintStore
import StintTransport
import StintWire

extension BrokerTurn {
    /// The next frame that may leave, or nil. Builds what has become durable as it goes: payloads are attached here,
    /// from the cache or the store, and all enqueues of a client that one commit made durable are answered by one frame.
    package mutating func nextFrame() throws -> OutgoingFrame? {
        if outgoing.isEmpty { try release() }
        return outgoing.popFirst()
    }

    /// The socket took the frame.
    package mutating func sent(_ frame: OutgoingFrame) {
        if let grants = frame.grants, case .worker(let session) = frame.destination {
            state.released(session: session, upTo: grants.last)
        }
    }

    /// Whether a frame that waited for its peer grants nothing any more: its leases ended meanwhile, and running the jobs
    /// now would be work for nothing.
    package func isOutdated(_ frame: OutgoingFrame) -> Bool {
        guard let grants = frame.grants else { return false }
        return !grants.jobs.contains { state.stillLeased($0) }
    }

    /// There is nobody at this address any more. What the frame granted never left, so it goes back at once.
    package mutating func unreachable(_ frame: OutgoingFrame) {
        switch frame.destination {
        case .worker(let session):
            if let grants = frame.grants {
                state.undelivered(grants.jobs, into: &effects)
                absorb()
            }
            guard workers.knows(session, at: frame.peer) else { return }
            state.unreachable(session: session)
        case .client(let session):
            guard clients.knows(session, at: frame.peer) else { return }
            endClientSession(session)
        }
    }

    /// A peer does not take what it is sent and has too much waiting: its session and its connection end, and what the
    /// frame granted goes back. When the peer wakes up it says HELLO again, names what it holds, and asks again.
    package mutating func giveUp(_ frame: OutgoingFrame) {
        // Called for each of its frames.
        if verdicts.last?.peer != frame.peer || verdicts.last?.kind != .unread {
            judge(.unread, frame.destination.socket, frame.peer)
        }
        switch frame.destination {
        case .worker(let session):
            if workers.knows(session, at: frame.peer) { refusals.add(.unread) }
            if let grants = frame.grants { state.undelivered(grants.jobs, into: &effects) }
            endWorkerSession(session)
            absorb()
        case .client(let session):
            if clients.knows(session, at: frame.peer) { refusals.add(.unread) }
            endClientSession(session)
        }
    }

    /// A worker is not served on this session any more. It keeps its leases for a lease, and HELLO takes them over.
    mutating func endWorkerSession(_ session: SessionID) {
        state.unreachable(session: session)
        workers.remove(session)
        assignments[session] = nil
    }

    /// Frames are built a portion at a time: an answer to many may be large for each.
    private static let builtBytesMax = 8 * 1_048_576
    /// Three bytes each, as a rule.
    private static let duplicatesPerAnswer = 4 * Limits.enqueueJobsMax

    private mutating func release() throws {
        var enqueued: [SessionID: Stint_V1_Enqueued] = [:]
        var order: [SessionID] = []
        func collect(_ session: SessionID, _ change: (inout Stint_V1_Enqueued) -> Void) {
            if enqueued[session] == nil { order.append(session) }
            change(&enqueued[session, default: Stint_V1_Enqueued()])
        }
        var duplicatesListed: [SessionID: Int] = [:]  // for lookup only
        func flush(_ session: SessionID) {
            duplicatesListed[session] = nil
            guard let message = enqueued.removeValue(forKey: session), let peer = clients.address(of: session) else {
                return
            }
            send(.enqueued(message), to: .client(session), peer)
        }
        let before = builtBytes
        while builtBytes - before < Self.builtBytesMax, let item = outbox.next(durable: durable) {
            switch item {
            case .accepted(let session, let request):
                clients.answered(session)
                collect(session) { $0.requests.append(request) }
            case .acceptedWithDuplicates(let session, let request, let duplicates):
                clients.answered(session)
                var answer = Stint_V1_EnqueuedWithDuplicates()
                answer.request = request
                answer.duplicates = duplicates
                collect(session) { $0.withDuplicates.append(answer) }
                // Many long lists would not fit one message.
                duplicatesListed[session, default: 0] += duplicates.count
                if duplicatesListed[session, default: 0] > Self.duplicatesPerAnswer { flush(session) }
            case .refused(let session, let refusal):
                clients.answered(session)
                collect(session) { $0.refused.append(refusal) }
            case .toClient(let session, let message):
                guard let peer = clients.address(of: session) else { continue }
                clients.answered(session)
                send(message, to: .client(session), peer)
            case .answer(let session, let body):
                guard let peer = clients.address(of: session) else { continue }
                clients.answered(session)
                queue(OutgoingFrame(destination: .client(session), peer: peer, body: body, grants: nil))
            case .event(let session, let event, _):
                guard let peer = clients.address(of: session) else { continue }
                send(.jobEvent(event), to: .client(session), peer)
            case .toWorker(let session, let message):
                guard let peer = workers.address(of: session) else { continue }
                send(message, to: .worker(session), peer)
            case .assign(let session, let first, let jobs):
                guard let peer = workers.address(of: session) else { continue }
                try assign(jobs, first: first, to: session, peer)
            }
        }
        for session in order { flush(session) }
    }

    // MARK: Assign

    /// Builds an assign message. A payload whose bytes on disk have changed is not sent: that job is dead as corrupt.
    private mutating func assign(
        _ jobs: [AssignedJob], first: FencingToken, to session: SessionID, _ peer: PeerAddress
    ) throws {
        var builder = AssignBuilder(epoch: first.epoch)
        for (offset, job) in jobs.enumerated() {
            let token = FencingToken(epoch: first.epoch, sequence: first.sequence + UInt64(offset))
            // The lease may have ended while the batch was on its way to disk; then the frame is cut in two here.
            guard state.stillLeased(job) else {
                flush(&builder, to: session, peer)
                continue
            }
            if let cached = cache.take(job.serial) {
                if !builder.hasRoom(for: cached.payload.count + cached.extras.count) {
                    flush(&builder, to: session, peer)
                }
                builder.add(
                    job, token: token, payload: cached.payload, extras: cached.extras, checkpoint: [],
                    lines: state.lines)
                continue
            }
            guard let stored = try payload(of: job), stored.payload.withUnsafeBytes(Digest.of) == job.digest else {
                flush(&builder, to: session, peer)
                state.corrupt(LeaseReference(id: job.id, token: token), into: &effects)
                continue
            }
            let bytes = stored.payload.count + stored.extras.count + stored.checkpoint.count
            if !builder.hasRoom(for: bytes) { flush(&builder, to: session, peer) }
            builder.add(
                job, token: token, payload: Bytes(stored.payload), extras: Bytes(stored.extras),
                checkpoint: stored.checkpoint, lines: state.lines)
        }
        flush(&builder, to: session, peer)
        if !effects.jobs.isEmpty { absorb() }
    }

    /// Nil also where the page that holds it is damaged: then that job alone is dead, and not the broker.
    private func payload(of job: AssignedJob) throws -> StoredPayload? {
        do {
            return try reader.payload(serial: job.serial)
        } catch let error as StoreError where error.code == .corrupt {
            return nil
        }
    }

    private mutating func flush(_ builder: inout AssignBuilder, to session: SessionID, _ peer: PeerAddress) {
        guard !builder.isEmpty else { return }
        assignments[session, default: 0] += 1
        let (message, grants) = builder.take(number: assignments[session] ?? 1)
        let body = Frame.encode(.assign(message), session: session.value)
        queue(OutgoingFrame(destination: .worker(session), peer: peer, body: body, grants: grants))
    }

    /// What a frame holds; nil, and counted, when it is no message at all.
    mutating func opened(
        _ frame: [UInt8], from socket: PeerVerdict.Socket, at peer: PeerAddress
    ) -> (SessionID, Stint_V1_Envelope.OneOf_Message)? {
        guard let envelope = try? Frame.decode(frame) else {
            refusals.add(.malformed)
            judge(.useless, socket, peer)
            return nil
        }
        return (SessionID(envelope.session), envelope.message)
    }

    // MARK: At once

    mutating func send(
        _ message: Stint_V1_Envelope.OneOf_Message, to destination: OutgoingFrame.Destination, _ peer: PeerAddress
    ) {
        let session =
            switch destination {
            case .worker(let session), .client(let session): session
            }
        var body = Frame.encode(message, session: session.value)
        if body.count > Limits.messageBytesMax {
            // Answers are bounded where they are made; this keeps a mistake there from ending the broker.
            switch destination {
            case .client: body = Self.tooLarge(body.count, message.request, session)
            case .worker(let session):
                endWorkerSession(session)
                body = Frame.encode(.sayHello(Stint_V1_SayHello()), session: session.value)
            }
        }
        queue(OutgoingFrame(destination: destination, peer: peer, body: body, grants: nil))
    }

    /// Encodes the answer to a question now, so that what waits for a commit is known by its bytes.
    mutating func answer(_ message: Stint_V1_Envelope.OneOf_Message, to session: SessionID) {
        var body = Frame.encode(message, session: session.value)
        if body.count > Limits.messageBytesMax { body = Self.tooLarge(body.count, message.request, session) }
        outbox.add(.answer(session, body), gate: gate)
    }

    private static func tooLarge(_ count: Int, _ request: UInt64, _ session: SessionID) -> [UInt8] {
        let refusal = Refusal(.exhausted, "the answer has \(count) bytes and fits no message; ask for less")
        return Frame.encode(.refused(Stint_V1_Refused(refusal, request: request)), session: session.value)
    }

    private mutating func queue(_ frame: OutgoingFrame) {
        builtBytes += frame.body.count
        outgoing.append(frame)
    }

    /// An answer to a session that is not known here promises nothing either.
    mutating func sayHello(to destination: OutgoingFrame.Destination, _ peer: PeerAddress) {
        send(.sayHello(Stint_V1_SayHello()), to: destination, peer)
    }

    mutating func refuse(_ refusal: Refusal, to destination: OutgoingFrame.Destination, _ peer: PeerAddress) {
        send(.refused(Stint_V1_Refused(refusal, request: 0)), to: destination, peer)
    }
}

/// Collects the columns of one assign message.
private struct AssignBuilder {
    private var message = Stint_V1_Assign()
    private var typeIndexes: [UInt32] = []
    private var attempts: [UInt32] = []
    private var attemptsMax: [UInt32] = []
    private var isFirstAttempts = true
    private var isOneType = true
    private var hasPolicyAttempts = true
    private var types: [TypeIndex] = []
    private var count = 0
    private var bytes = 0
    private var last = FencingToken.none
    private var jobs: [AssignedJob] = []

    init(epoch: UInt64) { message.epoch = epoch }

    var isEmpty: Bool { count == 0 }

    /// Payloads were counted when the grant was made; checkpoints and extras come on top, and no frame may be too large.
    func hasRoom(for more: Int) -> Bool { count == 0 || bytes + more + 256 <= Limits.assignBytesMax + 1_048_576 }

    mutating func add(
        _ job: AssignedJob, token: FencingToken, payload: Bytes, extras: Bytes, checkpoint: [UInt8],
        lines: borrowing Lines
    ) {
        if count == 0 { message.firstSequence = token.sequence }
        bytes += payload.count + extras.count + checkpoint.count + 256
        precondition(token.sequence == message.firstSequence + UInt64(count))
        last = token
        jobs.append(job)
        message.ids.append(job.id)
        let type = types.firstIndex(of: job.type) ?? addType(job, lines)
        typeIndexes.append(UInt32(type))
        isOneType = isOneType && type == 0
        attempts.append(UInt32(job.attempt))
        isFirstAttempts = isFirstAttempts && job.attempt == 1
        attemptsMax.append(UInt32(job.attemptsMax))
        hasPolicyAttempts = hasPolicyAttempts && message.types[type].attemptsMax == UInt32(job.attemptsMax)
        message.payloadBytes.append(UInt32(payload.count))
        payload.withUnsafeBytes { message.payloads.append(contentsOf: $0) }
        if job.priority != 0 || extras.count > 0 || !checkpoint.isEmpty {
            var detail = Stint_V1_AssignedDetail()
            detail.index = UInt32(count)
            detail.priority = Int32(job.priority)
            if !checkpoint.isEmpty { detail.checkpoint = Data(checkpoint) }
            if extras.count > 0, let decoded = try? Stint_V1_JobExtras(serializedBytes: extras.copied) {
                detail.extras = decoded
            }
            message.details.append(detail)
        }
        count += 1
    }

    private mutating func addType(_ job: AssignedJob, _ lines: borrowing Lines) -> Int {
        let policy = lines[job.type].policy
        var type = Stint_V1_AssignedType()
        type.name = lines[job.type].name
        type.timeoutMs = UInt64(policy.timeout.inMilliseconds)
        type.graceMs = UInt64(policy.grace.inMilliseconds)
        type.attemptsMax = UInt32(job.attemptsMax)
        message.types.append(type)
        types.append(job.type)
        return types.count - 1
    }

    mutating func take(number: UInt64) -> (Stint_V1_Assign, OutgoingFrame.Grants) {
        var taken = message
        taken.number = number
        if !isOneType { taken.typeIndexes = typeIndexes }
        if !isFirstAttempts { taken.attempts = attempts }
        if !hasPolicyAttempts { taken.attemptsMax = attemptsMax }
        let grants = OutgoingFrame.Grants(last: last, jobs: jobs)
        self = AssignBuilder(epoch: message.epoch)
        return (taken, grants)
    }
}
