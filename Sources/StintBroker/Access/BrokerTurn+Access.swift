import StintCore
import StintTransport
import StintWire

/// Whose a message is, as far as it matters to what becomes of it.
enum Principal: Hashable, Sendable {
    /// A process of this host, on a broker without keys: it may do everything.
    case local
    case key(KnownKey)

    var name: String {
        switch self {
        case .local: "local"
        case .key(let key): key.name
        }
    }

    func mayTake(_ type: String) -> Bool {
        switch self {
        case .local: true
        case .key(let key): key.mayTake(type)
        }
    }

    func mayEnqueueChild(_ type: String) -> Bool {
        switch self {
        case .local: true
        case .key(let key): key.mayEnqueueChild(type)
        }
    }
}

// Who may do what, asked anew for every message: a key that was revoked or has expired since its connection was made
// has lost its rights, whatever the gatekeeper said then.

extension BrokerTurn {
    /// Who sent this, if he may; nil after an answer that says why not.
    mutating func admit(
        _ message: Stint_V1_Envelope.OneOf_Message, by user: UserID?, from destination: OutgoingFrame.Destination,
        _ peer: PeerAddress, now: Moment
    ) -> Principal? {
        guard let keys else { return .local }
        guard let user, let key = keys[user] else {
            deny(message, "an unknown key", "this key is not known here any more", to: destination, peer, now: now)
            return nil
        }
        switch key.standing(at: now.wall) {
        case .valid: break
        case .revoked:
            deny(message, key.name, "the key \"\(key.name)\" was revoked", to: destination, peer, now: now)
            return nil
        case .expired:
            deny(message, key.name, "the key \"\(key.name)\" has expired", to: destination, peer, now: now)
            return nil
        }
        guard destination.roles.contains(key.role), message.senders.contains(key.role) else {
            let what =
                destination.roles.contains(key.role)
                ? message.deed : "use the broker's address for \(destination.side)"
            let sentence = """
                the key "\(key.name)" is a key of role \(key.role.rawValue) and may not \(what); use a key that may \
                (`stint keys list` on the broker's host)
                """
            deny(message, key.name, sentence, to: destination, peer, now: now)
            return nil
        }
        return .key(key)
    }

    private mutating func deny(
        _ message: Stint_V1_Envelope.OneOf_Message, _ who: String, _ sentence: String,
        to destination: OutgoingFrame.Destination, _ peer: PeerAddress, now: Moment
    ) {
        refusals.add(.forbidden)
        audit.counted(.denied, who: who, what: "\(message.deed): \(sentence)", at: now)
        let refusal = Stint_V1_Refused(Refusal(.forbidden, sentence), request: message.request)
        send(.refused(refusal), to: destination, peer)
        judge(.useless, destination.socket, peer)
    }

    // MARK: Workers

    /// An instance is random and only its worker and the broker know it; who says it first owns it.
    func isOfAnotherKey(_ instance: InstanceID, than user: UserID?) -> Bool {
        guard let owner = owners[instance] else { return false }
        return owner != user && state.workers.slot(of: instance) != nil
    }

    /// Leaves out the types that the worker's key may not take, to be named in WELCOME.
    ///
    /// - Returns: Why the worker is refused: nothing is left, or its life is another key's.
    mutating func entitle(
        _ hello: inout WorkerHello, _ session: SessionID, _ user: UserID?, _ principal: Principal, at now: Moment
    ) -> Refusal? {
        guard let user else { return nil }
        if isOfAnotherKey(hello.instance, than: user) {
            refusals.add(.forbidden)
            audit.counted(.denied, who: principal.name, what: "take over the worker of another key", at: now)
            return Refusal(.forbidden, "another key began the life of this worker; start it anew")
        }
        let refused = hello.types.filter { !principal.mayTake($0) }
        if !refused.isEmpty {
            let names = Self.listed(refused)
            refusals.add(.forbidden)
            audit.counted(.denied, who: principal.name, what: "take jobs of type \(names)", at: now)
            guard refused.count < hello.types.count else {
                return Refusal(
                    .forbidden,
                    """
                    the key "\(principal.name)" may not take jobs of type \(names); make one that may with \
                    `stint keys new NAME --role worker --types \(hello.types[0])`
                    """)
            }
            hello.types.removeAll { !principal.mayTake($0) }
        }
        if owners.count > 2 * (state.workers.count + 1_024) {
            owners = owners.filter { state.workers.slot(of: $0.key) != nil }
        }
        owners[hello.instance] = user
        refusedTypes[session] = refused.isEmpty ? nil : refused
        return nil
    }

