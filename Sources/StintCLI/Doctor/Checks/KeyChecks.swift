import StintCore

/// The keys of a cluster: who may connect for how much longer, and who else may read what must stay secret.
enum KeyChecks {
    /// Long enough to make a new one on a working day.
    static let warnedBefore: Duration = .seconds(14 * 86_400)

    static func findings(_ facts: DoctorFacts) -> [Finding] {
        let now = facts.broker?.status.health?.wall ?? facts.host.now
        return facts.keys.flatMap { expiry($0, now) + mode($0) }
    }

    private static func expiry(_ key: DoctorFacts.Key, _ now: WallTime) -> [Finding] {
        guard let end = key.expiresAt else { return [] }
        let left = end - now
        if left <= .zero {
            return [
                Finding(
                    .problem, "keys.expired", "the key \(key.name) has expired, and whoever has it is refused",
                    fix: "make another with `stint keys new`, hand it out, and remove this one")
            ]
        }
        guard left <= warnedBefore else { return [] }
        let days = left.inMilliseconds / 86_400_000
        return [
            Finding(
                .warning, "keys.expiring", "the key \(key.name) expires \(days < 1 ? "today" : "in \(days) days")",
                fix: "make another with `stint keys new` and hand it out before that; both hold meanwhile")
        ]
    }

    private static func mode(_ key: DoctorFacts.Key) -> [Finding] {
        guard let file = key.secretFile, file.mode & 0o077 != 0 else { return [] }
        return [
            Finding(
                .problem, "keys.readable",
                "others may read the secret key in \(file.path) (mode \(String(file.mode & 0o7777, radix: 8)))",
                fix: "run `chmod 600 \(file.path)`, then replace the key: it may have been read")
        ]
    }
}
