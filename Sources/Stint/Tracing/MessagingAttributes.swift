import Tracing

/// The names under which OpenTelemetry's conventions for messaging know what a span of ours says, and our own for what
/// they do not know.
enum MessagingKey {
    static let system = "messaging.system"
    static let operationName = "messaging.operation.name"
    static let operationType = "messaging.operation.type"
    static let destination = "messaging.destination.name"
    static let messageID = "messaging.message.id"
    static let batchCount = "messaging.batch.message_count"
    static let clientID = "messaging.client.id"
    static let consumerGroup = "messaging.consumer.group.name"
    static let errorType = "error.type"
    static let attempt = "stint.attempt"
    static let attemptsMax = "stint.attempts_max"
    static let outcome = "stint.outcome"
}

extension SpanAttributes {
    enum Operation: String {
        case enqueue, run

        /// What the conventions call it, whatever the system does.
        var convention: String {
            switch self {
            case .enqueue: "send"
            case .run: "process"
            }
        }
    }

    /// What every span of ours says.
    mutating func describe(_ operation: Operation, type: String?) {
        self[MessagingKey.system] = "stint"
        self[MessagingKey.operationName] = operation.rawValue
        self[MessagingKey.operationType] = operation.convention
        self[MessagingKey.destination] = type
    }
}
