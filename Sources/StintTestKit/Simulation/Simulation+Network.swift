import StintBroker
import StintCore
import StintTransport
import StintWire

// The network of a simulated world: what is sent, what arrives, and connections that come and go.

extension Simulation {
    enum Carried { case sent, wouldBlock, unreachable }

    /// A way for a peer that is still to be made; it is connected when the peer is there.
    func addLink(_ side: Link.Side, peer: Int) -> Int {
        links.append(Link(side: side, peer: peer, latencyMicroseconds: network.magnitude(50...20_000)))
        return links.count - 1
    }

    /// The peer has a connection from here on; what it sent meanwhile goes first.
    func connect(_ link: Int) {
        guard broker.isUp, links[link].address == nil, !isGone(links[link]) else { return }
        let address = freshAddress()
        links[link].address = address
        links[link].generation += 1
        addresses[address] = link
        let unsent = links[link].unsent
        links[link].unsent.removeAll()
        for body in unsent { send(body, over: link) }
        if links[link].flaps {
            // And breaks once more, with what was just sent still on its way.
            links[link].flaps = false
            let soon = Duration.microseconds(max(1, links[link].latencyMicroseconds / 2))
            events.add(
                .heals(.breaksAgain(link: link, generation: links[link].generation)), at: now.instant + soon)
        }
        if links[link].side == .client { clients[links[link].peer].connected(in: self) }
    }

    private func isGone(_ link: Link) -> Bool {
        switch link.side {
        case .worker: !workers[link.peer].isAlive
        case .client: !clients[link.peer].isAlive
        }
    }

    // MARK: To the broker

    func send(_ message: Stint_V1_Envelope.OneOf_Message, session: SessionID, over link: Int) {
        coverage?(message)
        send(Frame.encode(message, session: session.value), over: link)
    }

    private func send(_ body: [UInt8], over link: Int) {
        guard let address = links[link].address else {
            links[link].unsent.append(body)
            return
        }
        let at = links[link].toBroker.arrival(now.instant + latency(of: link))
        links[link].toBroker.frames.append(Link.ToBroker(at: at, address: address, body: body))
        events.add(.atBroker(link: link, generation: links[link].generation), at: at)
    }

    private func latency(of link: Int) -> Duration {
        let base = links[link].latencyMicroseconds
        return .microseconds(base + Int(network.next() % UInt64(base + 1)))
    }

    func arriveAtBroker(_ link: Int, _ generation: UInt32) {
        guard links[link].generation == generation, let frame = links[link].toBroker.frames.popFirst() else { return }
        switch links[link].toBroker.passage {
        case .open: broker.deliver(frame.body, from: links[link].side, at: frame.address)
        case .held: links[link].toBroker.held.append(frame)
        case .lost: break
        }
    }

    /// The broker reads a frame.
    func brokerHears(_ body: [UInt8], at address: PeerAddress) {
        report.frames += 1
        report.mix(body)
        brokerListens(body, at: address)
    }

    // MARK: From the broker

    /// - Parameter isLate: The frame waited for its peer; what it grants may be over.
    func carry(_ frame: OutgoingFrame, isLate: Bool) -> Carried {
        guard let link = addresses[frame.peer], links[link].address == frame.peer else { return .unreachable }
        // One that reads slowly has room now and then.
        if links[link].isBlocked, !(links[link].isSlow && network.percent(15)) { return .wouldBlock }
        report.frames += 1
        report.mix(frame.body)
        guard let (session, message) = try? Frame.decode(frame.body) else {
            problem("the broker sent what nobody can read")
            return .sent
        }
        coverage?(message)
        switch links[link].side {
        case .worker:
            let worker = workers[links[link].peer]
            if case .workerWelcome = message {
                worker.isWelcomed(session: session, at: frame.peer, life: broker.life)
            }
            brokerSays(message, session: session, to: worker, isLate: isLate)
        case .client: brokerSays(message, session: session, to: clients[links[link].peer], isLate: isLate)
        }
        let at = links[link].toPeer.arrival(now.instant + latency(of: link))
        links[link].toPeer.frames.append(Link.ToPeer(at: at, session: session, message: message))
        events.add(.atPeer(link: link, generation: links[link].generation), at: at)
        return .sent
    }

