import StintCore
import StintTransport
import StintWire

/// The thread of a client: sends what ``ClientConnection`` queues, gives it what comes back.
final class ClientThread {
    private let dealer: DealerSocket
    private let waker: Waker
    private let connection: ClientConnection
    private let poller = Poller()

    private var session: UInt64 = 0
    private var isWelcome = false
    private var isConnected = false
    private var greetedAt = ContinuousClock.now
    /// A HELLO that is not answered for so long on a connection that stands is said again.
    private static let helloPatience: Duration = .seconds(3)
    private var welcomedAt: ContinuousClock.Instant?
    private var tryingSince = ContinuousClock.now
    private var rebuildAt: ContinuousClock.Instant?
    private var renewAt: ContinuousClock.Instant?
    /// The last handshake was refused.
    private var isRefused = false
    private var knocking = KnockingBackoff()
    private static let renewal: Duration = .seconds(10)

    init(dealer: DealerSocket, waker: Waker, connection: ClientConnection) {
        self.dealer = dealer
        self.waker = waker
        self.connection = connection
    }

    func run() {
        let slots = poller.add(dealer)
        _ = poller.add(waker)
        _ = slots
        greet()
        var patience: Duration?
        while true {
            poller.wait(upTo: patience)
            waker.clear()
            if connection.isClosed { break }
            takeEvents()
            while let frame = dealer.receive() { take(frame) }
            sendQueued()
            renewWatch()
            greetAgain()
            let next = connection.failOverdue(connectedSince: welcomedAt, tryingSince: tryingSince)
            let nextHello = isConnected && !isWelcome ? greetedAt + Self.helloPatience : nil
            patience = [next, rebuildAt, renewAt, nextHello].compactMap { $0 }.min().map { max(.zero, $0 - .now) }
        }
        connection.failEverything()
        dealer.close()
    }

    private func greet() {
        session = UInt64.random(in: 1...UInt64.max)
        greetedAt = .now
        if isWelcome {
            isWelcome = false
            welcomedAt = nil
            tryingSince = .now
        }
        var hello = Stint_V1_ClientHello()
        hello.protocolMin = Frame.protocolVersions.lowerBound
        hello.protocolMax = Frame.protocolVersions.upperBound
        send(.clientHello(hello))
    }

    /// A broker that gave this client up while its WELCOME was on the way waits for a word of it, as it does for the broker's.
    private func greetAgain() {
        if isConnected, !isWelcome, ContinuousClock.now - greetedAt >= Self.helloPatience { greet() }
    }

    private func takeEvents() {
        while let event = dealer.nextEvent() {
            switch event {
            case .retrying: break
            case .connected:
                isConnected = true
                connection.handshakeSucceeded()
            case .handshakeFailed(let failure):
                let trouble = HandshakeTrouble(failure, at: connection.endpoint, with: connection.key)
                connection.handshakeFailed(trouble)
                isRefused = trouble.isRefusal
            case .disconnected:
                isConnected = false
                // What was under way on the connection is lost; libzmq makes a new one, where a HELLO comes first.
                greet()
            case .endpointLost:
                isConnected = false
                rebuildAt = .now + (isRefused ? knocking.next() : .milliseconds(Int.random(in: 200...500)))
            }
        }
        if let at = rebuildAt, at <= .now {
            rebuildAt = nil
            if (try? dealer.rebuild()) == nil { rebuildAt = .now + .seconds(1) } else { greet() }
        }
    }

    private func sendQueued() {
        guard isWelcome else {
            // Nobody has been there for a while and now somebody waits: measure his patience from now.
            if !connection.hasWork { tryingSince = .now }
            return
        }
        while let message = connection.nextToSend() { send(message) }
    }

    private func renewWatch() {
        guard isWelcome, connection.hasWatches else {
            renewAt = nil
            return
        }
        if let at = renewAt, at <= .now {
            renewAt = nil
            if let message = connection.watchToRenew() { send(message) }
        }
        renewAt = renewAt ?? .now + Self.renewal
    }

    private func send(_ message: Stint_V1_Envelope.OneOf_Message) {
        if dealer.send(Frame.encode(message, session: session)) == .unreachable, rebuildAt == nil {
            rebuildAt = .now + .milliseconds(Int.random(in: 200...500))
        }
    }

    private func take(_ frame: [UInt8]) {
        guard let (session, message) = try? Frame.decode(frame), session == self.session else { return }
        switch message {
        case .clientWelcome(let welcome):
            isWelcome = true
            isRefused = false
            knocking.admitted()
            welcomedAt = .now
            connection.sessionBegan(welcome)
        case .sayHello: greet()
        case .enqueued(let answers):
            for request in answers.requests { connection.answered(request, .enqueued(duplicates: [])) }
            for answer in answers.withDuplicates {
                connection.answered(answer.request, .enqueued(duplicates: answer.duplicates))
            }
            for refused in answers.refused { connection.answered(refused.request, .refused(refused.refusal)) }
        case .refused(let refused):
            if refused.request == 0 {
                connection.sessionRefused(refused.refusal)
            } else {
                connection.answered(refused.request, .refused(refused.refusal))
            }
        case .cancelled(let answer): connection.answered(answer.request, .message(message))
        case .jobAnswer(let answer): connection.answered(answer.request, .message(message))
        case .jobsAnswer(let answer): connection.answered(answer.request, .message(message))
        case .statusAnswer(let answer): connection.answered(answer.request, .message(message))
        case .operationAnswer(let answer): connection.answered(answer.request, .message(message))
        case .auditAnswer(let answer): connection.answered(answer.request, .message(message))
        case .jobEvent(let event): connection.event(event)
        default: break  // from a newer broker: not for us
        }
    }
}
