import Stint
import StintCore

/// Bounds that are near. Each is alarmed at 80 %: what is refused beyond is refused for good reason, and too late.
enum LimitChecks {
    static let filesLeast: UInt64 = 4_096

    static func findings(_ facts: DoctorFacts) -> [Finding] { broker(facts) + openFiles(facts.host) }

    private static func broker(_ facts: DoctorFacts) -> [Finding] {
        guard let status = facts.broker?.status, let health = status.health else { return [] }
        func near(_ code: String, _ what: String, _ used: Int, _ most: Int, _ fix: String) -> Finding? {
            guard most > 0, used * 5 >= most * 4 else { return nil }
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
