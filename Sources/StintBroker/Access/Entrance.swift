import Logging
import StintTransport

/// What an encrypted broker needs before it binds: the server's keys, the list of known ones, and who lets peers in.
struct Entrance: Sendable {
    /// One socket, as ``RouterSocket`` wants it.
    struct Door: Sendable {
        let security: ServerSecurity
        let count: ConnectionCount
        /// Where the server's former key counts.
        let former: (endpoint: String, secret: SecretKey)?
    }

    let clients: Door
    let workers: Door
    let gate: Gate

    /// - Throws: ``KeyFileError``.
    init(
        _ security: BrokerConfiguration.Security, _ limits: SocketLimits, control: BrokerControl, logger: Logger
    ) throws(KeyFileError) {
        let folder = KeyFolder(security.folder)
        let server = try folder.server()
        let former = try folder.former()
        if former == nil, security.formerClients != nil || security.formerWorkers != nil {
            logger.notice("no server keys are being exchanged; the endpoints of the former one are not bound")
        }
        clients = Self.door("clients", server, former, at: security.formerClients, logger)
        workers = Self.door("workers", server, former, at: security.formerWorkers, logger)
        gate = try Gate(
            folder: folder,
            doors: [
                Gate.Door("clients", clients.count, limits.clients.connections.connectionsMax),
                Gate.Door("workers", workers.count, limits.workers.connections.connectionsMax),
            ],
            control: control, logger: logger)
    }

    /// While the former key has no place of its own, it goes on to count in its old one: a broker that is started again
    /// between the making of the new key and the change of cluster.json would lock everybody out otherwise.
    private static func door(
        _ domain: String, _ server: KeyPair, _ former: KeyPair?, at endpoint: String?, _ logger: Logger
    ) -> Door {
        var place: (endpoint: String, secret: SecretKey)?
        if let former, let endpoint { place = (endpoint, former.secret) }
        let secret = place == nil ? (former ?? server).secret : server.secret
        if former != nil, place == nil {
            logger.warning(
                "the server's new key does not count yet: cluster.json has no \"security.former\" for the former one",
                metadata: ["socket": "\(domain)"])
        }
        return Door(
            security: ServerSecurity(secret: secret, domain: domain), count: ConnectionCount(), former: place)
    }

    /// Begins to judge who may connect.
    func open(in context: ZMQContext) throws -> Gatekeeper {
        let gate = gate
        return try Gatekeeper(in: context) { gate.judge($0) }
    }
}
