import Foundation
import Glibc
import StintCore
import StintTransport

/// The file `known.json`: the broker's list of keys, public halves only.
///
///     { "keys": [ { "name": "documents", "role": "worker", "types": ["parse_paper"], "public": "…",
///                   "created": "2026-11-21T17:00:00Z", "expires": "2027-02-19T17:00:00Z" } ] }
///
/// It is replaced as a whole, so a reader sees the list before a change or the one after it. A list that cannot be read
/// is refused as a whole, too: half a list could lack a revocation.
enum KeyList {
    private static let bytesMax = 8 * 1_048_576

    private struct Content: Codable {
        var keys: [Entry]
    }

    private struct Entry: Codable {
        var name: String
        var role: String
        var types: [String]?
        var children: [String]?
        var `public`: String
        var created: String
        var expires: String?
        var revoked: String?
    }

    static func read(_ path: String) throws(KeyFileError) -> KnownKeys {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw KeyFileError("\"\(path)\" cannot be opened: \(lastError).") }
        defer { close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, facts.st_size <= bytesMax else {
            throw KeyFileError("\"\(path)\" is not the list of keys that `stint keys` writes.")
        }
        guard facts.st_mode & 0o022 == 0 else {
            throw KeyFileError("other users of this host may write to \"\(path)\". Run `chmod 600 \(path)`.")
        }
        var bytes = [UInt8](repeating: 0, count: Int(facts.st_size))
        var count = 0
        while count < bytes.count {
            let read = bytes[count...].withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            guard read > 0 else { break }
            count += read
        }
        let content: Content
        do {
            content = try JSONDecoder().decode(Content.self, from: Data(bytes[..<count]))
        } catch {
            throw KeyFileError("\"\(path)\" is damaged: it is not the JSON that `stint keys` writes. Restore it.")
        }
        var keys: [KnownKey] = []
        for entry in content.keys { keys.append(try key(entry, in: path)) }
        return try KnownKeys(keys)
    }

    private static func key(_ entry: Entry, in path: String) throws(KeyFileError) -> KnownKey {
        func damaged(_ what: String) -> KeyFileError {
            KeyFileError("\"\(path)\" is damaged: the \(what) of key \"\(entry.name.prefix(128))\" cannot be read.")
        }
        func time(_ text: String?, _ what: String) throws(KeyFileError) -> WallTime? {
            guard let text else { return nil }
            guard let date = try? Date(text, strategy: .iso8601) else { throw damaged(what) }
            return WallTime(milliseconds: Int64(date.timeIntervalSince1970 * 1_000))
        }
        guard TypeName.isValid(entry.name) else { throw damaged("name") }
        guard let role = Role(rawValue: entry.role) else { throw damaged("role") }
        guard let publicKey = PublicKey(entry.public), !publicKey.isPublicExample else { throw damaged("public key") }
        for types in [entry.types, entry.children] where !(types ?? []).allSatisfy(TypeName.isValid) {
            throw damaged("types")
        }
        guard let created = try time(entry.created, "time of creation") else { throw damaged("time of creation") }
        return KnownKey(
            name: entry.name, role: role, types: entry.types, children: entry.children, publicKey: publicKey,
            createdAt: created, expiresAt: try time(entry.expires, "end"),
            revokedAt: try time(entry.revoked, "revocation"))
    }

    static func encode(_ keys: KnownKeys) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let entries = keys.all.map { key in
            Entry(
                name: key.name, role: key.role.rawValue, types: key.types, children: key.children,
                public: key.publicKey.description, created: text(key.createdAt), expires: key.expiresAt.map(text),
                revoked: key.revokedAt.map(text))
        }
        return try encoder.encode(Content(keys: entries)) + Data("\n".utf8)
    }

    package static func text(_ time: WallTime) -> String {
        Date(timeIntervalSince1970: Double(time.milliseconds) / 1_000).formatted(.iso8601)
    }

    private static var lastError: String { String(cString: strerror(errno)) }
}
