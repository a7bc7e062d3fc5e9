import DequeModule
import Foundation
import StintCore
import StintTransport
import StintWire
import Synchronization

/// The client's end of the wire: one thread that owns one socket, and the requests that wait for their answers.
///
/// Requests are sent once the broker has welcomed the session, so a request that fails as *unreachable* was never sent. After
/// a broken connection or a restart of the broker a new session begins and every request without an answer is sent
/// again; that is safe, because enqueues are idempotent by job id and other mutating requests by request id. A watch has no
/// patience: its job exists, and is waited for until a broker is there again.
final class ClientConnection: Sendable {
    /// What the broker says to one request.
    enum Answer: Sendable {
        /// Places of the duplicates.
        case enqueued(duplicates: [UInt32])
        case message(Stint_V1_Envelope.OneOf_Message)
        case refused(Refusal)
    }

    private struct Pending {
        var message: Stint_V1_Envelope.OneOf_Message
        var bytes: Int
        var timeout: Duration
        var deadline: ContinuousClock.Instant
        var isSent = false
        var finish: @Sendable (Result<Answer, StintError>) -> Void
    }

    private struct State {
        var nextRequest: UInt64 = 1
        /// For lookup only.
        var pending: [UInt64: Pending] = [:]
        /// Not sent in this session, in order.
        var toSend: Deque<UInt64> = []
        /// When the first of them will have waited too long, or earlier.
        var earliest: ContinuousClock.Instant?
        var watches: [UInt64: Watch] = [:]
        /// Not sent in this session, in order.
        var watchesToSend: Deque<UInt64> = []
        /// The watches of each job: the broker tells a session once.
        var watching: [JobID: [UInt64]] = [:]  // for lookup only
        var isClosed = false
        var windowBytes = 8 * 1_048_576
        var bytesUnderWay = 0
        var payloadBytesMax = Limits.payloadBytesMax
        /// Why the last handshake failed; nil once one succeeded.
        var trouble: HandshakeTrouble?
    }

    private struct Watch {
        var id: JobID
        /// What was told last: a watch that is renewed is answered with what is known already.
        var last: Stint_V1_JobEvent?
        var stream: AsyncThrowingStream<Stint_V1_JobEvent, any Error>.Continuation
    }

    let endpoint: String
    let key: ConnectionKey?
    private let connectPatience: Duration
    private let state = Mutex(State())
    private let waker: Waker

    init(endpoint: String, key: ConnectionKey?, connectPatience: Duration) throws {
        self.endpoint = endpoint
        self.key = key
        self.connectPatience = connectPatience
        do {
            waker = try Waker()
            let context = try ZMQContext.ofThisProcess()
            let dealer = try DealerSocket(
                in: context, connectingTo: Endpoint(endpoint),
                limits: DealerSocket.Limits(
                    frameBytesMax: Limits.messageBytesMax, reconnectMilliseconds: Int.random(in: 200...500)),
                security: key?.security)
            _ = try SocketThread(name: "stint-client") { [self] in
                ClientThread(dealer: dealer, waker: waker, connection: self).run()
            }
        } catch let error as TransportError {
            throw StintError(.configuration, isRetryable: false, error.description)
        }
    }

    func close() {
        state.withLock { $0.isClosed = true }
        waker.wake()
    }

    // MARK: Requests

