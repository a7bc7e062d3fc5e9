import Stint
import StintCore

/// Versions with known faults, and versions that do not belong together.
enum VersionChecks {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        let health = facts.broker?.status.health
        var findings: [Finding] = []
        if let health, !health.version.isEmpty, health.version != facts.host.version {
            findings.append(
                Finding(
                    .warning, "versions.broker",
                    "the broker runs Stint \(health.version), and this is \(facts.host.version)",
                    fix: "restart the broker once the new program is in place; see docs/OPERATING.md, \"Upgrading\""))
        }
        let zmq = health?.zmqVersion ?? facts.host.zmqVersion
        if let version = Version(zmq), version < Version(4, 3, 3) {
            findings.append(
                Finding(
                    .problem, "versions.libzmq",
                    "libzmq \(zmq) can be made to run out of memory, or crash, by anybody who can connect (CVE-2020-15166, "
                        + "CVE-2021-20234 to 20237)",
                    fix: "install libzmq5 4.3.4 or later and restart every process"))
        }
        let sqlite = health?.sqliteVersion ?? facts.host.sqliteVersion
        if let version = Version(sqlite), version >= Version(3, 7, 0), version < Version(3, 51, 3) {
            findings.append(
                Finding(
                    .note, "versions.sqlite",
                    "SQLite \(sqlite) can damage a database that two processes write at once (fixed in 3.51.3); a broker never "
                        + "lets a second one",
                    fix: "open the database with other programs for reading only: `sqlite3 -readonly`"))
        }
        return findings
    }

    /// Numbers between dots.
    struct Version: Comparable {
        let parts: [Int]

        init(_ parts: Int...) { self.parts = parts }

        init?(_ text: String) {
            let parts = text.split(separator: ".").map { Int($0) }
            guard !parts.isEmpty, !parts.contains(nil) else { return nil }
            self.parts = parts.compactMap { $0 }
        }

        static func < (left: Version, right: Version) -> Bool { left.parts.lexicographicallyPrecedes(right.parts) }
    }
}
