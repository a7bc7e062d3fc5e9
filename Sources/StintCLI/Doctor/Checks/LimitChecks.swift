import Stint
import StintCore

/// Bounds that are near. Each is alarmed at 80 %: what is refused beyond is refused for good reason, and too late.
enum LimitChecks {
    static let filesLeast: UInt64 = 4_096

    static func findings(_ facts: DoctorFacts) -> [Finding] {
        broker(facts) + uses(facts) + refused(facts) + openFiles(facts.host)
    }

    private static func isNear(_ used: Int, _ most: Int) -> Bool {
        most > 0 && Double(used) >= Double(most) * 0.8
    }

    private static func broker(_ facts: DoctorFacts) -> [Finding] {
        guard let status = facts.broker?.status, let health = status.health else { return [] }
        func near(_ code: String, _ what: String, _ used: Int, _ most: Int, _ fix: String) -> Finding? {
            guard isNear(used, most) else { return nil }
            return Finding(.warning, code, "the broker has \(used) of \(most) \(what)", fix: fix)
        }
        return [
            near(
                "limits.types", "types that it can know", status.types.count, health.typesMax,
                "keep what varies out of the names of types; see docs/OPERATING.md, \"A job waits\""),
            near(
                "limits.workers", "workers that it can have", status.workers.count, health.workersMax,
                "give each worker more slots instead of starting more"),
            near(
                "limits.clients", "sessions of clients that it can know", health.clients, health.clientsMax,
                "let programs keep one client for their whole life"),
            near(
                "limits.files", "files and connections that it can have open", health.filesOpen, health.filesMax,
                "raise the hard limit of the broker's process (`LimitNOFILE=` of its unit) and restart it"),
        ].compactMap { $0 }
    }

    /// What the broker says of itself. One that is newer may name limits that are not known here; they are told all the same.
    private static func uses(_ facts: DoctorFacts) -> [Finding] {
        (facts.broker?.status.health?.uses ?? []).filter { isNear($0.used, $0.most) }.map { use in
            let of = use.of ?? ""
            let (what, fix): (String, String) =
                switch use.name {
                case "connections":
                    (
                        "the broker has \(use.used) of \(use.most) connections of \(of)",
                        """
                        end programs that are not needed, and raise the hard limit of open files (`LimitNOFILE=`) if \
                        the broker warned at its start that it is low
                        """
                    )
                case "key_sessions":
                    (
                        "the key \"\(of)\" has \(use.used) of \(use.most) sessions",
                        "give some of its processes a key of their own (`stint keys new NAME --role ROLE`)"
                    )
                case "requests":
                    (
                        "one client has \(use.used) of \(use.most) requests without an answer",
                        "let it wait for answers before it sends more"
                    )
                case "watches":
                    (
                        "clients watch \(use.used) of \(use.most) jobs",
                        "watch fewer jobs at a time, and ask for a job itself now and then"
                    )
                case "memory":
                    (
                        "the broker takes \(use.used / mebibyte) of \(use.most / mebibyte) MiB of memory",
                        """
                        look at `limits` of `stint status --json` for a peer that costs too much, or raise \
                        "limits.memory" in cluster.json; beyond it the broker ends and is to be started again
                        """
                    )
                case "line_jobs", "line_bytes":
                    (
                        "the line of type \"\(of)\" has \(use.used) of \(use.most) \(use.name.dropFirst(5))",
                        "add workers, or raise \"jobs.\(of).line.\(use.name.dropFirst(5))\" in cluster.json"
                    )
                default:
                    (
                        "\(use.used) of \(use.most) of \(use.name) \(of) are used",
                        "look it up in docs/PROTOCOL.md, \"Limits\""
                    )
                }
            return Finding(.warning, "limits." + use.name.replacing("_", with: "-"), what, fix: fix)
        }
    }

    private static let mebibyte = 1_048_576
    /// Reports of progress are meant to be drawn together.
    private static let ordinary: Set<String> = ["progress"]

    private static func refused(_ facts: DoctorFacts) -> [Finding] {
        guard let status = facts.broker?.status else { return [] }
        let reached = status.limits.filter { $0.value > 0 && !ordinary.contains($0.key) }.sorted { $0.key < $1.key }
        guard !reached.isEmpty else { return [] }
        let told = reached.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        return [
            Finding(
                .note, "limits.refused", "since the broker started, limits were reached: \(told)",
                fix: "look them up in docs/PROTOCOL.md, \"What peers cost together\"")
        ]
    }

    private static func openFiles(_ host: DoctorFacts.HostFacts) -> [Finding] {
        guard host.openFiles.hard > 0, host.openFiles.hard < filesLeast else { return [] }
        return [
            Finding(
                .warning, "limits.open-files",
                "a process that is started here may open \(host.openFiles.hard) files, good for about as many connections",
                fix:
                    "raise the hard limit (`ulimit -Hn 65536`, `LimitNOFILE=` of a unit) before a broker is started here"
            )
        ]
    }
}
