import DequeModule

/// The client's side of the session: what was asked for and is not answered, what may be sent now, and when to say
/// HELLO.
///
///     greeting ──WELCOME──► serving
///        ▲                     │
///        └──say hello again, connection lost, or no WELCOME in 3 s──┘
///
/// A request is sent in every session until its answer comes. That is safe, because enqueues are idempotent by job id and
/// other mutating requests by request id. It is sent only once the broker has welcomed the session, so one that fails as
/// *unreachable* was never sent, and did nothing. A watch has no deadline: its job exists, and is waited for until a
/// broker is there again.
///
/// Pure, like the sides of the worker and the broker: the same simulator runs all three.
package struct ClientSession: Sendable {
    /// What is to be sent next.
    package enum Next: Hashable, Sendable {
        /// Begin this session.
        case hello
        case request(UInt64)
        case watch(UInt64)
    }

    /// A request that nobody waits for any more.
    package struct Expired: Hashable, Sendable {
        package var request: UInt64
        /// It may have been carried out.
        package var wasSent: Bool

        package init(request: UInt64, wasSent: Bool) {
            self.request = request
            self.wasSent = wasSent
        }
    }

    private struct Request: Sendable {
        var bytes: Int
        var deadline: Instant
        /// Sent in this session.
        var isUnderWay = false
        /// Sent in a session that ended before the answer came, so nobody knows.
        var isInDoubt = false
        var wasSent: Bool { isUnderWay || isInDoubt }
    }

    /// A HELLO that is not answered for so long on a connection that stands is said again: a broker that gave this client
    /// up while its WELCOME was on the way waits for a word of it, as it does for the broker's.
    package static let helloPatience: Duration = .seconds(3)
    /// A client that only waits says nothing, and would never hear that the broker has forgotten its session: so often it
    /// sends one of its watches again. A broker that did forget answers with "say hello", and all are sent again.
    package static let renewal: Duration = .seconds(10)

    package private(set) var session: SessionID
    package private(set) var isWelcome = false
    private var saysHello = true
    private var isConnected = false
    private var helloAt: Instant
    /// Since when there is no broker although somebody waits for one.
    private var tryingSince: Instant
    private let connectPatience: Duration

    private var nextRequest: UInt64 = 1
    private var requests: [UInt64: Request] = [:]  // for lookup only
    private var toSend: Deque<UInt64> = []
    private var watches: Set<UInt64> = []  // for lookup only
    private var watchesToSend: Deque<UInt64> = []
    private var renewAt: Instant?
    /// When the first deadline passes, or earlier.
    private var earliest = Instant.distantFuture
    private var windowBytes = 8 * 1_048_576
    private var bytesUnderWay = 0

    /// - Parameter connectPatience: How long a request waits for a broker to be there before it fails as unreachable.
    package init(session: SessionID, connectPatience: Duration, at now: Instant) {
        self.session = session
        self.connectPatience = connectPatience
        helloAt = now
        tryingSince = now
    }

    package var hasWork: Bool { !requests.isEmpty || !watches.isEmpty }
    /// In the order in which they were asked for.
    package var unanswered: [UInt64] { requests.keys.sorted() }

    // MARK: Asking

    /// A new request.
    ///
    /// - Parameter bytes: About how large it is; bounds what is under way.
    package mutating func ask(bytes: Int, timeout: Duration, at now: Instant) -> UInt64 {
        let request = number(at: now)
        let deadline = now + timeout
        requests[request] = Request(bytes: bytes, deadline: deadline)
        earliest = min(earliest, deadline)
        toSend.append(request)
        return request
    }

    package mutating func watch(at now: Instant) -> UInt64 {
        let request = number(at: now)
        watches.insert(request)
        watchesToSend.append(request)
        return request
    }

    package mutating func unwatch(_ request: UInt64) { watches.remove(request) }

    private mutating func number(at now: Instant) -> UInt64 {
        // Nobody has been there for a while and now somebody waits: his patience is measured from now.
        if !isWelcome, !hasWork { tryingSince = now }
        defer { nextRequest += 1 }
        return nextRequest
    }

    /// What to send now, if anything. Whoever asks has to send it.
    package mutating func next() -> Next? {
        if saysHello {
            saysHello = false
            return .hello
        }
        guard isWelcome else { return nil }
        while let request = watchesToSend.popFirst() {
            if watches.contains(request) { return .watch(request) }
        }
        while let request = toSend.first {
            guard let bytes = requests[request]?.bytes else {
                toSend.removeFirst()
                continue
            }
            guard bytesUnderWay == 0 || bytesUnderWay + bytes <= windowBytes else { return nil }
            toSend.removeFirst()
            bytesUnderWay += bytes
            requests[request]?.isUnderWay = true
            return .request(request)
        }
        return nil
    }

    // MARK: Answers

    /// The session stands: everything without an answer is to be sent (again).
    package mutating func welcomed(windowBytes: Int) {
        guard !isWelcome else { return }
        isWelcome = true
        self.windowBytes = max(1, windowBytes)
        bytesUnderWay = 0
        toSend = Deque(requests.keys.sorted())
        watchesToSend = Deque(watches.sorted())
        renewAt = nil
    }

    /// Returns whether anybody waited for it.
    package mutating func answered(_ request: UInt64) -> Bool { take(request) != nil }

    /// A broker that is about to end took nothing of the request, this time. The next one is asked, in the session that it
    /// begins. Returns false when nobody waits for an answer.
    package mutating func refusedByDraining(_ request: UInt64) -> Bool {
        guard let known = requests[request] else { return false }
        if known.isUnderWay {
            requests[request]?.isUnderWay = false
            bytesUnderWay -= known.bytes
        }
        return true
    }

    private mutating func take(_ request: UInt64) -> Request? {
        guard let taken = requests.removeValue(forKey: request) else { return nil }
        if taken.isUnderWay { bytesUnderWay -= taken.bytes }
        return taken
    }

    /// Everything that was asked for, or what was never sent, is given up.
    package mutating func giveUp(onlyUnsent: Bool = false) -> [UInt64] {
        let given = requests.filter { !onlyUnsent || !$0.value.wasSent }.keys.sorted()
        for request in given { _ = take(request) }
        return given
    }

    package mutating func giveUpWatches() {
        watches.removeAll()
        watchesToSend.removeAll()
    }

    // MARK: Sessions

    /// A connection stands.
    package mutating func connected() { isConnected = true }

    /// The connection broke, and what was under way on it is lost; or there is a new one, where a HELLO comes first.
    package mutating func disconnected(fresh: SessionID, at now: Instant) {
        isConnected = false
        begin(fresh, at: now)
    }

    /// The broker does not know this session, or never answered its HELLO.
    package mutating func begin(_ session: SessionID, at now: Instant) {
        self.session = session
        saysHello = true
        helloAt = now
        guard isWelcome else { return }
        isWelcome = false
        tryingSince = now
        for (request, known) in requests where known.isUnderWay {
            requests[request]?.isUnderWay = false
            requests[request]?.isInDoubt = true
        }
    }

    /// The work of time: what has waited too long, HELLO again, a watch again. Returns when it wants to be called again at
    /// the latest.
    package mutating func tick(fresh: SessionID, at now: Instant, _ expired: inout [Expired]) -> Instant {
        expire(at: now, &expired)
        if isConnected, !isWelcome, now >= helloAt + Self.helloPatience { begin(fresh, at: now) }
        renewWatch(at: now)
        var wake = min(earliest, renewAt ?? .distantFuture)
        if isConnected, !isWelcome { wake = min(wake, helloAt + Self.helloPatience) }
        if !isWelcome, requests.values.contains(where: { !$0.wasSent }) {
            wake = min(wake, tryingSince + connectPatience)
        }
        return wake
    }

    private mutating func expire(at now: Instant, _ expired: inout [Expired]) {
        if !isWelcome, now >= tryingSince + connectPatience {
            expired += giveUp(onlyUnsent: true).map { Expired(request: $0, wasSent: false) }
        }
        guard earliest <= now else { return }
        for request in requests.filter({ $0.value.deadline <= now }).keys.sorted() {
            if let taken = take(request) { expired.append(Expired(request: request, wasSent: taken.wasSent)) }
        }
        earliest = requests.values.map(\.deadline).min() ?? .distantFuture
    }

    private mutating func renewWatch(at now: Instant) {
        guard isWelcome, !watches.isEmpty else {
            renewAt = nil
            return
        }
        if let at = renewAt, at <= now {
            if let request = watches.min() { watchesToSend.append(request) }
            renewAt = nil
        }
        renewAt = renewAt ?? now + Self.renewal
    }
}
