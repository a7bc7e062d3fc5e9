import Foundation
import Logging
import StintCore
import StintStore
import StintTransport
import Synchronization

/// A started broker: its store, sockets and three threads.
final class RunningBroker: Sendable {
    let addresses: BrokerService.Addresses
    private let control: BrokerControl
    private let room: RoomKeeper
    private let end: AsyncStream<Result<Void, any Error>>

    private init(
        addresses: BrokerService.Addresses, control: BrokerControl, room: RoomKeeper,
        end: AsyncStream<Result<Void, any Error>>
    ) {
        self.addresses = addresses
        self.control = control
        self.room = room
        self.end = end
    }

    func drain() {
        control.drain()
        room.end()
    }

    /// Returns when the broker has ended; throws what ended it.
    func ended() async throws {
        for await result in end { return try result.get() }
    }

    /// Opens the store first, because its lock tells whether another broker is alive; binds last, because from then on
    /// peers expect answers.
    static func start(
        _ configuration: BrokerConfiguration, manager: ServiceManager? = nil, logger: Logger
    ) throws -> RunningBroker {
        if let limit = OpenFiles.raiseLimit() {
            logger.debug("open files", metadata: ["limit": "\(limit.now)", "limit_before": "\(limit.before)"])
        }
        let store: SQLiteStore
        do {
            store = try SQLiteStore(path: configuration.storePath)
        } catch let error as StoreError {
            throw StartError(description: error.description)
        }
        do {
            return try start(configuration, store: store, manager: manager, logger: logger)
        } catch {
            store.close()
            throw error
        }
    }

    private static func start(
        _ configuration: BrokerConfiguration, store: SQLiteStore, manager: ServiceManager?, logger: Logger
    ) throws -> RunningBroker {
        let room = try RoomKeeper(store: store, logger: logger)
        try room.prepare()
        let context = try ZMQContext.ofThisProcess()
        var host = HostFacts()
        host.version = configuration.version
        host.zmqVersion = LibraryVersions.zmq
        host.sqliteVersion = LibraryVersions.sqlite
        let control = try BrokerControl(host: host)
        let memory = MemoryWatch(most: configuration.memoryBytesMax.map { UInt64($0) })
        let limits = SocketLimits(files: OpenFiles.raiseLimit().map { Int(clamping: $0.now) }, memoryMax: memory.most)
        limits.warn(logger)
        OpenFiles.makeRoom(for: limits.files)
        let entrance = try Self.entrance(configuration.security, limits, control, logger)
        let recovered = try store.recover(at: BrokerLoop.now().wall)
        logger.info(
            "store opened",
            metadata: ["path": "\(configuration.storePath)", "epoch": "\(recovered.numbers.epoch)"])
        let turn = BrokerTurn(
            recovered,
            configuration: BrokerTurn.Configuration(
                settings: BrokerState.Settings(
                    lease: configuration.lease, heartbeat: configuration.heartbeat, policies: configuration.policies,
                    defaultPolicy: configuration.defaultPolicy),
                keep: configuration.keep, payloadBytesMax: configuration.payloadBytesMax,
                seed: UInt64.random(in: .min ... .max), keys: entrance?.gate.firstKeys),
            reader: try store.makeReader(), at: BrokerLoop.now())
        let committer = try Committer(store: store, room: room) { control.waker.wake() }
        let pages = PageReader(store: store) { control.waker.wake() }

        // Before any bind: while nobody answers, nobody gets in.
        let gatekeeper = try entrance?.open(in: context)
        let workers = try bind(configuration.workers, context, limits.workers, entrance?.workers)
        let clients = try bind(configuration.clients, context, limits.clients, entrance?.clients)
        let addresses = BrokerService.Addresses(
            clients: clients.boundEndpoint.description, workers: workers.boundEndpoint.description)

        let pulse = Pulse(name: "stint-broker")
        let watching = Watchdog.Settings(stallMax: configuration.watchdog, toldTo: manager)
        let (end, report) = AsyncStream.makeStream(of: Result<Void, any Error>.self)
        let loop = BrokerLoop(
            turn: turn, workers: workers, clients: clients, committer: committer, pages: pages, control: control,
            pulse: pulse, idleMax: watching.look, logger: logger)
        let disk = try DiskWatch(room: room, memory: memory, control: control)
        let judging = try SocketThread(name: "stint-disk") { disk.run() }
        let committing = try SocketThread(name: "stint-commit") { committer.run() }
        let paging = try SocketThread(name: "stint-pages") { pages.run() }
        let looking = try entrance.map { entrance in try SocketThread(name: "stint-keys") { entrance.gate.run() } }
        let watchdog = try Watchdog([pulse, committer.pulse, pages.pulse], watching, manager: manager)
        _ = try SocketThread(name: "stint-broker") {
            defer { watchdog.stop() }
            let result = Result { try loop.run() }
            // After a failure nothing may be written any more, so the store is left as it is.
            guard case .success = result else {
                committer.abandon()
                store.noteDamage()
                report.yield(result)
                return report.finish()
            }
            committer.stop()
            pages.stop()
            disk.stop()
            committing.join()
            paging.join()
            judging.join()
            entrance?.gate.stop()
            looking?.join()
            loop.close()
            gatekeeper?.stop()
            while (try? store.maintain(isIdle: true)) == true { pulse.beat(.maintaining) }
            pulse.beat(.maintaining)
            // A file that is copied after a clean stop holds everything by itself.
            store.close()
            report.yield(result)
            report.finish()
        }
        return RunningBroker(addresses: addresses, control: control, room: room, end: end)
    }

    private static func entrance(
        _ security: BrokerConfiguration.Security?, _ limits: SocketLimits, _ control: BrokerControl, _ logger: Logger
    ) throws -> Entrance? {
        guard let security else { return nil }
        do {
            return try Entrance(security, limits, control: control, logger: logger)
        } catch {
            throw StartError(description: error.description, isMisconfigured: true)
        }
    }

    private static func bind(
        _ endpoint: String, _ context: ZMQContext, _ limits: RouterSocket.Limits, _ door: Entrance.Door?
    ) throws -> RouterSocket {
        do {
            let router = try RouterSocket(
                in: context, binding: Endpoint(endpoint), limits: limits, security: door?.security,
                counting: door?.count)
            if let former = door?.former {
                try router.alsoBind(Endpoint(former.endpoint), secret: former.secret)
            }
            return router
        } catch let error as TransportError {
            throw StartError(description: error.description, isMisconfigured: error.code == .encryptionRequired)
        }
    }
}
