import Foundation
import StintCore
import StintTransport
import StintWire

/// What became of a settlement.
package enum SettleAnswer: Hashable, Sendable {
    /// It is on record, now or since before.
    case accepted
    case refused(SettleRefusal)
    /// Nothing was said: the broker waits, ended, or does not know the session.
    case silence
}

extension SimulatedBroker {
    // MARK: Joining

    /// A worker connects and says HELLO.
    package func join(_ name: String, slots: Int, types: [String] = ["mail"]) -> SimulatedPeer {
        let peer = SimulatedPeer(
            name, .worker, instance: InstanceID(high: random.next(), low: random.next()), session: freshSession(),
            address: freshAddress())
        peers[peer.address] = peer
        peer.types = types
        peer.slots = slots
        hello(peer)
        return peer
    }

    /// A new connection with a new session, naming these leases.
    package func rejoin(
        _ peer: SimulatedPeer, holding held: [(SimulatedPeer.Assignment, Stint_V1_Held.State)] = []
    ) {
        peers[peer.address] = nil
        peer.address = freshAddress()
        peers[peer.address] = peer
        peer.session = freshSession()
        peer.lastNumber = 0
        peer.clear()
        hello(peer, holding: held)
    }

    /// The connection breaks: nobody is at its address.
    package func disconnect(_ peer: SimulatedPeer) { peers[peer.address] = nil }

    /// The same session speaks from another connection, as no honest peer does.
    package func move(_ peer: SimulatedPeer) {
        peers[peer.address] = nil
        peer.address = freshAddress()
        peers[peer.address] = peer
    }

    private func hello(_ peer: SimulatedPeer, holding held: [(SimulatedPeer.Assignment, Stint_V1_Held.State)] = []) {
        var hello = Stint_V1_WorkerHello()
        hello.protocolMin = 1
        hello.protocolMax = 1
        hello.instance = Data(peer.instance)
        hello.name = peer.name
        hello.pool = "pool"
        hello.slots = UInt32(peer.slots)
        hello.types = peer.types.map { type in
            var served = Stint_V1_ServedType()
            served.name = type
            return served
        }
        hello.held = held.map { assignment, state in
            var group = Stint_V1_Held()
            group.state = state
            group.epoch = assignment.token.epoch
            group.ids = Data(assignment.id)
            group.sequences = [assignment.token.sequence]
            return group
        }
        send(.workerHello(hello), from: peer)
        run()
    }

    func freshSession() -> SessionID { SessionID(random.next() | 1) }

    /// Puts a message on its way; the next turn reads it.
    package func send(_ message: Stint_V1_Envelope.OneOf_Message, from peer: SimulatedPeer) {
        let body = Frame.encode(message, session: peer.session.value)
        switch peer.side {
        case .worker: deliver(fromWorker: body, at: peer.address)
        case .client: deliver(fromClient: body, at: peer.address)
        }
    }

    // MARK: Leases

    /// The lease that this worker holds on the job now, if it holds one and was told so.
    package func assignment(of job: JobID, to peer: SimulatedPeer) -> SimulatedPeer.Assignment? {
        peer.assignments.last { $0.id == job && turn.state.isLeased(job, under: $0.token) }
    }

    package func heartbeat(_ peer: SimulatedPeer, running: [SimulatedPeer.Assignment] = []) {
        peer.lastNumber += 1
        send(.heartbeat(Stint_V1_Heartbeat(number: peer.lastNumber, running: running.map(\.lease))), from: peer)
        run()
    }

    package func checkpoint(_ state: [UInt8], _ lease: SimulatedPeer.Assignment, by peer: SimulatedPeer) {
        peer.lastNumber += 1
        var message = Stint_V1_Checkpoint()
        message.number = peer.lastNumber
        message.id = Data(lease.id)
        message.epoch = lease.token.epoch
        message.sequence = lease.token.sequence
        message.state = Data(state)
        send(.checkpoint(message), from: peer)
        run()
    }

    package func progress(_ progress: [UInt8], _ lease: SimulatedPeer.Assignment, by peer: SimulatedPeer) {
        var report = Stint_V1_Progress.Report()
        report.id = Data(lease.id)
        report.epoch = lease.token.epoch
        report.sequence = lease.token.sequence
        report.progress = Data(progress)
        var message = Stint_V1_Progress()
        message.reports = [report]
        send(.progress(message), from: peer)
        run()
    }

    // MARK: Settling

    package func complete(
        _ lease: SimulatedPeer.Assignment, by peer: SimulatedPeer, result: [UInt8] = [],
        children: [Stint_V1_JobGroup] = []
    ) -> SettleAnswer {
        var detail: Stint_V1_SettleDetail?
        if !children.isEmpty {
            detail = Stint_V1_SettleDetail()
            detail?.children = children
        }
        return settle([(lease, detail, result)], by: peer)[0]
    }

    package func fail(
        _ lease: SimulatedPeer.Assignment, by peer: SimulatedPeer, error: String = "it failed",
        permanently isPermanent: Bool = false
    ) -> SettleAnswer {
        var detail = Stint_V1_SettleDetail()
        detail.outcome = .failed
        detail.error = error
        detail.permanent = isPermanent
        return settle([(lease, detail, [])], by: peer)[0]
    }

    package func settle(
        _ lease: SimulatedPeer.Assignment, _ outcome: Stint_V1_SettleDetail.Outcome, by peer: SimulatedPeer
    ) -> SettleAnswer {
        var detail = Stint_V1_SettleDetail()
        detail.outcome = outcome
        return settle([(lease, detail, [])], by: peer)[0]
    }

    /// Settles attempts of one epoch with one message.
    package func settle(
        _ items: [(lease: SimulatedPeer.Assignment, detail: Stint_V1_SettleDetail?, result: [UInt8])],
        by peer: SimulatedPeer
    ) -> [SettleAnswer] {
        precondition(items.allSatisfy { $0.lease.token.epoch == items[0].lease.token.epoch })
        peer.lastNumber += 1
        let number = peer.lastNumber
        send(.settle(Self.settlement(items, number: number)), from: peer)
        run()
        return items.indices.map { index in
            for case .settled(let settled) in peer.received {
                for refused in settled.refused where refused.number == number && Int(refused.index) == index {
                    return .refused(refused.reason == .gone ? .gone : .superseded)
                }
                if settled.upTo >= number { return .accepted }
            }
            return .silence
        }
    }

    static func settlement(
        _ items: [(lease: SimulatedPeer.Assignment, detail: Stint_V1_SettleDetail?, result: [UInt8])], number: UInt64
    ) -> Stint_V1_Settle {
        var message = Stint_V1_Settle()
        message.number = number
        message.epoch = items[0].lease.token.epoch
        message.ids = Data(ids: items.map(\.lease.id))
        message.sequences = items.map(\.lease.token.sequence)
        message.runMicroseconds = items.map { _ in 1_000 }
        message.resultBytes = items.map { UInt32($0.result.count) }
        message.results = Data(items.flatMap(\.result))
        for (index, item) in items.enumerated() {
            guard var detail = item.detail else { continue }
            detail.index = UInt32(index)
            message.details.append(detail)
        }
        return message
    }
}
