import CZeroMQ
import Glibc

/// Why a socket could not be made, bound or connected. Sending and receiving never throw: what a peer does is an
/// outcome there, and what we do wrong traps.
package struct TransportError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        case invalidEndpoint, encryptionRequired
        case addressInUse, addressUnavailable, noPermission
        case resourcesExhausted
        case system(errno: Int32)
    }

    package let code: Code
    /// Can the same call, unchanged, succeed later?
    package let isRetryable: Bool
    package let description: String

    init(_ code: Code, retryable: Bool, _ description: String) {
        self.code = code
        self.isRetryable = retryable
        self.description = description
    }

    static func invalidEndpoint(_ text: String, _ problem: String) -> TransportError {
        TransportError(.invalidEndpoint, retryable: false, "\(quoted(text)) is not an endpoint: \(problem).")
    }

    /// - Parameter action: What was tried, such as `bind "tcp://127.0.0.1:7411"`.
    static func system(_ action: String, _ number: Int32) -> TransportError {
        let cause = "cannot \(action): \(String(cString: zmq_strerror(number))) (error \(number))"
        switch number {
        case EMFILE, ENFILE, ENOMEM, ENOBUFS, EAGAIN:
            return TransportError(
                .resourcesExhausted, retryable: true,
                "\(cause). Raise the limit of open files (`ulimit -n`) or of memory, or stop what uses them up.")
        case EACCES, EPERM:
            return TransportError(
                .noPermission, retryable: false,
                "\(cause). Use a port above 1023, or a folder that this user may write to.")
        case EADDRNOTAVAIL, EAFNOSUPPORT, ENODEV:
            return TransportError(
                .addressUnavailable, retryable: false,
                "\(cause). This host does not have that address; use tcp://127.0.0.1:PORT or ipc://PATH.")
        default:
            return TransportError(
                .system(errno: number), retryable: false, "\(cause). Correct what the cause names and start again.")
        }
    }

    /// Text of a user in a message: escaped, and cut where it is longer than any endpoint.
    static func quoted(_ text: String) -> String {
        text.utf8.count <= 200 ? text.debugDescription : String(text.prefix(200)).debugDescription + "…"
    }
}
