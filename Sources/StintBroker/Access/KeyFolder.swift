import Foundation
import Glibc
import StintCore
import StintTransport

/// The private folder in which a cluster's keys lie, on the broker's host.
///
/// | file | holds | read by |
/// |---|---|---|
/// | `server.key` | the server's pair | the broker |
/// | `server-former.key` | the pair before, while keys are exchanged | the broker |
/// | `NAME.key` | a peer's pair and the server's public key | that peer; bring it there |
/// | `known.json` | every peer's public key, role and rights | the broker, again whenever it changes |
///
/// The folder has mode 0700 and each file 0600. The broker needs no peer's secret: once a peer has its file, the copy
/// here can go.
package struct KeyFolder: Sendable {
    package let path: String

    package init(_ path: String) { self.path = path }

    package func file(of name: String) -> String { "\(path)/\(name).key" }
    package var serverFile: String { "\(path)/server.key" }
    package var formerFile: String { "\(path)/server-former.key" }
    package var listFile: String { "\(path)/known.json" }

    /// Names that files of other meaning have.
    package static let reserved = ["server", "server-former"]

    // MARK: The broker

    /// The server's own pair.
    package func server() throws(KeyFileError) -> KeyPair {
        guard access(serverFile, F_OK) == 0 else {
            throw KeyFileError(
                """
                there is no server key in "\(path)". Make the first key with `stint keys new operator --role operator`, \
                which makes the server's, too.
                """)
        }
        try check()
        return try KeyFile(path: serverFile).pair
    }

    /// For people; nil when there is none, or this user may not read it.
    package var serverPublicKey: String? { (try? KeyFile(path: serverFile)).map { "\($0.pair.publicKey)" } }

    /// The server's pair before; nil when no keys are being exchanged.
    package func former() throws(KeyFileError) -> KeyPair? {
        access(formerFile, F_OK) == 0 ? try KeyFile(path: formerFile).pair : nil
    }

    /// Whoever could put files here could let himself in.
    package func check() throws(KeyFileError) {
        var facts = stat()
        guard stat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR else {
            throw KeyFileError(
                "there is no folder \"\(path)\" with keys. Make one with `stint keys new NAME --role ROLE`.")
        }
        guard facts.st_mode & 0o077 == 0 else {
            let mode = String(facts.st_mode & 0o777, radix: 8)
            throw KeyFileError(
                "the folder of keys \"\(path)\" is open to other users of this host (mode 0\(mode)). Run `chmod 700 \(path)`."
            )
        }
    }

    // MARK: Changes

    /// Makes the folder, and the one above it, if need be, and runs `body` while no other process changes anything in it.
    package func change<Result>(_ body: () throws -> Result) throws -> Result {
        mkdir(URL(fileURLWithPath: path).deletingLastPathComponent().path, 0o700)  // its outcome shows at the next
        if mkdir(path, 0o700) != 0, errno != EEXIST {
            let reason = String(cString: strerror(errno))
            throw KeyFileError(
                "the folder of keys \"\(path)\" cannot be made: \(reason). Make the folder above it first.")
        }
        try check()
        let lock = open("\(path)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw KeyFileError("\"\(path)\" is not writable: \(String(cString: strerror(errno))).") }
        defer { close(lock) }
        while flock(lock, LOCK_EX) != 0 {
            guard errno == EINTR else { throw KeyFileError("\"\(path)\" cannot be locked.") }
        }
        return try body()
    }

    /// The server's public key; a pair is made when there is none. Within ``change(_:)``.
    package func makeServerIfMissing() throws -> PublicKey {
        if access(serverFile, F_OK) == 0 { return try KeyFile(path: serverFile).pair.publicKey }
        let pair = KeyPair()
        try KeyFile(name: "server", role: "server", pair: pair, server: nil).write(to: serverFile)
        return pair.publicKey
    }

    /// Puts a new pair in the place of the server's, which becomes the former one. Within ``change(_:)``.
    package func rotateServer() throws -> PublicKey {
        guard access(serverFile, F_OK) == 0 else {
            throw KeyFileError("there is no server key in \"\(path)\" to be replaced.")
        }
        guard access(formerFile, F_OK) != 0 else {
            throw KeyFileError(
                """
                an exchange is under way already: "\(formerFile)" is there. When every peer has the new key, end it with \
                `stint keys rotate-server --finish`.
                """)
        }
        guard link(serverFile, formerFile) == 0 else {
            throw KeyFileError("\"\(formerFile)\" cannot be made: \(String(cString: strerror(errno))).")
        }
        let pair = KeyPair()
        let fresh = "\(path)/.server.key.new"
        unlink(fresh)
        try KeyFile(name: "server", role: "server", pair: pair, server: nil).write(to: fresh)
        guard rename(fresh, serverFile) == 0 else {
            throw KeyFileError("\"\(serverFile)\" cannot be replaced: \(String(cString: strerror(errno))).")
        }
        Self.syncFolder(path)
        return pair.publicKey
    }

    /// The former pair counts no more. Within ``change(_:)``.
    package func finishRotation() throws {
        guard unlink(formerFile) == 0 else {
            throw KeyFileError("there is no exchange of server keys to be ended: \"\(formerFile)\" is not there.")
        }
        Self.syncFolder(path)
    }

    // MARK: The list

    /// The list as it is now; empty when there is none yet.
    package func known() throws(KeyFileError) -> KnownKeys {
        guard access(listFile, F_OK) == 0 else { return .none }
        return try KeyList.read(listFile)
    }

    /// The list as a broker needs it. One that is gone is no list without keys: the server's key was made with it, so
    /// somebody took it away, and nobody is to gain or lose by that.
    package func list() throws(KeyFileError) -> KnownKeys {
        guard access(listFile, F_OK) == 0 || errno != ENOENT else {
            throw KeyFileError(
                "the list of keys \"\(listFile)\" is gone. Put it back from a backup, or make keys with `stint keys new`."
            )
        }
        return try KeyList.read(listFile)
    }

    /// Puts a list in the place of the one that is there: whole, or not at all. Within ``change(_:)``.
    package func write(_ keys: KnownKeys) throws {
        let fresh = "\(path)/.known.json.new"
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw KeyFileError("\"\(fresh)\" cannot be written: \(String(cString: strerror(errno))).")
        }
        defer { close(descriptor) }
        let bytes = [UInt8](try KeyList.encode(keys))
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else {
                throw KeyFileError("\"\(fresh)\" cannot be written: \(String(cString: strerror(errno))).")
            }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0, rename(fresh, listFile) == 0 else {
            throw KeyFileError("\"\(listFile)\" cannot be replaced: \(String(cString: strerror(errno))).")
        }
        Self.syncFolder(path)
    }

    private static func syncFolder(_ path: String) {
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }
}

