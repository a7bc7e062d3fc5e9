import ArgumentParser
import Foundation
import Glibc
import Logging
import ServiceLifecycle
import Stint
import StintBroker
import StintCore

struct BrokerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "broker", abstract: "Runs the broker alone.",
        discussion: """
            Prints a line that starts with "ready" once it serves. SIGTERM makes it refuse new jobs, make everything \
            durable and end; running jobs are adopted by the next broker.

            EXAMPLE  stint broker --config cluster.json
            """)

    @Option(help: ArgumentHelp("The cluster's file (default: ./cluster.json).", valueName: "file"))
    var config: String?
    @Option(help: ArgumentHelp("Keep the store in this folder, instead of the file's.", valueName: "folder"))
    var data: String?

    func validate() throws {
        if data == "" { throw ValidationError("--data is empty; expected a folder") }
    }

    func run() async throws {
        var options = ConnectionOptions()
        options.config = config
        options.connect = nil
        let cluster = try options.load(flags: Up.flags(data: data))
        var logger = Logger.toStandardError(label: "stint.broker")
        logger[metadataKey: "cluster"] = "\(cluster.name)"
        let manager = ServiceManager(environment: ProcessInfo.processInfo.environment)
        let service = BrokerService(try cluster.brokerConfiguration, logger: logger, manager: manager) { addresses in
            print("ready clients \(addresses.clients) workers \(addresses.workers)")
            fflush(nil)
        }
        try await ServiceRunner.run(service, logger: logger)
    }
}

extension ClusterConfig {
    var brokerConfiguration: BrokerConfiguration {
        get throws {
            let path =
                switch store.location {
                case .sqlite(let path): path
                }
            var broker = BrokerConfiguration(
                clients: self.broker.clientsBind, workers: self.broker.workersBind, storePath: path)
            broker.lease = self.broker.lease
            broker.heartbeat = self.broker.heartbeat
            broker.watchdog = self.broker.watchdog
            broker.version = StintCommand.version
            broker.policies = jobs.types
            broker.defaultPolicy = jobs.base
            broker.keep = Retention(
                completed: .init(time: store.keep.completed.time, count: store.keep.completed.count),
                cancelled: .init(time: store.keep.cancelled.time, count: store.keep.cancelled.count),
                dead: .init(time: store.keep.dead.time, count: store.keep.dead.count))
            broker.payloadBytesMax = limits.payloadBytesMax
            broker.security = security.map {
                BrokerConfiguration.Security(
                    folder: $0.folder, formerClients: $0.former.clients, formerWorkers: $0.former.workers)
            }
            broker.memoryBytesMax = limits.memoryBytesMax
            return broker
        }
    }
}

/// Runs one service until it ends or a signal (or the end of the supervisor's lifeline) asks for a drain.
enum ServiceRunner {
    static func run(_ service: any Service, logger: Logger) async throws {
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(
                        service: service, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .cancelGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        Lifeline.watch { Task { await group.triggerGracefulShutdown() } }
        do {
            try await group.run()
        } catch let error as StartError {
            throw CommandError(error.isMisconfigured ? .usage : .failure, error.description)
        }
    }
}
