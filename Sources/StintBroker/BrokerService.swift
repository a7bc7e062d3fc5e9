import Foundation
import Logging
import ServiceLifecycle
import StintCore
import StintStore
import StintTransport

/// What a broker needs to start.
public struct BrokerConfiguration: Sendable {
    /// `tcp://127.0.0.1:7411`, `ipc:///run/stint/clients`, …; port 0 takes a free one.
    public var clients: String
    public var workers: String
    /// A path; missing folders are made.
    public var storePath: String
    public var lease: Duration = .seconds(15)
    public var heartbeat: Duration = .seconds(5)
    public var policies: [String: Policy] = [:]
    public var defaultPolicy = Policy()
    public var keep = Retention()
    public var payloadBytesMax = Limits.payloadBytesMax
    /// Nil: plain text, and then peers of this host only.
    public var security: Security?

    /// Encryption, and who may do what.
    public struct Security: Sendable {
        /// The private folder with the server's key and the list of known keys, as `stint keys` makes it.
        public var folder: String
        /// Where peers that still know the server's former key are served, while keys are exchanged.
        public var formerClients: String?
        public var formerWorkers: String?

        public init(folder: String, formerClients: String? = nil, formerWorkers: String? = nil) {
            self.folder = folder
            self.formerClients = formerClients
            self.formerWorkers = formerWorkers
        }
    }
    /// How long a thread of the broker may stand still before the process ends itself, with exit code 70: 1 s…1 h.
    public var watchdog: Duration = .seconds(30)
    /// Of the program, told to people who ask.
    public var version = ""
    /// Resident memory beyond which the broker ends in order, to be started again; nil: three quarters of the host's, or
    /// of its control group's.
    public var memoryBytesMax: Int?

    public init(clients: String, workers: String, storePath: String) {
        self.clients = clients
        self.workers = workers
        self.storePath = storePath
    }
}

/// The broker as a service: opens the store, binds the sockets, runs the loop on a thread of its own.
///
/// **Stopping.** On graceful shutdown it refuses new jobs, grants nothing more, makes everything durable and ends; it does
/// not wait for running jobs, the next broker adopts them.
/// **Failing.** When the store fails ``run()`` throws, and the process must end: the outcome of the last commit is unknown,
/// and only a restart can find out. Nothing that was acknowledged is lost.
public struct BrokerService: Service {
    /// Where the broker listens, once it does.
    public struct Addresses: Sendable {
        public let clients: String
        public let workers: String
    }

    private let configuration: BrokerConfiguration
    private let logger: Logger
    private let manager: ServiceManager?
    private let onReady: @Sendable (Addresses) -> Void

    /// - Parameter onReady: Called once, when jobs can be enqueued and workers can join.
    public init(
        _ configuration: BrokerConfiguration, logger: Logger,
        onReady: @escaping @Sendable (Addresses) -> Void = { _ in }
    ) {
        self.init(configuration, logger: logger, manager: nil, onReady: onReady)
    }

    /// - Parameter manager: Told that the broker is ready, lives and drains. For a process that is nothing but a broker.
    package init(
        _ configuration: BrokerConfiguration, logger: Logger, manager: ServiceManager?,
        onReady: @escaping @Sendable (Addresses) -> Void
    ) {
        self.configuration = configuration
        self.logger = logger
        self.manager = manager
        self.onReady = onReady
    }

    /// - Throws: ``StartError`` when an address or the store cannot be had; what ended the broker otherwise.
    public func run() async throws {
        let manager = manager
        let running = try RunningBroker.start(configuration, manager: manager, logger: logger)
        manager?.isReady("serving clients at \(running.addresses.clients), workers at \(running.addresses.workers)")
        onReady(running.addresses)
        try await withGracefulShutdownHandler {
            try await withTaskCancellationHandler {
                try await running.ended()
            } onCancel: {
                manager?.isStopping()
                running.drain()
            }
        } onGracefulShutdown: {
            manager?.isStopping()
            running.drain()
        }
    }
}

/// Why a broker could not start: one sentence with the next step.
public struct StartError: Error, Sendable, CustomStringConvertible {
    public let description: String
    /// What is configured cannot work; starting again without a change is of no use.
    public let isMisconfigured: Bool

    init(description: String, isMisconfigured: Bool = false) {
        self.description = description
        self.isMisconfigured = isMisconfigured
    }
}