    /// What of a settlement its worker's key may not do: a sentence with which the attempt fails for good.
    mutating func notEntitled(_ incoming: IncomingSettlement, _ principal: Principal, at now: Moment) -> String? {
        guard let child = incoming.children.first(where: { !principal.mayEnqueueChild($0.type) }) else { return nil }
        refusals.add(.forbidden)
        audit.counted(.denied, who: principal.name, what: "enqueue a child of type \(child.type)", at: now)
        return """
            the key "\(principal.name)" of this worker may not enqueue children of type "\(child.type)"; make one that \
            may with `stint keys new NAME --role worker --children \(child.type)`
            """
    }

    private static func listed(_ types: [String]) -> String {
        let shown = types.prefix(8).map { "\"\($0)\"" }.joined(separator: ", ")
        return types.count > 8 ? "\(shown) and \(types.count - 8) more" : shown
    }

    // MARK: A changed list

    /// The list of keys was changed, or a key's time is over. Sessions whose key has lost its rights end now: their
    /// peers are told, a worker's leases return to ready without an attempt, and a client hears of no job any more.
    package mutating func take(_ keys: KnownKeys, at now: Moment) {
        guard let former = self.keys else { preconditionFailure("a broker without keys is given a list of them") }
        state.clocksRead(now, into: &effects)
        self.keys = keys
        nextExpiry = keys.nextExpiry(after: now.wall)
        // Also one that was made and revoked between two looks, and one that somebody took out of the list by hand.
        for key in keys.all where key.revokedAt != nil && former[key.publicKey]?.revokedAt == nil {
            audit.record(.keyRevoked, who: "the list of keys", what: "key \(key.name)", at: now)
        }
        for key in former.all where key.revokedAt == nil && keys[key.publicKey] == nil {
            audit.record(.keyRevoked, who: "the list of keys", what: "key \(key.name), taken off the list", at: now)
        }
        endUnentitled(former: former, at: now)
        absorb()
    }

    /// A key's time may be over.
    mutating func expireKeys(at now: Moment) {
        guard let keys, let nextExpiry, now.wall >= nextExpiry else { return }
        self.nextExpiry = keys.nextExpiry(after: now.wall)
        endUnentitled(former: keys, at: now)
    }

    /// When a key's time is over, or a count of refusals is to be written.
    func whenAccessChanges(at now: Moment) -> Instant {
        let expiry = nextExpiry.map { now.instant + ($0 - now.wall) }
        return [expiry, audit.wake].compactMap { $0 }.min() ?? now.instant + .seconds(3600)
    }

    private mutating func endUnentitled(former: KnownKeys, at now: Moment) {
        for (session, user, peer) in workers.all {
            guard let why = unentitled(user, former, at: now) else { continue }
            switch why {
            case .changed:
                // It may take other types than it said: the next HELLO is judged anew, and its leases are adopted.
                endWorkerSession(session)
                sayHello(to: .worker(session), peer)
            case .lost(let sentence):
                // Its leases return to ready without an attempt. A worker that fell silent may be forgotten by now.
                if state.workers.slot(of: session) != nil { state.bye(session: session, at: now, into: &effects) }
                workers.remove(session)
                assignments[session] = nil
                refuse(Refusal(.forbidden, sentence), to: .worker(session), peer)
            }
        }
        for (session, user, peer) in clients.all {
            guard case .lost(let sentence) = unentitled(user, former, at: now) else { continue }
            endClientSession(session)
            refuse(Refusal(.forbidden, sentence), to: .client(session), peer)
        }
    }

    private enum Unentitled {
        case changed
        case lost(String)
    }

    private func unentitled(_ user: UserID?, _ former: KnownKeys, at now: Moment) -> Unentitled? {
        guard let user, let key = keys?[user] else { return .lost("this key is not known here any more") }
        switch key.standing(at: now.wall) {
        case .valid: return former[user] == key ? nil : .changed
        case .revoked: return .lost("the key \"\(key.name)\" was revoked")
        case .expired: return .lost("the key \"\(key.name)\" has expired")
        }
    }
}

extension OutgoingFrame.Destination {
    /// Who may talk to its socket at all.
    fileprivate var roles: Roles {
        switch self {
        case .worker: .worker
        case .client: .clients
        }
    }

    var socket: PeerVerdict.Socket {
        switch self {
        case .worker: .workers
        case .client: .clients
        }
    }

    fileprivate var side: String {
        switch self {
        case .worker: "workers"
        case .client: "clients"
        }
    }
}

/// Handshakes of one kind that the gatekeeper ended.
package struct RefusedKnock: Hashable, Sendable {
    package var who: String
    /// Why, and where the last one came from.
    package var what: String
    package var count: Int

    package init(who: String, what: String, count: Int) {
        self.who = who
        self.what = what
        self.count = count
    }
}
