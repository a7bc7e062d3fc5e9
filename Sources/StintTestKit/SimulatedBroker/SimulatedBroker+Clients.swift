import Foundation
import StintCore
import StintTransport
import StintWire

/// What became of an enqueue.
package enum EnqueueAnswer: Hashable, Sendable {
    case stored
    /// Stored; these places of the request existed already.
    case duplicates([Int])
    case refused(Refusal.Code)
    case silence
}

extension SimulatedBroker {
    /// A client connects and says HELLO.
    package func connect(_ name: String = "client") -> SimulatedPeer {
        let peer = SimulatedPeer(
            name, .client, instance: InstanceID(high: 0, low: 0), session: freshSession(), address: freshAddress())
        peers[peer.address] = peer
        greet(peer)
        return peer
    }

    /// A new connection with a new session.
    package func reconnect(_ peer: SimulatedPeer) {
        precondition(peer.side == .client)
        peers[peer.address] = nil
        peer.address = freshAddress()
        peers[peer.address] = peer
        peer.session = freshSession()
        peer.clear()
        greet(peer)
    }

    private func greet(_ peer: SimulatedPeer) {
        var hello = Stint_V1_ClientHello()
        hello.protocolMin = 1
        hello.protocolMax = 1
        hello.name = peer.name
        send(.clientHello(hello), from: peer)
        run()
    }

    /// Sends a request of a client; the answers are in ``SimulatedPeer/received``.
    package func ask(_ message: Stint_V1_Envelope.OneOf_Message, from peer: SimulatedPeer) {
        send(message, from: peer)
        run()
    }

    // MARK: Jobs

    /// The next job id: a version 7 UUID of this moment, rising.
    package func nextID() -> JobID {
        idCounter += 1
        return JobID(
            milliseconds: UInt64(now.wall.milliseconds) + UInt64(idCounter >> 12), counter: UInt16(idCounter & 4_095),
            random: random.next())
    }

    /// Jobs as one group of an enqueue.
    package static func group(_ ids: [JobID], type: String, payload: [UInt8] = Array("{}".utf8)) -> Stint_V1_JobGroup {
        var group = Stint_V1_JobGroup()
        group.type = type
        group.ids = Data(ids: ids)
        group.payloadBytes = ids.map { _ in UInt32(payload.count) }
        for _ in ids { group.payloads.append(contentsOf: payload) }
        return group
    }

    /// Enqueues one new job through a client of its own and returns its id.
    package func enqueue(
        type: String = "mail", payload: [UInt8] = Array("{}".utf8), priority: Int = 0, attempts: Int = 0,
        delay: Duration = .zero
    ) -> JobID {
        let id = nextID()
        var group = Self.group([id], type: type, payload: payload)
        group.priority = Int32(priority)
        group.attempts = UInt32(attempts)
        group.delayMs = UInt64(delay.inMilliseconds)
        _ = enqueue([group], by: producer)
        return id
    }

    /// Enqueues groups with one message.
    package func enqueue(_ groups: [Stint_V1_JobGroup], by peer: SimulatedPeer) -> EnqueueAnswer {
        peer.lastNumber += 1
        var message = Stint_V1_Enqueue()
        message.request = peer.lastNumber
        message.groups = groups
        ask(.enqueue(message), from: peer)
        return enqueueAnswer(to: message.request, for: peer)
    }

    /// What was said of this request so far.
    package func enqueueAnswer(to request: UInt64, for peer: SimulatedPeer) -> EnqueueAnswer {
        for case .enqueued(let answer) in peer.received {
            if answer.requests.contains(request) { return .stored }
            if let found = answer.withDuplicates.first(where: { $0.request == request }) {
                return .duplicates(found.duplicates.map { Int($0) })
            }
            if let found = answer.refused.first(where: { $0.request == request }) {
                return .refused(found.refusal.code)
            }
        }
        return .silence
    }

    // MARK: Questions

    /// The client that ``enqueue(type:payload:priority:attempts:delay:)`` and the questions use.
    package var producer: SimulatedPeer {
        if let known = ownClient, turn.state.numbers.epoch == ownClientEpoch { return known }
        ownClientEpoch = turn.state.numbers.epoch
        if let known = ownClient {
            reconnect(known)
            return known
        }
        let peer = connect("producer")
        ownClient = peer
        return peer
    }

    /// Everything about one job; nil when there is no such job.
    package func details(_ id: JobID) -> Stint_V1_JobDetails? {
        let peer = producer
        peer.lastNumber += 1
        var message = Stint_V1_GetJob()
        message.request = peer.lastNumber
        message.id = Data(id)
        ask(.getJob(message), from: peer)
        for case .jobAnswer(let answer) in peer.received where answer.request == message.request { return answer.job }
        return nil
    }

    package func state(of id: JobID) -> JobState? { details(id)?.state.state }

    package func status() -> Stint_V1_StatusAnswer? {
        let peer = producer
        peer.lastNumber += 1
        var message = Stint_V1_GetStatus()
        message.request = peer.lastNumber
        ask(.getStatus(message), from: peer)
        for case .statusAnswer(let answer) in peer.received where answer.request == message.request { return answer }
        return nil
    }
}
