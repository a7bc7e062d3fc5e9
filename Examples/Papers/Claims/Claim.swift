/// A sentence that claims something, and where it stands.
public struct Claim: Codable, Hashable, Sendable {
    /// On one line, white space evened out.
    public var sentence: String
    public var span: Span
    /// From 1.
    public var line: Int
    public var kind: ClaimKind
    public var score: Int
    /// The rules that counted, as `rule: word`, so that nobody has to guess why.
    public var signals: [String]
}

/// What a claim is about, in the order in which a tie is decided.
public enum ClaimKind: String, Codable, CaseIterable, Comparable, Sendable {
    case prohibition, obligation, permission, finding, comparison, definition, quantity

    public static func < (left: ClaimKind, right: ClaimKind) -> Bool {
        (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
    }
}
