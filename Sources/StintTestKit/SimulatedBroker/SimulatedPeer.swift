import StintCore
import StintTransport
import StintWire

/// A worker or client of a test: sends what it is told to and keeps what it is sent. It has no will of its own; those
/// that have are in ``Simulation``.
package final class SimulatedPeer {
    package enum Side: Sendable { case worker, client }

    /// A lease as its assign message told of it.
    package struct Assignment: Hashable, Sendable {
        package var id: JobID
        package var token: FencingToken
        package var attempt: Int
        package var payload: [UInt8]
        package var checkpoint: [UInt8]

        package var lease: LeaseReference { LeaseReference(id: id, token: token) }
    }

    package let name: String
    package let side: Side
    /// A worker's process life.
    package let instance: InstanceID
    package internal(set) var session: SessionID
    package internal(set) var address: PeerAddress
    var types: [String] = []
    var slots = 1
    var lastNumber: UInt64 = 0

    /// Everything that came for the present session, in order.
    package private(set) var received: [Stint_V1_Envelope.OneOf_Message] = []
    /// Every lease that came, in order, also of former sessions.
    package private(set) var assignments: [Assignment] = []

    init(_ name: String, _ side: Side, instance: InstanceID, session: SessionID, address: PeerAddress) {
        self.name = name
        self.side = side
        self.instance = instance
        self.session = session
        self.address = address
    }

    /// Forgets what came.
    package func clear() { received.removeAll() }

    func take(_ body: [UInt8]) {
        do {
            let (session, message) = try Frame.decode(body)
            guard session == self.session.value else { return }
            received.append(message)
            if case .assign(let assign) = message { assignments += try Self.assignments(assign) }
        } catch {
            preconditionFailure("the broker sent what cannot be read: \(error)")
        }
    }

    package static func assignments(_ assign: Stint_V1_Assign) throws -> [Assignment] {
        let ids = try assign.ids.ids(field: "assign.ids")
        let payloads = [UInt8](assign.payloads)
        var offset = 0
        return ids.indices.map { index in
            let count = Int(assign.payloadBytes[index])
            defer { offset += count }
            let detail = assign.details.first { Int($0.index) == index }
            return Assignment(
                id: ids[index],
                token: FencingToken(epoch: assign.epoch, sequence: assign.firstSequence + UInt64(index)),
                attempt: assign.attempts.isEmpty ? 1 : Int(assign.attempts[index]),
                payload: Array(payloads[offset..<offset + count]), checkpoint: [UInt8](detail?.checkpoint ?? .init()))
        }
    }
}

extension SimulatedPeer {
    /// What a worker needs of an assign message to run its jobs.
    static func attempts(_ assign: Stint_V1_Assign) throws -> [WorkerProcess.Attempt] {
        let ids = try assign.ids.ids(field: "assign.ids")
        return ids.indices.map { index in
            let type = assign.typeIndexes.isEmpty ? 0 : Int(assign.typeIndexes[index])
            return WorkerProcess.Attempt(
                lease: LeaseReference(
                    id: ids[index],
                    token: FencingToken(epoch: assign.epoch, sequence: assign.firstSequence + UInt64(index))),
                type: type, timeout: .milliseconds(Int64(assign.types[type].timeoutMs)))
        }
    }
}
