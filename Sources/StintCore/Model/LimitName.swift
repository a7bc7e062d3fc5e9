/// The limits that a peer can run into, by the names under which the broker counts refusals. The numbers are in
/// ``Limits``, the table with what each means and what to do in `docs/PROTOCOL.md`.
package enum LimitName: Int, CaseIterable, Sendable {
    /// Connections of a socket: one was ended.
    case connections
    /// Sessions of workers or clients: one was refused, or a silent one forgotten.
    case sessions
    /// Sessions of one key: a worker was refused, or silent clients were forgotten.
    case keySessions
    /// HELLOs a second: one had to wait, or came when too many waited.
    case hellos
    /// Requests of a client without an answer.
    case requests
    /// Bytes of questions that wait for their turn: one was refused.
    case questions
    /// Jobs, and bytes of payload, of one type.
    case lineJobs
    case lineBytes
    /// Types the broker knows.
    case types
    /// Watched jobs.
    case watches
    /// Bytes of one payload or result.
    case payload
    /// Any other field of a message that is out of its range.
    case fields
    /// Frames that are no message at all.
    case malformed
    /// Messages that their sender's key may not send, and handshakes with a key that may not connect.
    case forbidden
    /// Messages of a session that the broker does not know.
    case unknownSession
    /// Bytes of a connection that libzmq holds: it was ended.
    case heldBytes
    /// Useless messages of a connection: it was ended.
    case uselessMessages
    /// Time until the first message of a connection: it was ended.
    case silence
    /// Frames or bytes that a peer leaves unread: its session was ended.
    case unread
    /// Reports of progress that were followed by another too soon, or one too many to hold.
    case progress

    package var name: String {
        switch self {
        case .connections: "connections"
        case .sessions: "sessions"
        case .keySessions: "key_sessions"
        case .hellos: "hellos"
        case .requests: "requests"
        case .questions: "questions"
        case .lineJobs: "line_jobs"
        case .lineBytes: "line_bytes"
        case .types: "types"
        case .watches: "watches"
        case .payload: "payload"
        case .fields: "fields"
        case .malformed: "malformed"
        case .forbidden: "forbidden"
        case .unknownSession: "unknown_session"
        case .heldBytes: "held_bytes"
        case .uselessMessages: "useless_messages"
        case .silence: "silence"
        case .unread: "unread"
        case .progress: "progress"
        }
    }
}

/// How often each limit was reached since the broker started.
package struct LimitCounts: Hashable, Sendable {
    private var counts = [UInt64](repeating: 0, count: LimitName.allCases.count)
    /// Of all of them, to see at a glance whether anything changed.
    package private(set) var total: UInt64 = 0

    package init() {}

    package subscript(limit: LimitName) -> UInt64 { counts[limit.rawValue] }

    package mutating func add(_ limit: LimitName, _ count: Int = 1) {
        precondition(count >= 0)
        counts[limit.rawValue] += UInt64(count)
        total += UInt64(count)
    }
}
