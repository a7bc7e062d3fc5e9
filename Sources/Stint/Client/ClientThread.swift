import StintCore
import StintTransport
import StintWire

/// The thread of a client: sends what ``ClientConnection`` queues, gives it what comes back.
final class ClientThread {
    private let dealer: DealerSocket
    private let waker: Waker
    private let connection: ClientConnection
    private let poller = Poller()

    private var rebuildAt: Instant?
    /// The last handshake was refused.
    private var isRefused = false
    private var knocking = KnockingBackoff()

    init(dealer: DealerSocket, waker: Waker, connection: ClientConnection) {
        self.dealer = dealer
        self.waker = waker
        self.connection = connection
    }

    func run() {
        let slots = poller.add(dealer)
        _ = poller.add(waker)
        _ = slots
        var patience: Duration? = .zero
        while true {
            poller.wait(upTo: patience)
            waker.clear()
            if connection.isClosed { break }
            takeEvents()
            while let frame = dealer.receive() { take(frame) }
            let wake = min(connection.tick(), rebuildAt ?? .distantFuture)
            while let (session, message) = connection.nextToSend() { send(message, session) }
            patience = wake == .distantFuture ? nil : max(.zero, wake - ClientConnection.now())
        }
        connection.failEverything()
        dealer.close()
    }

    private func takeEvents() {
        while let event = dealer.nextEvent() {
            switch event {
            case .retrying: break
            case .connected: connection.connected()
            case .handshakeFailed(let failure):
                let trouble = HandshakeTrouble(failure, at: connection.endpoint, with: connection.key)
                connection.handshakeFailed(trouble)
                isRefused = trouble.isRefusal
            case .disconnected:
                // What was under way on the connection is lost; libzmq makes a new one, where a HELLO comes first.
                connection.disconnected()
            case .endpointLost:
                connection.disconnected()
                rebuild(after: isRefused ? knocking.next() : .milliseconds(Int.random(in: 200...500)))
            }
        }
        if let at = rebuildAt, at <= ClientConnection.now() {
            rebuildAt = nil
            if (try? dealer.rebuild()) == nil { rebuild(after: .seconds(1)) } else { connection.sayHello() }
        }
    }

    private func rebuild(after delay: Duration) { rebuildAt = ClientConnection.now() + delay }

    private func send(_ message: Stint_V1_Envelope.OneOf_Message, _ session: UInt64) {
        if dealer.send(Frame.encode(message, session: session)) == .unreachable, rebuildAt == nil {
            rebuild(after: .milliseconds(Int.random(in: 200...500)))
        }
    }

    private func take(_ frame: [UInt8]) {
        guard let (session, message) = try? Frame.decode(frame), session == connection.session else { return }
        switch message {
        case .clientWelcome(let welcome):
            isRefused = false
            knocking.admitted()
            connection.welcomed(welcome)
        case .sayHello: connection.sayHello()
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
