import Foundation
import StintTransport

/// The key with which a client or worker proves to an encrypted broker who it is, and by which it knows the broker.
///
///     let client = try StintClient(connectingTo: "tcp://broker:7411", key: ConnectionKey(file: "/etc/stint/web.key"))
///
/// Without one only a broker of this host can be reached. `stint keys new` on the broker's host makes the file; bring it
/// here, with mode 0600. Nothing of its secret half is ever shown.
public struct ConnectionKey: Sendable, CustomStringConvertible {
    /// The variable that names the file of a key.
    public static let fileVariable = "STINT_KEY_FILE"
    /// The variable that holds a key itself: the text of such a file.
    public static let textVariable = "STINT_KEY"

    let name: String
    /// As its file says. What the key may do the broker knows; this only spares questions that are refused anyway.
    let role: String
    let security: ClientSecurity

    /// Reads a key file.
    ///
    /// - Throws: ``StintError`` with code `configuration`, also when others can read the file.
    public init(file path: String) throws {
        do {
            try self.init(KeyFile(path: path), called: "the key file \"\(path)\"")
        } catch let error as KeyFileError {
            throw StintError(.configuration, isRetryable: false, error.description)
        }
    }

    /// The key that the environment names or holds: `STINT_KEY` before `STINT_KEY_FILE`; nil when neither is set.
    ///
    /// - Throws: ``StintError`` with code `configuration`.
    public init?(environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        if let text = environment[Self.textVariable], !text.isEmpty {
            do {
                let file = try KeyFile.parse(Array(text.utf8), called: Self.textVariable)
                try self.init(file, called: Self.textVariable)
            } catch let error as KeyFileError {
                throw StintError(.configuration, isRetryable: false, error.description)
            }
        } else if let path = environment[Self.fileVariable], !path.isEmpty {
            try self.init(file: path)
        } else {
            return nil
        }
    }

    private init(_ file: KeyFile, called source: String) throws {
        guard let security = file.client else {
            throw StintError(
                .configuration, isRetryable: false,
                """
                \(source) names no "server", so the broker could be anybody. It may be the server's own key; make one \
                for this peer with `stint keys new NAME --role ROLE`.
                """)
        }
        name = file.name
        role = file.role
        self.security = security
    }

    /// Its name and its public half.
    public var description: String { "\"\(name)\" (public \(security.pair.publicKey))" }
}

/// Why no connection comes about, as a sentence for whoever has to mend it.
struct HandshakeTrouble: Sendable {
    let sentence: String
    /// The broker knows this key and does not want it, or does not know it: trying often is of no use.
    let isRefusal: Bool

    init(_ failure: DealerSocket.HandshakeFailure, at endpoint: String, with key: ConnectionKey?) {
        switch (failure, key) {
        case (.refused(status: 400), let key?):
            isRefusal = true
            sentence = """
                the broker at \(endpoint) refuses the key \(key): it does not know it, or the key was revoked or has \
                expired. `stint keys list` on the broker's host tells which; `stint keys new` makes another.
                """
        case (.refused(let status), _):
            isRefusal = true
            sentence = "the broker at \(endpoint) refuses this peer (status \(status)); its log says why."
        case (.notUnderstood, let key?), (.cutShort, let key?):
            isRefusal = false
            sentence = """
                something answers at \(endpoint), but not as the broker whose key \(key.security.server) is in the key \
                file of \(key): it has another key, or speaks without encryption. Compare with "server" of `stint keys \
                list` on the broker's host.
                """
        case (.notUnderstood, nil), (.cutShort, nil):
            isRefusal = false
            sentence = """
                something answers at \(endpoint), but does not talk to a peer without a key. If it is an encrypted \
                broker, make a key with `stint keys new NAME --role ROLE` on its host and name the file in \
                \(ConnectionKey.fileVariable).
                """
        }
    }
}

/// How long to wait before a refused peer knocks again: from half a second, doubling up to half a minute, and up to
/// half of that more at random.
struct KnockingBackoff {
    private var refusals = 0

    mutating func next() -> Duration {
        let milliseconds = min(500 << min(refusals, 10), 30_000)
        refusals += 1
        return .milliseconds(milliseconds + Int.random(in: 0...milliseconds / 2))
    }

    mutating func admitted() { refusals = 0 }
}
