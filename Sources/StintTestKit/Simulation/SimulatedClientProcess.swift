import Foundation
import StintCore
import StintTransport
import StintWire

/// A client process of a simulated life: resends what was not answered, as the library does, under the same ids.
final class SimulatedClientProcess {
    enum Wish {
        case enqueue([JobID], [Stint_V1_JobGroup], isConflict: Bool)
        case cancel(JobID, RequestID)
        case replay(Stint_V1_DeadSelection, RequestID, dryRun: Bool)
        case discard(Stint_V1_DeadSelection, RequestID)
        case get(JobID)
        case list(JobState?, String)
        case status
        case watch(JobID)
    }

    let name: String
    var session: SessionID
    var address: PeerAddress
    var inbox: [[UInt8]] = []
    private var number: UInt64 = 0
    /// In the order in which they were sent.
    private(set) var unanswered: [(number: UInt64, wish: Wish)] = []

    init(_ name: String, session: SessionID, address: PeerAddress) {
        self.name = name
        self.session = session
        self.address = address
    }

    func hello() -> Stint_V1_Envelope.OneOf_Message {
        var hello = Stint_V1_ClientHello()
        hello.protocolMin = 1
        hello.protocolMax = 1
        hello.name = name
        return .clientHello(hello)
    }

    func message(for wish: Wish) -> Stint_V1_Envelope.OneOf_Message {
        number += 1
        unanswered.append((number, wish))
        return encode(wish, number)
    }

    /// Everything unanswered again, under new numbers.
    func again() -> [Stint_V1_Envelope.OneOf_Message] {
        let wishes = unanswered.map(\.wish)
        unanswered.removeAll()
        return wishes.map { message(for: $0) }
    }

    /// Takes out the wish that is answered.
    func answered(_ number: UInt64) -> Wish? {
        guard let index = unanswered.firstIndex(where: { $0.number == number }) else { return nil }
        return unanswered.remove(at: index).wish
    }

    private func encode(_ wish: Wish, _ number: UInt64) -> Stint_V1_Envelope.OneOf_Message {
        switch wish {
        case .enqueue(_, let groups, _):
            var message = Stint_V1_Enqueue()
            message.request = number
            message.groups = groups
            return .enqueue(message)
        case .cancel(let id, let request):
            var message = Stint_V1_Cancel()
            message.request = number
            message.requestID = Self.bytes(request)
            message.id = Data(id)
            return .cancel(message)
        case .replay(let selection, let request, let dryRun):
            var message = Stint_V1_ReplayDead()
            message.request = number
            message.requestID = Self.bytes(request)
            message.selection = selection
            message.dryRun = dryRun
            return .replayDead(message)
        case .discard(let selection, let request):
            var message = Stint_V1_DiscardDead()
            message.request = number
            message.requestID = Self.bytes(request)
            message.selection = selection
            return .discardDead(message)
        case .get(let id):
            var message = Stint_V1_GetJob()
            message.request = number
            message.id = Data(id)
            return .getJob(message)
        case .list(let state, let type):
            var message = Stint_V1_ListJobs()
            message.request = number
            message.state = Stint_V1_JobState(state)
            message.type = type
            message.limit = 50
            return .listJobs(message)
        case .status:
            var message = Stint_V1_GetStatus()
            message.request = number
            return .getStatus(message)
        case .watch(let id):
            var message = Stint_V1_Watch()
            message.request = number
            message.id = Data(id)
            return .watch(message)
        }
    }

    private static func bytes(_ request: RequestID) -> Data { Data(JobID(high: request.high, low: request.low)) }
}
