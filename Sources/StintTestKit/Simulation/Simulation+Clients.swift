import Foundation
import StintCore
import StintTransport
import StintWire

// The clients of a simulated life.

extension Simulation {
    func addClient() {
        let client = SimulatedClientProcess(
            freshName("client"), session: freshSession(), address: broker.freshAddress())
        clients.append(client)
        send(client.hello(), from: client)
    }

    func clientActs() {
        guard let client = pick(clients) else { return }
        switch random.next(upTo: 99) {
        case 0..<60: enqueue(client)
        case 60..<66: repeatEnqueue(client)
        case 66..<76:
            guard let id = pick(ledger.ids) else { return }
            note("\(client.name) cancels \(id)")
            ask(.cancel(id, freshRequest()), client)
        case 76..<84: replay(client)
        case 84..<87: discardTrash(client)
        case 87..<90:
            if let id = pick(ledger.ids) { ask(.watch(id), client) }
        case 90..<93:
            if let id = pick(ledger.ids) { ask(.get(id), client) }
        case 93..<96: ask(.list(pick([nil, .ready, .leased, .dead, .scheduled]) ?? nil, ""), client)
        case 96..<97: ask(.status, client)
        default:
            // Its answers take too long: everything once more, on the same connection.
            for message in client.again() { send(message, from: client) }
        }
    }

    private func ask(_ wish: SimulatedClientProcess.Wish, _ client: SimulatedClientProcess) {
        send(client.message(for: wish), from: client)
    }

    private func enqueue(_ client: SimulatedClientProcess) {
        guard let type = pick(Self.types) else { return }
        var groups: [Stint_V1_JobGroup] = []
        var all: [JobID] = []
        for _ in 0...random.next(upTo: 5) {
            let id = freshID()
            let payload = Array("\"\(id)\"".utf8)
            var group = SimulatedBroker.group([id], type: type, payload: payload)
            group.priority = chance(20) ? Int32(random.next(upTo: 4)) - 2 : 0
            group.delayMs = chance(20) ? random.next(upTo: 3_000) : 0
            group.attempts = chance(20) ? UInt32(1 + random.next(upTo: 2)) : 0
            groups.append(group)
            all.append(id)
            ledger.offered(id, type: type, payload: payload)
            if type == Self.types.last { ledger.mayBeDiscarded(id) }
        }
        note("\(client.name) enqueues \(all.map(\.description))")
        ask(.enqueue(all, groups, isConflict: false), client)
    }

    /// The same id again: with the same content, or with another.
    private func repeatEnqueue(_ client: SimulatedClientProcess) {
        guard let id = pick(ledger.ids), let job = ledger[id] else { return }
        // Only a parent that completed may bring a child into the world.
        guard job.isAcknowledged, !job.mayBeDiscarded else { return }
        let isConflict = chance(40)
        let payload = isConflict ? Array("\"other\"".utf8) : job.payload
        note("\(client.name) enqueues \(id) again\(isConflict ? ", as another job" : "")")
        ask(
            .enqueue(
                [id], [SimulatedBroker.group([id], type: job.type, payload: payload)], isConflict: isConflict), client)
    }

    private func replay(_ client: SimulatedClientProcess) {
        var selection = Stint_V1_DeadSelection()
        switch random.next(upTo: 2) {
        case 0: selection.all = true
        case 1: selection.type = pick(Self.types) ?? ""
        default: selection.ids = Data(ids: (0..<3).compactMap { _ in pick(ledger.ids) })
        }
        guard selection.all || !selection.type.isEmpty || !selection.ids.isEmpty else { return }
        note("\(client.name) replays dead jobs")
        ask(.replay(selection, freshRequest(), dryRun: chance(20)), client)
    }

    private func discardTrash(_ client: SimulatedClientProcess) {
        var selection = Stint_V1_DeadSelection()
        let trash = ledger.ids.filter { ledger[$0]?.mayBeDiscarded ?? false }
        if chance(50), let id = pick(trash) {
            selection.ids = Data(id)
        } else {
            selection.type = Self.types[Self.types.count - 1]
        }
        note("\(client.name) discards dead jobs")
        ask(.discard(selection, freshRequest()), client)
    }

    // MARK: The connection

    func send(_ message: Stint_V1_Envelope.OneOf_Message, from client: SimulatedClientProcess) {
        broker.deliver(fromClient: Frame.encode(message, session: client.session.value), at: client.address)
    }

    func breakConnection(of client: SimulatedClientProcess) {
        discard(from: client.address)
        client.inbox.removeAll()
        client.address = broker.freshAddress()
        beginSession(client)
    }

    private func beginSession(_ client: SimulatedClientProcess) {
        client.session = freshSession()
        send(client.hello(), from: client)
        for message in client.again() { send(message, from: client) }
    }

    // MARK: Answers

    func read(_ client: SimulatedClientProcess) {
        let inbox = client.inbox
        client.inbox.removeAll()
        for body in inbox {
            guard let (session, message) = try? Frame.decode(body), session == client.session.value else { continue }
            take(message, by: client)
        }
    }

    private func take(_ message: Stint_V1_Envelope.OneOf_Message, by client: SimulatedClientProcess) {
        switch message {
        case .enqueued(let answer):
            for request in answer.requests { stored(client.answered(request)) }
            for item in answer.withDuplicates { stored(client.answered(item.request)) }
            for item in answer.refused { refused(client.answered(item.request), item) }
        case .cancelled(let answer):
            guard case .cancel(let id, let request) = client.answered(answer.request) else { return }
            note("\(id) is cancelled\(answer.wasRunning ? " while it runs" : "")")
            same(request, answer.wasRunning ? 1 : 0)
            if !answer.wasRunning { ledger.cancelled(id) }
        case .operationAnswer(let answer):
            switch client.answered(answer.request) {
            case .replay(_, let request, _), .discard(_, let request):
                same(request, answer.jobs << 32 | answer.operation)
            case .enqueue, .cancel, .get, .list, .status, .watch, nil: break
            }
        case .refused(let refusal): refused(client.answered(refusal.request), refusal)
        case .jobAnswer(let answer): _ = client.answered(answer.request)
        case .jobsAnswer(let answer): _ = client.answered(answer.request)
        case .statusAnswer(let answer): _ = client.answered(answer.request)
        case .jobEvent(let event): _ = client.answered(event.request)
        case .sayHello: beginSession(client)
        default: break
        }
    }

    private func stored(_ wish: SimulatedClientProcess.Wish?) {
        guard case .enqueue(let ids, _, let isConflict) = wish else { return }
        ledger.expect(!isConflict, "\(ids) were stored, although another job has the id")
        for id in ids { ledger.acknowledged(id) }
    }

    private func refused(_ wish: SimulatedClientProcess.Wish?, _ refusal: Stint_V1_Refused) {
        guard let wish else { return }
        if case .enqueue(let ids, _, let isConflict) = wish, !isConflict {
            ledger.problem("the enqueue of \(ids) was refused: \(refusal.message)")
        }
        if refusal.code == .invalid { ledger.problem("a client was refused: \(refusal.message)") }
    }

    /// A request that is repeated gets the first answer.
    private func same(_ request: RequestID, _ answer: UInt64) {
        let first = answers[request] ?? answer
        answers[request] = first
        ledger.expect(first == answer, "a repeated request was answered with \(answer), and with \(first) before")
    }
}
