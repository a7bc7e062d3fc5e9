import StintTestKit
import StintTransport
import Testing

/// How long a test waits for what must happen. Long, because nothing waits for it when all is well.
let patience = Duration.seconds(20 * Patience.factor)

/// A broker's socket and a peer's, connected, each with a poller to await on.
final class Exchange {
    let context: ZMQContext
    let router: RouterSocket
    let dealer: DealerSocket
    let routerPoller = Poller()
    let dealerPoller = Poller()
    let eventSlot: Poller.Slot

    init(
        at endpoint: String = "tcp://127.0.0.1:*", routerFrameBytesMax: Int = 1_048_576,
        dealerFrameBytesMax: Int = 1_048_576, framesPerCallMax: Int? = nil
    ) throws {
        context = try ZMQContext()
        var limits = RouterSocket.Limits(frameBytesMax: routerFrameBytesMax)
        if let framesPerCallMax { limits.framesPerCallMax = framesPerCallMax }
        router = try RouterSocket(in: context, binding: Endpoint(endpoint), limits: limits)
        dealer = try DealerSocket(
            in: context, connectingTo: router.boundEndpoint,
            limits: .init(frameBytesMax: dealerFrameBytesMax, reconnectMilliseconds: 10))
        _ = routerPoller.add(router)
        eventSlot = dealerPoller.add(dealer).events
    }

    func routerReceives() -> (peer: PeerAddress, body: [UInt8], user: UserID?)? {
        routerPoller.message { self.router.receive() }
    }
    func dealerReceives() -> [UInt8]? { dealerPoller.message { self.dealer.receive() } }

    /// The address of the dealer, which it must write to be known by.
    func introduce() throws -> PeerAddress {
        #expect(dealer.send([1]) == .sent)
        return try #require(routerReceives()).peer
    }

    /// Awaits one event of the dealer and returns all that came up to it.
    func events(upTo isLast: (DealerSocket.Event) -> Bool) throws -> [DealerSocket.Event] {
        var events: [DealerSocket.Event] = []
        let isSeen = dealerPoller.message { () -> Bool? in
            while let event = self.dealer.nextEvent() {
                events.append(event)
                if isLast(event) { return true }
            }
            // Messages that nobody takes would end every wait at once.
            while self.dealer.receive() != nil {}
            return nil
        }
        try #require(isSeen != nil, "the event did not come; there were \(events)")
        return events
    }

    func awaitEvent(_ event: DealerSocket.Event) throws { _ = try events { $0 == event } }
}

extension Poller {
    /// Polls until `take` has something, at most for as long as a test waits.
    func message<Message>(_ take: () -> Message?) -> Message? {
        let end = ContinuousClock.now + patience
        while true {
            if let message = take() { return message }
            let left = end - .now
            guard left > .zero else { return nil }
            wait(upTo: left)
        }
    }
}
