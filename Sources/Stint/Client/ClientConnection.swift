import Foundation
import StintCore
import StintTransport
import StintWire
import Synchronization

/// The client's end of the wire: the requests that wait for their answers, the watches, and one thread that owns one
/// socket. What is sent and when, ``ClientSession`` decides.
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
        var timeout: Duration
        var finish: @Sendable (Result<Answer, StintError>) -> Void
    }

    private struct State {
        var session: ClientSession
        /// What ``ClientSession`` knows by number; for lookup only.
        var pending: [UInt64: Pending] = [:]
        var watches: [UInt64: Watch] = [:]  // for lookup only
        /// The watches of each job: the broker tells a session once.
        var watching: [JobID: [UInt64]] = [:]  // for lookup only
        var isClosed = false
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
    private let state: Mutex<State>
    private let waker: Waker

    init(endpoint: String, key: ConnectionKey?, connectPatience: Duration) throws {
        self.endpoint = endpoint
        self.key = key
        state = Mutex(
            State(session: ClientSession(session: Self.fresh(), connectPatience: connectPatience, at: Self.now())))
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

    static func now() -> Instant { Instant(nanoseconds: MonotonicClock.nanoseconds()) }
    private static func fresh() -> SessionID { SessionID(.random(in: 1 ... .max)) }

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
            let request = state.session.ask(bytes: bytes, timeout: timeout, at: Self.now())
            state.pending[request] = Pending(message: make(request), timeout: timeout, finish: finish)
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
            let request = state.session.watch(at: Self.now())
            state.watches[request] = Watch(id: id, stream: continuation)
            state.watching[id, default: []].append(request)
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
            state.session.unwatch(request)
            state.watching[watch.id]?.removeAll { $0 == request }
            if state.watching[watch.id]?.isEmpty ?? false { state.watching[watch.id] = nil }
        }
    }

    // MARK: For the thread: sessions

    var isClosed: Bool { state.withLock { $0.isClosed } }
    var session: UInt64 { state.withLock { $0.session.session.value } }

    func connected() {
        state.withLock { state in
            state.trouble = nil
            state.session.connected()
        }
    }

    func disconnected() { state.withLock { $0.session.disconnected(fresh: Self.fresh(), at: Self.now()) } }
    func sayHello() { state.withLock { $0.session.begin(Self.fresh(), at: Self.now()) } }
    func welcomed(_ welcome: Stint_V1_ClientWelcome) {
        state.withLock { $0.session.welcomed(windowBytes: Int(clamping: welcome.windowBytes)) }
    }

    /// The next message to send, with its session.
    func nextToSend() -> (session: UInt64, message: Stint_V1_Envelope.OneOf_Message)? {
        state.withLock { state in
            while let next = state.session.next() {
                if let message = Self.message(next, state) { return (state.session.session.value, message) }
            }
            return nil
        }
    }

    private static func message(_ next: ClientSession.Next, _ state: State) -> Stint_V1_Envelope.OneOf_Message? {
        switch next {
        case .hello:
            var hello = Stint_V1_ClientHello()
            hello.protocolMin = Frame.protocolVersions.lowerBound
            hello.protocolMax = Frame.protocolVersions.upperBound
            return .clientHello(hello)
        case .request(let request): return state.pending[request]?.message
        case .watch(let request):
            guard let watch = state.watches[request] else { return nil }
            var message = Stint_V1_Watch()
            message.request = request
            message.id = Data(watch.id)
            return .watch(message)
        }
    }

    /// The work of time: fails what has waited too long. Returns when there is more to do.
    func tick() -> Instant {
        var expired: [ClientSession.Expired] = []
        let (wake, failed) = state.withLock { state in
            let wake = state.session.tick(fresh: Self.fresh(), at: Self.now(), &expired)
            return (
                wake,
                expired.compactMap { item in
                    state.pending.removeValue(forKey: item.request).map { ($0, wasSent: item.wasSent) }
                }
            )
        }
        for (pending, wasSent) in failed {
            pending.finish(.failure(wasSent ? .outcomeUnknown(after: pending.timeout) : unreachable))
        }
        return wake
    }

    // MARK: For the thread: answers

    func answered(_ request: UInt64, _ answer: Answer) {
        if case .refused(let refusal) = answer, refusal.code == .draining,
            state.withLock({ $0.session.refusedByDraining(request) })
        {
            return
        }
        let (pending, watch) = state.withLock { state -> (Pending?, Watch?) in
            guard state.session.answered(request) else { return (nil, state.watches[request]) }
            return (state.pending.removeValue(forKey: request), nil)
        }
        pending?.finish(.success(answer))
        if let watch, case .refused(let refusal) = answer {
            watch.stream.finish(throwing: StintError(refusal))
            unwatch(request)
        }
    }

    /// A refusal that names no request: the session itself was refused.
    func sessionRefused(_ refusal: Refusal) {
        fail(StintError(refusal))
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

    // MARK: For the thread: failures

    /// Nobody is there, or somebody with whom no handshake comes about.
    private var unreachable: StintError {
        state.withLock { $0.trouble }.map(StintError.notAdmitted) ?? .unreachable(endpoint)
    }

    /// A broker that refuses this key will do so again: whoever waits for it need not wait for his patience to end.
    func handshakeFailed(_ trouble: HandshakeTrouble) {
        state.withLock { $0.trouble = trouble }
        guard trouble.isRefusal else { return }
        fail(.notAdmitted(trouble), onlyUnsent: true)
        failWatches(.notAdmitted(trouble))
    }

    func failEverything() {
        fail(.closed)
        failWatches(.closed)
    }

    private func fail(_ error: StintError, onlyUnsent: Bool = false) {
        let failed = state.withLock { state in
            state.session.giveUp(onlyUnsent: onlyUnsent).compactMap { state.pending.removeValue(forKey: $0) }
        }
        for pending in failed { pending.finish(.failure(error)) }
    }

    private func failWatches(_ error: StintError) {
        let streams = state.withLock { state in
            state.session.giveUpWatches()
            defer {
                state.watches.removeAll()
                state.watching.removeAll()
            }
            return state.watches.values.map(\.stream)
        }
        for stream in streams { stream.finish(throwing: error) }
    }
}
