import StintCore
import StintTransport
import StintWire

/// What a turn learned of a connection. The turn knows messages and the transport connections, so this is handed from one
/// to the other.
package struct PeerVerdict: Hashable, Sendable {
    package enum Socket: Hashable, Sendable { case workers, clients }
    package enum Kind: Hashable, Sendable {
        /// A session stands behind it.
        case welcome
        /// None does any more.
        case stranger
        /// It sent what is of no use: no message, or one of a session that nobody knows, or that its key may not send.
        case useless
        /// It was given up because it does not read. Whatever it asked for, no answer comes any more: the end of its
        /// connection tells it to begin anew.
        case unread
    }
    package var kind: Kind
    package var socket: Socket
    package var peer: PeerAddress
}

// Limits on what peers cost together. Each refusal is counted under the limit's name, which `stint status --json` and the
// metrics show; the table is in docs/PROTOCOL.md.

extension BrokerTurn {
    /// Counts what was refused elsewhere: by a socket, before it came here.
    package mutating func refused(by limit: LimitName, _ count: Int = 1) { refusals.add(limit, count) }

    /// Takes what was learned of connections.
    package mutating func takeVerdicts() -> [PeerVerdict] {
        guard !verdicts.isEmpty else { return [] }
        defer { verdicts.removeAll(keepingCapacity: true) }
        return verdicts
    }

    mutating func judge(_ kind: PeerVerdict.Kind, _ socket: PeerVerdict.Socket, _ peer: PeerAddress) {
        // Where nobody takes them, as in a simulation, they must not pile up.
        guard verdicts.count < 4_096 else { return }
        verdicts.append(PeerVerdict(kind: kind, socket: socket, peer: peer))
    }

    /// A message of a session that is not known here.
    mutating func unknown(_ destination: OutgoingFrame.Destination, _ peer: PeerAddress) {
        refusals.add(.unknownSession)
        judge(.useless, destination.socket, peer)
        sayHello(to: destination, peer)
    }

    /// Too many requests of a client wait for their answers. Said at once, because what waits is what there is too much
    /// of; it promises nothing.
    mutating func refuseRequest(_ request: UInt64, _ session: SessionID, _ peer: PeerAddress) {
        refusals.add(.requests)
        judge(.useless, .clients, peer)
        let refusal = Refusal(
            .exhausted,
            """
            this client has \(Limits.requestsInFlightMax) requests without an answer; wait for some of them, then send \
            the request again
            """)
        send(.refused(Stint_V1_Refused(refusal, request: request)), to: .client(session), peer)
    }

    mutating func tooManyWorkers(of principal: Principal) -> Refusal {
        refusals.add(.keySessions)
        return Refusal(
            .exhausted,
            """
            the key "\(principal.name)" has \(workers.ofUserMost) workers already; give others a key of their own \
            (`stint keys new NAME --role worker`)
            """)
    }

    // MARK: HELLOs and progress that waited

    /// Answers HELLOs whose turn has come. Returns when the next one's does.
    mutating func admitHellos(at now: Moment) -> Instant? {
        while let hello = workerHellos.next(at: now.instant) {
            if let principal = admit(hello, from: .worker(hello.session), now) { greet(worker: hello, principal, now) }
        }
        while let hello = clientHellos.next(at: now.instant) {
            if let principal = admit(hello, from: .client(hello.session), now) { greet(client: hello, principal) }
        }
        absorb()
        return [workerHellos.wake(at: now.instant), clientHellos.wake(at: now.instant)].compactMap { $0 }.min()
    }

    /// A key may have lost its rights while its HELLO waited.
    private mutating func admit(
        _ hello: HelloGate.Waiting, from destination: OutgoingFrame.Destination, _ now: Moment
    ) -> Principal? {
        admit(hello.message, by: hello.user, from: destination, hello.peer, now: now)
    }

    /// Tells those who watch what was held back. Returns when the next report is due.
    mutating func tellProgress(at now: Moment) -> Instant? {
        while let (id, bytes) = progress.next(at: now.instant) {
            if !watchers.isEmpty { watchers.progressed(id, bytes, gate: gate, into: &outbox) }
        }
        return progress.wake
    }

    // MARK: Lines

    /// Why these jobs do not fit their lines. Duplicates take no room; children, retries and replays are never asked.
    mutating func fullLine(_ submissions: [Submission]) -> Refusal? {
        var jobs: [TypeIndex: Int64] = [:]  // for lookup only
        var bytes: [TypeIndex: Int64] = [:]  // for lookup only
        for submission in submissions where submission.known == .new {
            let bound = state.lines[submission.type].policy.line
            guard bound.jobs != nil || bound.bytes != nil else { continue }
            let counts = state.lines[submission.type].counts
            jobs[submission.type, default: counts.unfinished] += 1
            bytes[submission.type, default: counts.unfinishedBytes] += Int64(submission.payloadBytes)
            let name = state.lines[submission.type].name
            if let most = bound.jobs, jobs[submission.type, default: 0] > Int64(most) {
                refusals.add(.lineJobs)
                return Self.full(name, "\(counts.unfinished) jobs", of: most, key: "jobs")
            }
            if let most = bound.bytes, bytes[submission.type, default: 0] > Int64(most) {
                refusals.add(.lineBytes)
                return Self.full(name, "\(counts.unfinishedBytes) bytes of jobs", of: most, key: "bytes")
            }
        }
        return nil
    }

    private static func full(_ type: String, _ now: String, of most: Int, key: String) -> Refusal {
        Refusal(
            .exhausted,
            """
            the line of type "\(type)" has \(now) that have not ended and takes \(most); nothing of the request was \
            stored. Send it again when some have ended, add workers, or raise "jobs.\(type).line.\(key)" in cluster.json.
            """)
    }
}

extension WireError {
    /// The limit that was broken, for the count.
    var limit: LimitName {
        switch self {
        case .malformed: .malformed
        case .invalid(let field, _) where field.hasSuffix("payload_bytes"): .payload
        case .outOfRange(let field, _, _) where field.hasSuffix("result_bytes"): .payload
        case .outOfRange, .unevenColumns, .invalid: .fields
        }
    }
}