    func arriveAtPeer(_ link: Int, _ generation: UInt32) {
        guard links[link].generation == generation, let frame = links[link].toPeer.frames.popFirst() else { return }
        switch links[link].toPeer.passage {
        case .open: deliver(frame, over: link)
        case .held: links[link].toPeer.held.append(frame)
        case .lost: break
        }
    }

    /// What the broker sent arrives, if anything does, before its connection ends.
    func deliverWhatIsUnderWay(_ link: Int) {
        guard links[link].address != nil, links[link].toPeer.passage == .open else { return }
        let generation = links[link].generation
        while links[link].generation == generation, let frame = links[link].toPeer.frames.popFirst() {
            deliver(frame, over: link)
        }
    }

    private func deliver(_ frame: Link.ToPeer, over link: Int) {
        switch links[link].side {
        case .worker: workers[links[link].peer].receive(frame, in: self)
        case .client: clients[links[link].peer].receive(frame, in: self)
        }
    }

    // MARK: Breaking and healing

    /// The connection is gone with all that was under way.
    ///
    /// - Parameters:
    ///   - doubled: What the peer sent arrives all the same, later, from the old address.
    ///   - reconnects: The peer connects anew; false: there is nobody to connect to.
    func breakConnection(_ link: Int, doubled: Bool = false, reconnects: Bool = true) {
        guard links[link].address != nil else { return }
        if doubled {
            for frame in links[link].toBroker.held + links[link].toBroker.frames {
                let late = now.instant + network.microseconds(1_000...400_000)
                staleFrames.append((links[link].side, frame, broker.life))
                events.add(.staleAtBroker(staleFrames.count - 1), at: late)
            }
        }
        links[link].toBroker = Link.Lane()
        links[link].toPeer = Link.Lane()
        links[link].isBlocked = false
        links[link].cutAt = nil
        links[link].address = nil
        links[link].generation += 1
        // The peer hears of it soon; now and then so late that it hears first from the broker, which does not know its
        // session any more.
        let late = network.percent(10) ? network.microseconds(50_000...3_000_000) : network.microseconds(10...50_000)
        newsUntil = max(newsUntil, now.instant + late)
        events.add(.noticesBreak(link: link, generation: links[link].generation), at: now.instant + late)
        if reconnects {
            events.add(.connects(link: link), at: now.instant + network.microseconds(100...300_000))
        }
    }

    /// The broker ends a connection.
    func connectionIsEnded(_ peer: PeerAddress) {
        guard let link = addresses[peer], links[link].address == peer else { return }
        note("the broker ends the connection of \(peer)")
        breakConnection(link)
    }

    func arriveLate(_ index: Int) {
        let (side, frame, life) = staleFrames[index]
        guard life == broker.life else { return }
        broker.deliver(frame.body, from: side, at: frame.address)
    }

    func noticeBreak(_ link: Int, _ generation: UInt32) {
        guard links[link].generation <= generation + 1 else { return }
        switch links[link].side {
        case .worker: workers[links[link].peer].lostConnection(in: self)
        case .client: clients[links[link].peer].lostConnection(isBack: links[link].address != nil, in: self)
        }
    }

    var openConnections: OpenConnections {
        func open(_ side: Link.Side) -> Int { links.count { $0.side == side && $0.address != nil } }
        return OpenConnections(workers: open(.worker), workersMax: 1_000, clients: open(.client), clientsMax: 1_000)
    }

    /// Everything that was held arrives now.
    func open(_ link: Int) {
        let toBroker = links[link].toBroker.held
        links[link].toBroker.held.removeAll()
        links[link].toBroker.passage = .open
        for frame in toBroker { broker.deliver(frame.body, from: links[link].side, at: frame.address) }
        let toPeer = links[link].toPeer.held
        links[link].toPeer.held.removeAll()
        links[link].toPeer.passage = .open
        for frame in toPeer { deliver(frame, over: link) }
    }
}
