import DequeModule

/// The worker's side of the session: what it holds, what it has settled but not heard back about, and whether it may
/// start anything.
///
///     greeting ──WELCOME──► serving ──drain──► draining ──nothing held──► ended
///        ▲                     │                  │
///        └──say hello again, connection lost, or no pong for a lease──┘
///
/// Two rules keep a worker honest when it is cut off. Without a heartbeat answered for one lease, counted from the
/// *sending* of the last answered one, it starts nothing new, until one is answered in time again: its leases may have
/// been given to others. What runs goes on, because the broker may only be away for a moment, and is stopped only when
/// the broker says that the lease is lost. And a settlement is kept until the broker says that it is durable, and sent again after every HELLO.
///
/// Pure, like the broker's side: the same simulator runs both.
package struct WorkerSession: Sendable {
    package enum Phase: Hashable, Sendable {
        /// HELLO is sent, WELCOME has not come.
        case greeting
        case serving
        case ended
    }

    /// One lease held.
    package struct Held: Hashable, Sendable {
        package var lease: LeaseReference
        /// Its handler has begun.
        package var isRunning: Bool
    }

    /// A settle message that the broker has not confirmed.
    package struct Unconfirmed: Hashable, Sendable {
        /// Names it to the rim, which keeps its bytes; never reused.
        package var key: UInt64
        /// Its number in this session; 0 while it has none.
        package var number: UInt64
        package var leases: [LeaseReference]
    }

    /// What the rim is to do.
    package enum Action: Hashable, Sendable {
        /// Begin this session: say HELLO with everything in ``held`` and ``unconfirmed``.
        case hello
        case heartbeat(number: UInt64)
        /// Run these, in this order.
        case start([LeaseReference])
        /// The lease is lost: stop the handler, drop its answer.
        case abandon(LeaseReference)
        /// The job was cancelled: stop the handler; its answer still counts.
        case cancel(LeaseReference)
        /// Send this settlement (again), under this number.
        case settle(key: UInt64, number: UInt64)
        /// This settlement is durable, or refused for good: forget its bytes.
        case forget(key: UInt64)
        /// Take back what was handed over by `start` and has not begun, and settle it as released.
        case recall
        /// Nothing is to be started until `resume`.
        case suspend
        case resume
        case drain
        case bye
        /// The socket is of no use any more: make a new one, then a new session.
        case rebuild
    }

    package private(set) var phase = Phase.greeting
    package private(set) var session: SessionID
    package private(set) var incarnation: UInt32 = 1
    package private(set) var isDraining = false
    package private(set) var isSuspended = false

    private var leaseDuration: Duration
    private var heartbeatInterval: Duration

    /// For lookup only.
    private var held: [JobID: Held] = [:]
    package private(set) var unconfirmed: Deque<Unconfirmed> = []
    private var nextKey: UInt64 = 1
    private var settleNumber: UInt64 = 0

    private var heartbeatNumber: UInt64 = 0
    private var nextHeartbeat: Instant
    private var sentHeartbeats: Deque<(number: UInt64, at: Instant)> = []
    /// When the last heartbeat that was answered was sent.
    private var provenAt: Instant
    private var helloAt: Instant
    private var socketAt: Instant

    /// - Parameters:
    ///   - lease, heartbeat: What to assume until WELCOME says.
    package init(session: SessionID, lease: Duration, heartbeat: Duration, at now: Moment) {
        self.session = session
        leaseDuration = lease
        heartbeatInterval = heartbeat
        nextHeartbeat = now.instant + heartbeat
        provenAt = now.instant
        helloAt = now.instant
        socketAt = now.instant
    }

    package var heldCount: Int { held.count }
    package var holdsNothing: Bool { held.isEmpty && unconfirmed.isEmpty }
    package func holds(_ lease: LeaseReference) -> Bool { held[lease.id]?.lease.token == lease.token }

    /// Everything held, sorted, for a HELLO.
    package var heldLeases: [Held] { held.values.sorted { $0.lease.token < $1.lease.token } }

    // MARK: Sessions

    /// Begins a new session, whatever came before.
    package mutating func begin(_ session: SessionID, at now: Moment, _ actions: inout [Action]) {
        precondition(phase != .ended)
        self.session = session
        incarnation += 1
        phase = .greeting
        settleNumber = 0
        for index in unconfirmed.indices { unconfirmed[index].number = 0 }
        sentHeartbeats.removeAll()
        helloAt = now.instant
        actions.append(.hello)
    }

    /// The first HELLO of the first session.
    package mutating func start(_ actions: inout [Action]) {
        precondition(incarnation == 1 && phase == .greeting)
        actions.append(.hello)
    }

    package mutating func welcomed(
        lease: Duration, heartbeat: Duration, lost: [LeaseReference], cancelled: [LeaseReference], at now: Moment,
        _ actions: inout [Action]
    ) {
        guard phase == .greeting else { return }
        phase = .serving
        leaseDuration = lease
        heartbeatInterval = heartbeat
        // WELCOME answers HELLO, so it proves what was true when that was sent.
        provenAt = helloAt
        nextHeartbeat = now.instant + heartbeat
        for reference in lost { abandon(reference, &actions) }
        for reference in cancelled where holds(reference) { actions.append(.cancel(reference)) }
        for index in unconfirmed.indices { resend(index, &actions) }
        judgeProof(at: now, &actions)
        if isDraining { actions.append(.drain) }
    }

    private mutating func resend(_ index: Int, _ actions: inout [Action]) {
        settleNumber += 1
        unconfirmed[index].number = settleNumber
        actions.append(.settle(key: unconfirmed[index].key, number: settleNumber))
    }

    // MARK: Leases

    /// Jobs came. A draining worker gives them back at once.
    package mutating func assigned(_ leases: [LeaseReference], _ actions: inout [Action]) {
        for lease in leases {
            // An older lease of the same job that is still here was lost: tokens rise.
            if let former = held[lease.id], former.lease.token < lease.token { abandon(former.lease, &actions) }
            held[lease.id] = Held(lease: lease, isRunning: false)
        }
        actions.append(.start(leases))
        if isDraining { actions.append(.recall) }
    }

    /// A handler has begun.
    package mutating func began(_ lease: LeaseReference) {
        if holds(lease) { held[lease.id]?.isRunning = true }
    }

    /// Attempts have ended; the rim keeps the message under the key that is returned and sends it when told.
    package mutating func settled(_ leases: [LeaseReference], _ actions: inout [Action]) -> UInt64 {
        precondition(!leases.isEmpty)
        let key = nextKey
        nextKey += 1
        for lease in leases where holds(lease) { held[lease.id] = nil }
        unconfirmed.append(Unconfirmed(key: key, number: 0, leases: leases))
        if phase == .serving { resend(unconfirmed.count - 1, &actions) }
        return key
    }

    /// The broker has them on record (or will never take them).
    package mutating func confirmed(upTo number: UInt64, _ actions: inout [Action]) {
        while let first = unconfirmed.first, first.number > 0, first.number <= number {
            unconfirmed.removeFirst()
            actions.append(.forget(key: first.key))
        }
    }

    /// The broker took these away.
    package mutating func revoked(_ leases: [LeaseReference], _ actions: inout [Action]) {
        for lease in leases { abandon(lease, &actions) }
    }

    package mutating func cancelRequested(_ leases: [LeaseReference], _ actions: inout [Action]) {
        for lease in leases where holds(lease) { actions.append(.cancel(lease)) }
    }

    private mutating func abandon(_ lease: LeaseReference, _ actions: inout [Action]) {
        guard holds(lease) else { return }
        held[lease.id] = nil
        actions.append(.abandon(lease))
    }

    // MARK: Life signs

    package mutating func pong(_ number: UInt64, at now: Moment) {
        while let first = sentHeartbeats.first, first.number <= number {
            sentHeartbeats.removeFirst()
            if first.number == number { provenAt = max(provenAt, first.at) }
        }
    }

    /// The broker does not know this session, or the connection broke: a new session is needed.
    package mutating func lostSession(fresh: SessionID, at now: Moment, _ actions: inout [Action]) {
        guard phase != .ended else { return }
        begin(fresh, at: now, &actions)
    }

    /// The clock was read; call it before anything is taken from the broker. A worker that was stopped finds jobs in its
    /// socket that were sent while its leases stood: it must not start them before it knows for how long it was away.
    package mutating func clockRead(at now: Moment, _ actions: inout [Action]) {
        if phase != .ended { judgeProof(at: now, &actions) }
    }

    /// The work of time. Returns when it wants to be called again at the latest.
    package mutating func tick(fresh: SessionID, at now: Moment, _ actions: inout [Action]) -> Instant {
        switch phase {
        case .ended:
            return .distantFuture
        case .greeting:
            judgeProof(at: now, &actions)
            // HELLO may have been lost with its connection; ask again, on a new socket after three times.
            if now.instant >= helloAt + heartbeatInterval {
                if now.instant >= socketAt + heartbeatInterval * 3 {
                    socketAt = now.instant
                    actions.append(.rebuild)
                }
                begin(fresh, at: now, &actions)
            }
            return nextProof(or: helloAt + heartbeatInterval)
        case .serving:
            judgeProof(at: now, &actions)
            let patience = provenAt + heartbeatInterval * 3 + heartbeatInterval / 2
            if now.instant >= patience, sentHeartbeats.count >= 3 {
                socketAt = now.instant
                actions.append(.rebuild)
                begin(fresh, at: now, &actions)
                return nextProof(or: helloAt + heartbeatInterval)
            }
            if now.instant >= nextHeartbeat {
                heartbeatNumber += 1
                nextHeartbeat = now.instant + heartbeatInterval
                sentHeartbeats.append((heartbeatNumber, now.instant))
                if sentHeartbeats.count > 64 { sentHeartbeats.removeFirst() }
                actions.append(.heartbeat(number: heartbeatNumber))
            }
            return nextProof(or: sentHeartbeats.count >= 3 ? min(nextHeartbeat, patience) : nextHeartbeat)
        }
    }

    /// The lease runs out at a moment of its own; once that has passed, nothing more is due for it.
    private func nextProof(or other: Instant) -> Instant {
        isSuspended ? other : min(other, provenAt + leaseDuration)
    }

    /// Suspends at the moment at which the lease may be over, and resumes once it is known that it is not: an answer that
    /// came in this session came behind every word about leases that were lost before.
    private mutating func judgeProof(at now: Moment, _ actions: inout [Action]) {
        let isProven = now.instant < provenAt + leaseDuration
        guard isProven == isSuspended else { return }
        isSuspended = !isProven
        actions.append(isProven ? .resume : .suspend)
    }

    // MARK: Drain

    /// Take nothing new and give back what has not begun.
    package mutating func drain(_ actions: inout [Action]) {
        guard !isDraining, phase != .ended else { return }
        isDraining = true
        if phase == .serving { actions.append(.drain) }
        actions.append(.recall)
    }

    /// Ends without a broker to say goodbye to: what is held will be found to be lost by whoever misses it.
    package mutating func abandonEverything(_ actions: inout [Action]) {
        precondition(isDraining)
        for held in heldLeases { abandon(held.lease, &actions) }
        phase = .ended
    }

    /// Ends the session once nothing is held and nothing waits for confirmation.
    package mutating func endIfDone(_ actions: inout [Action]) {
        guard isDraining, phase == .serving, holdsNothing else { return }
        phase = .ended
        actions.append(.bye)
    }
}
