import StintWire

/// What a key may be used for. One key has one role.
///
/// | role | may |
/// |---|---|
/// | producer | enqueue; cancel, read and watch a job whose id it knows |
/// | worker | take jobs of its types, and settle them |
/// | operator | everything that clients can ask |
/// | auditor | read: jobs, status, the audit log |
package enum Role: String, CaseIterable, Sendable {
    case producer, worker, `operator`, auditor
}

/// Some roles.
package struct Roles: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let producer = Roles(.producer)
    package static let worker = Roles(.worker)
    package static let `operator` = Roles(.operator)
    package static let auditor = Roles(.auditor)
    /// Whoever may talk to the socket of the clients.
    package static let clients: Roles = [.producer, .operator, .auditor]
    package static let nobody: Roles = []

    private init(_ role: Role) {
        switch role {
        case .producer: rawValue = 1
        case .worker: rawValue = 2
        case .operator: rawValue = 4
        case .auditor: rawValue = 8
        }
    }

    package func contains(_ role: Role) -> Bool { contains(Roles(role)) }
}

extension Stint_V1_Envelope.OneOf_Message {
    /// Who may send it. The whole table of rights: a message that is added to the protocol does not compile until it
    /// says here whose it is, and what only brokers send is nobody's.
    package var senders: Roles {
        switch self {
        case .workerHello, .heartbeat, .settle, .progress, .checkpoint, .withdraw, .drain, .bye: .worker
        case .clientHello: .clients
        case .enqueue, .cancel: [.producer, .operator]
        case .getJob, .watch: .clients
        case .listJobs, .getStatus, .getAudit: [.operator, .auditor]
        case .replayDead, .discardDead: .operator
        case .workerWelcome, .pong, .assign, .settled, .revoke, .checkpointSaved, .clientWelcome, .enqueued,
            .cancelled, .jobAnswer, .jobsAnswer, .statusAnswer, .operationAnswer, .jobEvent, .auditAnswer, .refused,
            .sayHello:
            .nobody
        }
    }

    /// What it asks for, in words that follow "may not".
    var deed: String {
        switch self {
        case .workerHello, .heartbeat, .settle, .progress, .checkpoint, .withdraw, .drain, .bye: "run jobs"
        case .clientHello: "connect as a client"
        case .enqueue: "enqueue jobs"
        case .cancel: "cancel jobs"
        case .getJob, .watch: "read jobs"
        case .listJobs: "list jobs"
        case .getStatus: "read the status"
        case .getAudit: "read the audit log"
        case .replayDead: "replay dead jobs"
        case .discardDead: "discard dead jobs"
        case .workerWelcome, .pong, .assign, .settled, .revoke, .checkpointSaved, .clientWelcome, .enqueued,
            .cancelled, .jobAnswer, .jobsAnswer, .statusAnswer, .operationAnswer, .jobEvent, .auditAnswer, .refused,
            .sayHello:
            "speak as a broker"
        }
    }
}
