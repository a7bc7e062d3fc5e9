import Foundation
import Glibc

/// One key as it lies in a file: a JSON object, readable by its owner alone.
///
///     { "name": "documents", "role": "worker", "public": "…", "secret": "…", "server": "…" }
///
/// `server` is the public key that the broker must prove; the server's own file has none. `name` and `role` are for
/// people: what a key may do stands in the broker's list and nowhere else.
package struct KeyFile: Sendable {
    package var name: String
    package var role: String
    package var pair: KeyPair
    package var server: PublicKey?

    package init(name: String, role: String, pair: KeyPair, server: PublicKey?) {
        self.name = name
        self.role = role
        self.pair = pair
        self.server = server
    }

    /// What a connecting peer needs; nil for a server's own key.
    package var client: ClientSecurity? { server.map { ClientSecurity(pair: pair, server: $0) } }

    // MARK: Reading

    /// Longer than any key, and short enough to read whatever was named by mistake.
    private static let bytesMax = 4_096

    /// - Throws: ``KeyFileError``, also for a file that somebody else could read or change.
    package init(path: String) throws(KeyFileError) {
        self = try Self.parse(try Self.contents(path), called: "the key file \"\(path)\"")
    }

    /// - Parameter source: How errors call it.
    package static func parse(_ text: [UInt8], called source: String) throws(KeyFileError) -> KeyFile {
        struct Content: Decodable {
            var name: String?
            var role: String?
            var `public`: String
            var secret: String
            var server: String?
        }
        // Not the decoder's own words: they could quote what is in the file.
        guard let content = try? JSONDecoder().decode(Content.self, from: Data(text)) else {
            throw KeyFileError("\(source) is not a key; expected the JSON object that `stint keys new` writes.")
        }
        guard let publicKey = PublicKey(content.public), let secret = SecretKey(content.secret) else {
            throw KeyFileError(
                "\(source) holds no key; expected 40 characters of Z85 each as \"public\" and \"secret\".")
        }
        guard !publicKey.isPublicExample else { throw KeyFileError(.example(source)) }
        guard let pair = KeyPair(publicKey: publicKey, secret: secret) else {
            throw KeyFileError("\(source) is damaged: its two halves do not belong together. Make a new key.")
        }
        var server: PublicKey?
        if let text = content.server {
            guard let key = PublicKey(text) else {
                throw KeyFileError("\(source) names a \"server\" that is not 40 characters of Z85.")
            }
            guard !key.isPublicExample else { throw KeyFileError(.example(source)) }
            server = key
        }
        return KeyFile(name: content.name ?? "", role: content.role ?? "", pair: pair, server: server)
    }

    /// The file's bytes, once it is sure that they are its owner's alone.
    private static func contents(_ path: String) throws(KeyFileError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            throw KeyFileError(
                "the key file \"\(path)\" cannot be opened: \(reason). Name the file that holds the key.")
        }
        defer { close(descriptor) }
        // Of the descriptor: what was looked at is what is read.
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            throw KeyFileError("the key file \"\(path)\" is not a file. Name the file that holds the key.")
        }
        guard isPrivate(mode: facts.st_mode, owner: facts.st_uid, reader: geteuid()) else {
            let mode = String(facts.st_mode & 0o777, radix: 8)
            throw KeyFileError(
                """
                the key file "\(path)" is open to other users of this host (mode 0\(mode)), so its secret may be theirs \
                by now. Run `chmod 600 \(path)`, and make a new key if others could have read it.
                """)
        }
        guard facts.st_uid == geteuid() || facts.st_uid == 0 else {
            throw KeyFileError(
                "the key file \"\(path)\" belongs to user \(facts.st_uid), not to the one that runs this. Run chown.")
        }
        var bytes = [UInt8](repeating: 0, count: bytesMax + 1)
        let count = read(descriptor, &bytes, bytes.count)
        guard (0...bytesMax).contains(count) else {
            throw KeyFileError("the key file \"\(path)\" cannot be a key: it is too long, or cannot be read.")
        }
        return Array(bytes[..<count])
    }

    /// Whether nobody but its owner and its reader can read or change it.
    ///
    /// A file of root that another user reads may be readable by its group: so systemd lays out what `LoadCredential=`
    /// gives a unit with `User=` (mode 0440, where the bits of the group stand for an access list that names that user;
    /// systemd issue 29435). Root gave it to whom it wanted.
    package static func isPrivate(mode: mode_t, owner: uid_t, reader: uid_t) -> Bool {
        mode & (owner == 0 && reader != 0 ? 0o037 : 0o077) == 0
    }

    // MARK: Writing

    /// The file's text.
    package var text: String {
        var parts = ["\"name\": \"\(name)\"", "\"role\": \"\(role)\""]
        parts.append("\"public\": \"\(pair.publicKey)\"")
        parts.append("\"secret\": \"\(pair.secret.exposed)\"")
        if let server { parts.append("\"server\": \"\(server)\"") }
        return "{ \(parts.joined(separator: ", ")) }\n"
    }

    /// Writes a new file with mode 0600; one that is there stays as it is.
    package func write(to path: String) throws(KeyFileError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let reason = errno == EEXIST ? "there is one already; remove it, or choose another name" : Self.lastError
            throw KeyFileError("the key file \"\(path)\" cannot be made: \(reason).")
        }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        // Whatever the umask took away or left.
        guard fchmod(descriptor, 0o600) == 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count,
            fsync(descriptor) == 0
        else {
            let reason = Self.lastError
            unlink(path)
            throw KeyFileError("the key file \"\(path)\" cannot be written: \(reason).")
        }
    }

    private static var lastError: String { String(cString: strerror(errno)) }
}

/// Why a key cannot be used: one sentence with the next step, and never a part of a key.
package struct KeyFileError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

extension String {
    fileprivate static func example(_ source: String) -> String {
        "\(source) is an example from libzmq's manual, whose secret everybody knows. Make one with `stint keys new`."
    }
}
