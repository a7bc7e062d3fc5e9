import StintCore
import StintWire

/// What a broker knows of itself and of its host: for people who look for what is wrong, such as through `stint doctor`.
public struct BrokerHealth: Sendable {
    /// A lease that is older than the timeout of its job, its grace and two leases allow.
    public struct OverdueLease: Sendable {
        public let id: JobID
        public let type: String
        public let worker: String
        /// Since it was granted, or seen to run.
        public let age: Duration
        public let timeout: Duration
    }

    /// Of Stint, libzmq and SQLite there.
    public let version, zmqVersion, sqliteVersion: String
    /// Its wall clock as it answered.
    public let wall: WallTime
    /// Of the write-ahead log.
    public let logBytes: Int
    /// On the file system of the store.
    public let freeBytes: Int
    /// The reserve for settling on a full disk is laid down.
    public let hasReserve: Bool
    /// Of the last commits.
    public let meanCommit: Duration
    /// Sessions of clients that are known, and how many may be.
    public let clients, clientsMax: Int
    public let workersMax: Int
    public let typesMax: Int
    /// Files and connections that the process has open, and may have.
    public let filesOpen, filesMax: Int
    /// How many; ``overdue`` names the oldest of them.
    public let overdueLeases: Int
    public let overdue: [OverdueLease]
    /// How many processes of each pool joined during the last ten minutes.
    public let joins: [(pool: String, joined: Int)]
    public let lease, heartbeat: Duration
    /// How much of its limits is used now.
    public let uses: [LimitUse]

    /// How near a limit is.
    public struct LimitUse: Sendable {
        /// As in ``ClusterStatus/limits``, or `memory`, in bytes.
        public let name: String
        /// Of which socket, type or key; nil: there is one.
        public let of: String?
        public let used, most: Int
    }

    init(_ message: Stint_V1_BrokerHealth) {
        version = message.version
        zmqVersion = message.zmqVersion
        sqliteVersion = message.sqliteVersion
        wall = WallTime(milliseconds: message.wallMs)
        logBytes = Int(clamping: message.logBytes)
        freeBytes = Int(clamping: message.freeBytes)
        hasReserve = message.reserve
        meanCommit = .microseconds(Int64(clamping: message.commitMicroseconds))
        clients = Int(message.clients)
        clientsMax = Int(message.clientsMax)
        workersMax = Int(message.workersMax)
        typesMax = Int(message.typesMax)
        filesOpen = Int(message.filesOpen)
        filesMax = Int(message.filesMax)
        overdueLeases = Int(message.overdueLeases)
        overdue = message.overdue.compactMap { lease in
            guard let id = try? lease.id.id(field: "overdue.id") else { return nil }
            return OverdueLease(
                id: id, type: lease.type, worker: lease.worker, age: .milliseconds(Int64(clamping: lease.ageMs)),
                timeout: .milliseconds(Int64(clamping: lease.timeoutMs)))
        }
        joins = message.joins.map { ($0.pool, Int($0.joined)) }
        lease = .milliseconds(Int64(clamping: message.leaseMs))
        heartbeat = .milliseconds(Int64(clamping: message.heartbeatMs))
        uses = message.uses.map {
            LimitUse(
                name: $0.name, of: $0.of.isEmpty ? nil : $0.of, used: Int(clamping: $0.used),
                most: Int(clamping: $0.most))
        }
    }
}
