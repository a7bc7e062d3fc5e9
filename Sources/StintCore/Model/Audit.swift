/// What an audit record tells of.
package enum AuditKind: UInt8, CaseIterable, Sendable {
    /// A job was cancelled, or its holder was told to stop.
    case cancelled = 1
    /// Dead jobs were put back into their lines, or an operation that does so was begun.
    case replayed = 2
    /// Dead jobs were removed for good, or an operation that does so was begun.
    case discarded = 3
    /// A message was refused, because its sender's key may not send it.
    case denied = 4
    /// A connection was refused, because of its key.
    case authenticationFailed = 5
    /// A key lost its rights.
    case keyRevoked = 6

    package var name: String {
        switch self {
        case .cancelled: "cancelled"
        case .replayed: "replayed"
        case .discarded: "discarded"
        case .denied: "denied"
        case .authenticationFailed: "authentication_failed"
        case .keyRevoked: "key_revoked"
        }
    }
}

/// One record of the audit log. Never changed once it is written; `digest` covers all of it and the record before.
package struct AuditRow: Hashable, Sendable {
    /// Of `who` and `what`.
    package static let textBytesMax = 512

    /// From 1, without gaps.
    package var number: Int64
    package var at: WallTime
    package var kind: AuditKind
    /// The name of a key, or `local` on a broker without keys.
    package var who: String
    package var what: String
    /// How many times, when one record stands for several.
    package var count: Int
    /// The digest of the record before: 32 bytes.
    package var previous: [UInt8]
    package var digest: [UInt8]

    package init(
        number: Int64, at: WallTime, kind: AuditKind, who: String, what: String, count: Int, previous: [UInt8],
        digest: [UInt8]
    ) {
        self.number = number
        self.at = at
        self.kind = kind
        self.who = who
        self.what = what
        self.count = count
        self.previous = previous
        self.digest = digest
    }
}

/// Where the audit log ends.
package struct AuditHead: Hashable, Sendable {
    /// 0: there is no record yet.
    package var number: Int64
    package var digest: [UInt8]

    package init(number: Int64, digest: [UInt8]) {
        self.number = number
        self.digest = digest
    }

    package static let none = AuditHead(number: 0, digest: [UInt8](repeating: 0, count: 32))
}
