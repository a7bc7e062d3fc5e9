extension Stint_V1_Envelope.OneOf_Message {
    /// The number of the request that this is, or answers; 0 for messages that have none.
    package var request: UInt64 {
        switch self {
        case .enqueue(let message): message.request
        case .cancel(let message): message.request
        case .getJob(let message): message.request
        case .listJobs(let message): message.request
        case .getStatus(let message): message.request
        case .replayDead(let message): message.request
        case .discardDead(let message): message.request
        case .watch(let message): message.request
        case .getAudit(let message): message.request
        case .cancelled(let message): message.request
        case .jobAnswer(let message): message.request
        case .jobsAnswer(let message): message.request
        case .statusAnswer(let message): message.request
        case .operationAnswer(let message): message.request
        case .jobEvent(let message): message.request
        case .auditAnswer(let message): message.request
        case .refused(let message): message.request
        case .workerHello, .heartbeat, .settle, .progress, .checkpoint, .withdraw, .drain, .bye, .workerWelcome, .pong,
            .assign, .settled, .revoke, .checkpointSaved, .clientHello, .clientWelcome, .enqueued, .sayHello:
            0
        }
    }
}
