import StintCore
import StintWire

/// Connections of each socket, those included that have said nothing yet, and how many there may be.
package struct OpenConnections: Hashable, Sendable {
    package var workers = 0
    package var workersMax = 0
    package var clients = 0
    package var clientsMax = 0

    package init() {}

    package init(workers: Int, workersMax: Int, clients: Int, clientsMax: Int) {
        self.workers = workers
        self.workersMax = workersMax
        self.clients = clients
        self.clientsMax = clientsMax
    }
}

// How near each limit is, so that people hear of it before anybody is refused. Limits on single messages have no such
// measure, and rates none that would still be true when it is read.

extension BrokerTurn {
    /// Of lines, so many are told: those that have the least room.
    private static let linesTold = 20

    func uses() -> [Stint_V1_LimitUse] {
        var uses = [
            Self.use(.connections, of: "workers", connections.workers, connections.workersMax),
            Self.use(.connections, of: "clients", connections.clients, connections.clientsMax),
            Self.use(.requests, of: "", clients.requestsInFlightMost, Limits.requestsInFlightMax),
            Self.use(.watches, of: "", watchers.count, Limits.watchesMax),
            Self.use("memory", of: "", Int(clamping: host.memoryBytes), Int(clamping: host.memoryMax)),
        ]
        for peers in [workers, clients] {
            guard let fullest = peers.fullest, let key = keys?[fullest.user] else { continue }
            uses.append(Self.use(.keySessions, of: key.name, fullest.sessions, peers.ofUserMost))
        }
        return uses.filter { $0.most > 0 } + lineUses()
    }

    private func lineUses() -> [Stint_V1_LimitUse] {
        var uses: [Stint_V1_LimitUse] = []
        for line in state.lines.all {
            let bound = line.policy.line
            if let most = bound.jobs {
                uses.append(Self.use(.lineJobs, of: line.name, Int(line.counts.unfinished), most))
            }
            if let most = bound.bytes {
                uses.append(Self.use(.lineBytes, of: line.name, Int(line.counts.unfinishedBytes), most))
            }
        }
        guard uses.count > Self.linesTold else { return uses }
        let fullest = uses.sorted { Double($0.used) / Double($0.most) > Double($1.used) / Double($1.most) }
        return Array(fullest.prefix(Self.linesTold))
    }

    private static func use(_ limit: LimitName, of what: String, _ used: Int, _ most: Int) -> Stint_V1_LimitUse {
        use(limit.name, of: what, used, most)
    }

    private static func use(_ name: String, of what: String, _ used: Int, _ most: Int) -> Stint_V1_LimitUse {
        var use = Stint_V1_LimitUse()
        use.name = name
        use.of = what
        use.used = UInt64(max(0, used))
        use.most = UInt64(max(0, most))
        return use
    }
}
