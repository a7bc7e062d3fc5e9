import Glibc

/// The host of a TCP endpoint: is it well formed, and is it this host? Addresses are judged as numbers, by the
/// system's own parser, so that no spelling of a public address passes for a local one.
struct HostAddress {
    /// In lower case; an IPv6 address without brackets.
    let text: String

    /// A host that was parsed before.
    init(_ text: String) { self.text = text }

    /// The host as it stands in an endpoint; nil when it is none.
    init?(parsing host: String) {
        if host == "*" {
            text = host
        } else if host.hasPrefix("["), host.hasSuffix("]"), host.utf8.count > 2 {
            text = String(host.dropFirst().dropLast()).lowercased()
            guard ipv6Bytes != nil else { return nil }
        } else {
            text = host.lowercased()
            guard ipv4FirstByte != nil || isName else { return nil }
        }
    }

    /// 127.0.0.0/8, ::1, the same written as an IPv4-mapped address, and `localhost`.
    var isLoopback: Bool {
        if text == "localhost" { return true }
        if let first = ipv4FirstByte { return first == 127 }
        guard let bytes = ipv6Bytes else { return false }
        let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        return isMapped ? bytes[12] == 127 : bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] == 1
    }

    private var ipv4FirstByte: UInt8? {
        var address = in_addr()
        guard inet_pton(AF_INET, text, &address) == 1 else { return nil }
        return withUnsafeBytes(of: address) { $0.first }
    }

    private var ipv6Bytes: [UInt8]? {
        var address = in6_addr()
        guard inet_pton(AF_INET6, text, &address) == 1 else { return nil }
        return withUnsafeBytes(of: address) { Array($0) }
    }

    /// Letters, digits, `-` and `_` between dots. A last part of digits alone is a damaged IPv4 address: "127.1".
    private var isName: Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard text.utf8.count <= 253, let last = parts.last, !last.allSatisfy(Self.isDigit) else { return false }
        return parts.allSatisfy { part in
            !part.isEmpty && part.count <= 63
                && part.allSatisfy {
                    Self.isDigit($0) || (0x61...0x7A).contains($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
                }
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
