import StintCore
import StintWire

@testable import Stint
@testable import StintCLI

/// A cluster with nothing wrong, and ways to break it: what a check says of the broken one and not of this one is its
/// finding.
struct HealthyCluster {
    static let now = WallTime(milliseconds: 1_790_000_000_000)

    var cluster = ClusterConfig.default
    var status: Stint_V1_StatusAnswer = .with {
        $0.epoch = 1_789_990_000
        $0.sinceMs = now.milliseconds - 10_000_000
        $0.types = [
            .with {
                $0.name = "mail"
                $0.counts.ready = 4
                $0.workers = 1
            }
        ]
        $0.workers = [
            .with {
                $0.name = "tools.1"
                $0.pool = "tools"
                $0.slots = 2
                $0.leases = 1
                $0.types = ["mail"]
                $0.connected = true
                $0.silentMs = 900
                $0.clockAheadMs = -40
            }
        ]
        $0.health = .with {
            $0.version = StintCommand.version
            $0.zmqVersion = "4.3.4"
            $0.sqliteVersion = "3.51.3"
            $0.wallMs = now.milliseconds
            $0.freeBytes = 1 << 34
            $0.reserve = true
            $0.commitMicroseconds = 200
            $0.clients = 3
            $0.clientsMax = 16_384
            $0.workersMax = 4_096
            $0.typesMax = 10_000
            $0.filesOpen = 40
            $0.filesMax = 65_536
            $0.leaseMs = 15_000
            $0.heartbeatMs = 5_000
        }
    }
    /// What the second question is answered; nil: the same.
    var later: Stint_V1_StatusAnswer?
    var hasBroker = true
    var host: DoctorFacts.HostFacts = {
        var host = DoctorFacts.HostFacts()
        host.zmqVersion = "4.3.4"
        host.sqliteVersion = "3.51.3"
        host.now = now
        host.openFiles = (1_024, 65_536)
        return host
    }()
    var store: DoctorFacts.StoreFacts = {
        var store = DoctorFacts.StoreFacts()
        store.files = [
            .init(path: "/data", mode: 0o040_700), .init(path: "/data/stint.db", mode: 0o100_600),
            .init(path: "/data/stint.db-wal", mode: 0o100_600),
        ]
        store.epoch = 1_789_990_000
        return store
    }()

    var keys = [
        DoctorFacts.Key(
            name: "tools", expiresAt: WallTime(milliseconds: now.milliseconds + 15 * 86_400_000),
            secretFile: .init(path: "/keys/tools.key", mode: 0o100_600))
    ]

    var keyFolder: DoctorFacts.KeyFolderFacts?
    var whyNotAsked: String?

    var facts: DoctorFacts {
        let broker = DoctorFacts.Broker(
            status: ClusterStatus(status), later: ClusterStatus(later ?? status),
            askedAt: WallTime(milliseconds: Self.now.milliseconds - 5),
            answeredAt: WallTime(milliseconds: Self.now.milliseconds + 5))
        return DoctorFacts(
            cluster: cluster, broker: hasBroker ? broker : nil, whyNotAsked: whyNotAsked, host: host, store: store,
            keys: keys, keyFolder: keyFolder)
    }

    /// The codes of all findings, after a change.
    static func codes(_ change: (inout Self) -> Void = { _ in }) -> [String] { findings(change).map(\.code) }

    static func findings(_ change: (inout Self) -> Void = { _ in }) -> [Finding] {
        var cluster = Self()
        change(&cluster)
        return DoctorChecks.findings(cluster.facts)
    }
}
