import StintCore
import StintTransport

/// One key that the broker was told of: its public half, and what its holder may do.
package struct KnownKey: Hashable, Sendable {
    package var name: String
    package var role: Role
    /// Which types a worker may take; nil: any.
    package var types: [String]?
    /// Which types a worker's handlers may enqueue as children; nil: any.
    package var children: [String]?
    package var publicKey: PublicKey
    package var createdAt: WallTime
    /// Not valid from then on; nil: no end.
    package var expiresAt: WallTime?
    package var revokedAt: WallTime?

    package init(
        name: String, role: Role, types: [String]? = nil, children: [String]? = nil, publicKey: PublicKey,
        createdAt: WallTime, expiresAt: WallTime? = nil, revokedAt: WallTime? = nil
    ) {
        self.name = name
        self.role = role
        self.types = types
        self.children = children
        self.publicKey = publicKey
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
    }

    package func standing(at now: WallTime) -> Standing {
        if revokedAt != nil { return .revoked }
        if let expiresAt, now >= expiresAt { return .expired }
        return .valid
    }

    package enum Standing: String, Sendable { case valid, revoked, expired }

    package func mayTake(_ type: String) -> Bool { types?.contains(type) ?? true }
    package func mayEnqueueChild(_ type: String) -> Bool { children?.contains(type) ?? true }
}

/// Every key that the broker was told of, for lookup by what a connection has proved. Public halves only.
package struct KnownKeys: Sendable {
    /// As in the file.
    package let all: [KnownKey]
    private let places: [UserID: Int]  // for lookup only

    /// - Throws: ``KeyFileError`` when two keys have one name, or cannot be told apart.
    package init(_ keys: [KnownKey]) throws(KeyFileError) {
        var places: [UserID: Int] = [:]
        var names: Set<String> = []
        for (place, key) in keys.enumerated() {
            guard names.insert(key.name).inserted else {
                throw KeyFileError("two keys have the name \"\(key.name)\"; a name stands for one key.")
            }
            if let other = places.updateValue(place, forKey: UserID(key.publicKey)) {
                throw KeyFileError(
                    "the keys \"\(keys[other].name)\" and \"\(key.name)\" are one and the same; make a new one.")
            }
        }
        all = keys
        self.places = places
    }

    private init() {
        all = []
        places = [:]
    }

    package static let none = KnownKeys()

    package subscript(user: UserID) -> KnownKey? { places[user].map { all[$0] } }

    /// The key with just this public half.
    package subscript(key: PublicKey) -> KnownKey? {
        guard let found = self[UserID(key)], found.publicKey == key else { return nil }
        return found
    }

    /// When the next key expires that is valid now.
    package func nextExpiry(after now: WallTime) -> WallTime? {
        all.lazy.filter { $0.standing(at: now) == .valid }.compactMap(\.expiresAt).min()
    }
}