    /// Sends a request and waits for its answer.
    ///
    /// - Parameters:
    ///   - bytes: About how large it is; bounds what is under way.
    ///   - make: Builds the message around the number of the request.
    func request(
        bytes: Int = 256, timeout: Duration, _ make: (UInt64) -> Stint_V1_Envelope.OneOf_Message
    ) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            request(bytes: bytes, timeout: timeout, make) { continuation.resume(with: $0) }
        }
    }

    /// Sends a request; the answer comes on the socket's thread.
    func request(
        bytes: Int, timeout: Duration, _ make: (UInt64) -> Stint_V1_Envelope.OneOf_Message,
        finish: @escaping @Sendable (Result<Answer, StintError>) -> Void
    ) {
        let isClosed = state.withLock { state -> Bool in
            guard !state.isClosed else { return true }
            let request = state.nextRequest
            state.nextRequest += 1
            let deadline = ContinuousClock.now + timeout
            state.pending[request] = Pending(
                message: make(request), bytes: bytes, timeout: timeout, deadline: deadline, finish: finish)
            state.earliest = min(state.earliest ?? deadline, deadline)
            state.toSend.append(request)
            return false
        }
        if isClosed { return finish(.failure(.closed)) }
        waker.wake()
    }

    /// What becomes of a job. Begins again by itself after a broken connection.
    func watch(_ id: JobID) -> AsyncThrowingStream<Stint_V1_JobEvent, any Error> {
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: Stint_V1_JobEvent.self)
        let request = state.withLock { state -> UInt64? in
            guard !state.isClosed else { return nil }
            let request = state.nextRequest
            state.nextRequest += 1
            state.watches[request] = Watch(id: id, stream: continuation)
            state.watching[id, default: []].append(request)
            state.watchesToSend.append(request)
            return request
        }
        guard let request else {
            continuation.finish(throwing: StintError.closed)
            return stream
        }
        continuation.onTermination = { [weak self] _ in self?.unwatch(request) }
        waker.wake()
        return stream
    }

    private func unwatch(_ request: UInt64) {
        state.withLock { state in
            guard let watch = state.watches.removeValue(forKey: request) else { return }
            state.watching[watch.id]?.removeAll { $0 == request }
            if state.watching[watch.id]?.isEmpty ?? false { state.watching[watch.id] = nil }
        }
    }

    // MARK: For the thread

    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// A new session stands: everything without an answer is to be sent (again).
    func sessionBegan(_ welcome: Stint_V1_ClientWelcome) {
        state.withLock { state in
            state.windowBytes = max(1, Int(clamping: welcome.windowBytes))
            state.payloadBytesMax = Int(clamping: welcome.payloadBytesMax)
            state.bytesUnderWay = 0
            state.toSend = Deque(state.pending.keys.sorted())
            state.watchesToSend = Deque(state.watches.keys.sorted())
        }
    }

    /// The next message that the window has room for.
    func nextToSend() -> Stint_V1_Envelope.OneOf_Message? {
        state.withLock { state in
            while let request = state.watchesToSend.popFirst() {
                if let watch = state.watches[request] { return Self.message(request, watch) }
            }
            while let request = state.toSend.first {
                guard let pending = state.pending[request] else {
                    state.toSend.removeFirst()
                    continue
                }
                guard state.bytesUnderWay == 0 || state.bytesUnderWay + pending.bytes <= state.windowBytes else {
                    return nil
                }
                state.toSend.removeFirst()
                state.bytesUnderWay += pending.bytes
                state.pending[request]?.isSent = true
                return pending.message
            }
            return nil
        }
    }

    private static func message(_ request: UInt64, _ watch: Watch) -> Stint_V1_Envelope.OneOf_Message {
        var message = Stint_V1_Watch()
        message.request = request
        message.id = Data(watch.id)
        return .watch(message)
    }

    /// One of the watches once more. A client that only waits says nothing, and would never hear that the broker has
    /// forgotten its session; a broker that did answers with "say hello", and then every watch is sent again.
    func watchToRenew() -> Stint_V1_Envelope.OneOf_Message? {
        state.withLock { state in state.watches.first.map { Self.message($0.key, $0.value) } }
    }

    var hasWatches: Bool { state.withLock { !$0.watches.isEmpty } }

    func answered(_ request: UInt64, _ answer: Answer) {
        if case .refused(let refusal) = answer, refusal.code == .draining, waitForNextBroker(request) { return }
        let (pending, watch) = state.withLock { state -> (Pending?, Watch?) in
            guard let pending = state.pending.removeValue(forKey: request) else { return (nil, state.watches[request]) }
            state.bytesUnderWay -= pending.bytes
            return (pending, nil)
        }
        pending?.finish(.success(answer))
        if let watch, case .refused(let refusal) = answer {
            watch.stream.finish(throwing: StintError(refusal))
            unwatch(request)
        }
    }

    /// A broker that is about to end took nothing of the request. The next one is asked, in the session that it begins.
    private func waitForNextBroker(_ request: UInt64) -> Bool {
        state.withLock { state in
            guard let pending = state.pending[request], pending.isSent else { return false }
            state.pending[request]?.isSent = false
            state.bytesUnderWay -= pending.bytes
            return true
        }
    }

    /// A refusal that names no request: the session itself was refused.
    func sessionRefused(_ refusal: Refusal) {
        failAll(StintError(refusal)) { _ in true }
        failWatches(StintError(refusal))
    }

    func event(_ event: Stint_V1_JobEvent) {
        guard let id = try? event.id.id(field: "job_event.id") else { return }
        var told = event
        told.request = 0
        let watches = state.withLock { state -> [(request: UInt64, watch: Watch)] in
            (state.watching[id] ?? []).compactMap { request in
                guard let watch = state.watches[request], watch.last != told else { return nil }
                state.watches[request]?.last = told
                return (request, watch)
            }
        }
        for (request, watch) in watches {
            watch.stream.yield(event)
            if event.state.state?.isFinal ?? true {
                watch.stream.finish()
                unwatch(request)
            }
        }
    }

    /// Fails what has waited too long. Returns when the next one will have.
    func failOverdue(connectedSince: ContinuousClock.Instant?, tryingSince: ContinuousClock.Instant)
        -> ContinuousClock.Instant?
    {
        let now = ContinuousClock.now
        if connectedSince == nil, now - tryingSince >= connectPatience {
            failAll(unreachable) { !$0.isSent }
        }
        var overdue: [Pending] = []
        let next = state.withLock { state -> ContinuousClock.Instant? in
            guard let earliest = state.earliest, earliest <= now else { return state.earliest }
            for request in state.pending.filter({ $0.value.deadline <= now }).keys.sorted() {
                guard let pending = state.pending.removeValue(forKey: request) else { continue }
                if pending.isSent { state.bytesUnderWay -= pending.bytes }
                overdue.append(pending)
            }
            state.earliest = state.pending.values.map(\.deadline).min()
            return state.earliest
        }
        for pending in overdue {
            pending.finish(.failure(pending.isSent ? .outcomeUnknown(after: pending.timeout) : unreachable))
        }
        let patienceEnds = connectedSince == nil && hasUnsent ? tryingSince + connectPatience : nil
        return [next, patienceEnds].compactMap { $0 }.min()
    }

    /// Nobody is there, or somebody with whom no handshake comes about.
    private var unreachable: StintError {
        state.withLock { $0.trouble }.map(StintError.notAdmitted) ?? .unreachable(endpoint)
    }

    func handshakeSucceeded() { state.withLock { $0.trouble = nil } }

    /// A broker that refuses this key will do so again: whoever waits for it need not wait for his patience to end.
    func handshakeFailed(_ trouble: HandshakeTrouble) {
        state.withLock { $0.trouble = trouble }
        guard trouble.isRefusal else { return }
        failAll(.notAdmitted(trouble)) { !$0.isSent }
        failWatches(.notAdmitted(trouble))
    }

    var hasWork: Bool { state.withLock { !$0.pending.isEmpty || !$0.watches.isEmpty } }

    private var hasUnsent: Bool { state.withLock { $0.pending.values.contains { !$0.isSent } } }

    func failEverything() {
        failAll(.closed) { _ in true }
        failWatches(.closed)
    }

    private func failAll(_ error: StintError, _ isAffected: (Pending) -> Bool) {
        var failed: [Pending] = []
        state.withLock { state in
            for (request, pending) in state.pending where isAffected(pending) {
                state.pending[request] = nil
                if pending.isSent { state.bytesUnderWay -= pending.bytes }
                failed.append(pending)
            }
        }
        for pending in failed { pending.finish(.failure(error)) }
    }

    private func failWatches(_ error: StintError) {
        let streams = state.withLock { state in
            defer {
                state.watches.removeAll()
                state.watching.removeAll()
            }
            return state.watches.values.map(\.stream)
        }
        for stream in streams { stream.finish(throwing: error) }
    }
}
