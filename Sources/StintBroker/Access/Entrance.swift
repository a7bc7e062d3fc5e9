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

    /// As many as the broker can hold sessions of.
    private static let clientsMax = 16_384
    private static let workersMax = 4_096

    /// - Throws: ``KeyFileError``.
    init(
        _ security: BrokerConfiguration.Security, context: ZMQContext, control: BrokerControl, logger: Logger
    ) throws(KeyFileError) {
        let folder = KeyFolder(security.folder)
        let server = try folder.server()
        let former = try folder.former()
        if former == nil, security.formerClients != nil || security.formerWorkers != nil {
            logger.notice("no server keys are being exchanged; the endpoints of the former one are not bound")
        }
        clients = Self.door("clients", server, former, at: security.formerClients, in: context)
        workers = Self.door("workers", server, former, at: security.formerWorkers, in: context)
        // Each connection is a file; some are kept for the store and for other connections.
        let room = OpenFiles.raiseLimit().map { Int(clamping: $0.now) / 5 * 2 } ?? .max
        gate = try Gate(
            folder: folder,
            doors: [
                Gate.Door(domain: "clients", count: clients.count, connectionsMax: min(Self.clientsMax, room)),
                Gate.Door(domain: "workers", count: workers.count, connectionsMax: min(Self.workersMax, room)),
            ],
            control: control, logger: logger)
    }

    private static func door(
        _ domain: String, _ server: KeyPair, _ former: KeyPair?, at endpoint: String?, in context: ZMQContext
    ) -> Door {
        var place: (endpoint: String, secret: SecretKey)?
        if let former, let endpoint { place = (endpoint, former.secret) }
        return Door(
            security: ServerSecurity(secret: server.secret, domain: domain), count: ConnectionCount(in: context),
            former: place)
    }

    /// Begins to judge who may connect.
    func open(in context: ZMQContext) throws -> Gatekeeper {
        let gate = gate
        return try Gatekeeper(in: context, counting: [clients.count, workers.count]) { gate.judge($0) }
    }
}
