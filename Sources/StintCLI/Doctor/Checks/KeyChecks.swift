import StintCore

/// The keys of a cluster: who may connect for how much longer, and who else may read what must stay secret.
enum KeyChecks {
    /// Long enough to make a new one on a working day.
    static let warnedBefore: Duration = .seconds(14 * 86_400)

    static func findings(_ facts: DoctorFacts) -> [Finding] {
        let now = facts.broker?.status.health?.wall ?? facts.host.now
        return (facts.keyFolder.map { folder($0, facts.cluster) } ?? [])
            + facts.keys.flatMap { expiry($0, now) + mode($0) }
    }

    private static func folder(_ found: DoctorFacts.KeyFolderFacts, _ cluster: ClusterConfig) -> [Finding] {
        var findings: [Finding] = []
        if found.folder.mode & 0o077 != 0 {
            findings.append(
                Finding(
                    .problem, "keys.folder",
                    "the folder of keys \(found.folder.path) is open to other users (mode "
                        + "\(String(found.folder.mode & 0o7777, radix: 8))), so no broker starts",
                    fix: "run `chmod 700 \(found.folder.path)`"))
        }
        if let trouble = found.listTrouble {
            findings.append(
                Finding(
                    .problem, "keys.list",
                    "the list of keys cannot be read: a broker that runs goes by the one it had before, and none starts",
                    fix: "mend this: \(trouble.withoutFullStop)"))
        }
        if found.isExchanging {
            let former = cluster.security?.former
            let isPlaced = former?.clients != nil && former?.workers != nil
            findings.append(
                isPlaced
                    ? Finding(
                        .note, "keys.exchange", "the server's key is being exchanged, and both count",
                        fix: "end it with `stint keys rotate-server --finish` when every peer has the new one")
                    : Finding(
                        .warning, "keys.exchange",
                        "the server has a new key, which does not count yet where cluster.json names no place for the "
                            + "former one",
                        fix: "go on with the second step of `stint keys rotate-server --help`"))
        }
        return findings
    }

    private static func expiry(_ key: DoctorFacts.Key, _ now: WallTime) -> [Finding] {
        guard let end = key.expiresAt else { return [] }
        let left = end - now
        if left <= .zero {
            return [
                Finding(
                    .problem, "keys.expired", "the key \(key.name) has expired, and whoever has it is refused",
                    fix:
                        "make another with `stint keys new` and hand it out; nothing is said of a key that `stint keys revoke` ended"
                )
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
