import StintCore

/// Why a request was not carried out, or is not known to have been.
public struct StintError: Error, Sendable, CustomStringConvertible {
    /// What to match on. More may be added.
    public struct Code: Hashable, Sendable {
        package enum Value: Hashable, Sendable {
            case refused(Refusal.Code)
            case unreachable, outcomeUnknown, closed, configuration
            /// A handshake failed because of keys: nothing was sent.
            case notAdmitted
        }
        package let value: Value

        /// The request breaks a rule or a limit.
        public static let invalid = Code(value: .refused(.invalid))
        /// The id is taken by a job with another type or payload.
        public static let conflict = Code(value: .refused(.conflict))
        public static let notFound = Code(value: .refused(.notFound))
        /// The job is not in a state that allows it.
        public static let wrongState = Code(value: .refused(.wrongState))
        public static let draining = Code(value: .refused(.draining))
        public static let storeFull = Code(value: .refused(.storeFull))
        public static let exhausted = Code(value: .refused(.exhausted))
        /// The key of the connection may not do this, or is not valid any more.
        public static let forbidden = Code(value: .refused(.forbidden))
        /// No connection came about, because of the keys of either side; the request was never sent.
        public static let notAdmitted = Code(value: .notAdmitted)
        /// No broker answered; the request was never sent.
        public static let unreachable = Code(value: .unreachable)
        /// The request was sent and no answer came: it may or may not have been carried out.
        public static let outcomeUnknown = Code(value: .outcomeUnknown)
        /// The client was closed; the request may have been sent.
        public static let closed = Code(value: .closed)
        /// An address or a setting of the environment is wrong.
        public static let configuration = Code(value: .configuration)
    }

    public let code: Code
    /// Can the same request, unchanged, succeed later?
    public let isRetryable: Bool
    public let description: String

    init(_ code: Code, isRetryable: Bool, _ description: String) {
        self.code = code
        self.isRetryable = isRetryable
        self.description = description
    }

    init(_ refusal: Refusal) {
        self.init(Code(value: .refused(refusal.code)), isRetryable: refusal.isRetryable, refusal.message)
    }

    /// Only a refusal is the broker's word. A handshake that was cut short may be a broker that died in its middle, and the
    /// next one may well admit this peer.
    static func notAdmitted(_ trouble: HandshakeTrouble) -> StintError {
        StintError(.notAdmitted, isRetryable: !trouble.isRefusal, trouble.sentence)
    }

    static func unreachable(_ endpoint: String) -> StintError {
        StintError(
            .unreachable, isRetryable: true,
            """
            no broker answers at \(endpoint). Start one with "stint up" or "stint broker", or name another address \
            with --connect or STINT_CLIENTS.
            """)
    }

    static func outcomeUnknown(after timeout: Duration) -> StintError {
        StintError(
            .outcomeUnknown, isRetryable: true,
            """
            no answer within \(timeout); the request may or may not have been carried out. Send it again with the \
            same id: it is carried out once.
            """)
    }

    /// What a request does when it is sent twice, which its caller has to know when no answer came.
    enum Repetition {
        /// It changes nothing.
        case question
        case cancel, replay, discard
    }

    static func outcomeUnknown(after timeout: Duration, of repetition: Repetition) -> StintError {
        let advice =
            switch repetition {
            case .question: "nothing was changed. Try again."
            case .cancel:
                "the job may or may not be cancelled. Cancel it again: when it is over already, that is only refused."
            case .replay:
                """
                the jobs may or may not be back in their lines. Replay them again: jobs that are not dead are not touched.
                """
            case .discard:
                """
                the jobs may or may not be removed. Discard them again: jobs that are not dead are not touched.
                """
            }
        return StintError(.outcomeUnknown, isRetryable: true, "no answer within \(timeout); \(advice)")
    }

    static let closed = StintError(.closed, isRetryable: false, "the client was closed before the answer came")
}
