/// Why a request was refused. The code is for programs, the sentence beside it for people.
public struct Refusal: Error, Hashable, Sendable {
    public enum Code: UInt8, CaseIterable, Sendable {
        /// The request breaks a rule of the protocol or a limit; the same request can never succeed.
        case invalid = 1
        /// An id is taken by a job with another type or payload.
        case conflict = 2
        /// No such job.
        case notFound = 3
        /// The job is not in a state that allows it.
        case wrongState = 4
        /// The broker is shutting down.
        case draining = 5
        /// The disk is nearly full.
        case storeFull = 6
        /// A limit of the broker as a whole is reached.
        case exhausted = 7
        /// The key of the connection may not do this, or is not valid any more.
        case forbidden = 8
    }

    public let code: Code
    public let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Whether the same request, unchanged, can succeed later.
    public var isRetryable: Bool {
        switch code {
        case .draining, .storeFull, .exhausted: true
        case .invalid, .conflict, .notFound, .wrongState, .forbidden: false
        }
    }
}

/// What the broker answers to a settlement that it does not accept.
public enum SettleRefusal: UInt8, CaseIterable, Sendable {
    /// The lease was lost; another attempt was or will be granted. What the handler did does not count.
    case superseded = 1
    /// The job does not exist any more. Final.
    case gone = 2
}