extension KeyFolder {
    /// A key that was just made.
    package struct Made: Sendable {
        /// Where its pair lies now, to be brought to its holder.
        package let file: String
        package let key: KnownKey
        package let server: PublicKey
    }

    /// Makes a key: a pair in a file of its own, and its public half in the list. The first makes the server's, too.
    ///
    /// - Parameters:
    ///   - types: Which a worker may take; nil: any.
    ///   - children: Which a worker's handlers may enqueue; nil: those it may take.
    /// - Throws: ``KeyFileError``.
    package func make(
        _ name: String, _ role: Role, types: [String]?, children: [String]?, expiresAt: WallTime?, at now: WallTime
    ) throws -> Made {
        precondition(TypeName.isValid(name) && (role == .worker || types == nil && children == nil))
        guard !Self.reserved.contains(name), !name.hasPrefix(".") else {
            throw KeyFileError("\"\(name)\" is the name of another file in the folder of keys; choose another.")
        }
        return try change {
            let known = try known()
            guard !known.all.contains(where: { $0.name == name }) else {
                throw KeyFileError(
                    "there is a key \"\(name)\" already, valid or not. Choose another name, such as \"\(name)-2\".")
            }
            let server = try makeServerIfMissing()
            let pair = KeyPair()
            let key = KnownKey(
                name: name, role: role, types: types, children: children ?? types, publicKey: pair.publicKey,
                createdAt: now, expiresAt: expiresAt)
            // The file first: a pair that is on no list opens nothing.
            let file = file(of: name)
            try KeyFile(name: name, role: role.rawValue, pair: pair, server: server).write(to: file)
            do {
                try write(KnownKeys(known.all + [key]))
            } catch {
                unlink(file)
                throw error
            }
            return Made(file: file, key: key, server: server)
        }
    }

    /// The key counts no more, from the moment a running broker sees the list.
    ///
    /// - Returns: False when it was revoked already.
    /// - Throws: ``KeyFileError``.
    package func revoke(_ name: String, at now: WallTime) throws -> Bool {
        try change {
            var keys = try known().all
            guard let place = keys.firstIndex(where: { $0.name == name }) else {
                throw KeyFileError("there is no key \"\(name)\"; `stint keys list` names them.")
            }
            guard keys[place].revokedAt == nil else { return false }
            keys[place].revokedAt = now
            try write(KnownKeys(keys))
            return true
        }
    }
}
