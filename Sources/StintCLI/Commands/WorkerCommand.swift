import ArgumentParser
import Foundation
import Logging
import Stint
import StintCore

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Runs one worker for the executables of a pool's \"handlers\".",
        discussion: """
            SIGTERM drains it: running handlers finish, or are given back at the limit, and it exits 0.

            EXAMPLE  stint worker --pool tools
            """)

    @Option(help: ArgumentHelp("The cluster's file (default: ./cluster.json).", valueName: "file"))
    var config: String?
    @Option(help: "Which pool of the file; needed when it has several with handlers.") var pool: String?
    @Option(
        help: ArgumentHelp(
            "The broker's address for workers, instead of the file's; on another host it takes a key (STINT_KEY_FILE).",
            valueName: "endpoint"))
    var connect: String?
    @Option(parsing: .unconditional, help: "Handlers at a time, 1 to 4096, instead of the file's.") var slots: Int?

    func validate() throws {
        guard let slots, !Limits.slots.contains(slots) else { return }
        throw ValidationError("--slots is \(slots); expected 1 to 4096")
    }

    func run() async throws {
        var options = ConnectionOptions()
        options.config = config
        options.connect = nil
        let flags = connect.map { [ConfigFlag(name: "--connect", key: "broker.workers", value: $0)] } ?? []
        let cluster = try options.load(flags: flags)
        let (name, pool, handlers) = try chosen(of: cluster)

        let environment = ProcessInfo.processInfo.environment
        var worker = try Worker.Options(environment: environment)
        worker.endpoint = cluster.broker.workers
        worker.key = try cluster.key(ofPool: name)
        worker.pool = name
        worker.slots = slots ?? pool.slots
        if environment["STINT_WATCHDOG_MS"] == nil { worker.watchdog = cluster.broker.watchdog }
        let logger = Logger.toStandardError(label: "stint.worker")
        let guardian = ProcessGuard(argv: [Executable.path, "guard"], logger: logger)
        var registry = HandlerRegistry()
        for (type, handler) in handlers.sorted(by: { $0.key < $1.key }) {
            registry.exec(type, handler.spec(grace: cluster.jobs.policy(for: type).grace), guard: guardian)
        }
        try await Worker(handlers: registry, options: worker, logger: logger).runUntilSignal()
    }

    private func chosen(
        of cluster: ClusterConfig
    ) throws -> (name: String, ClusterConfig.Pool, [String: ClusterConfig.ExecHandler]) {
        let hosted = cluster.pools.compactMap {
            name, pool -> (String, ClusterConfig.Pool, [String: ClusterConfig.ExecHandler])? in
            guard case .handlers(let handlers) = pool.work else { return nil }
            return (name, pool, handlers)
        }.sorted { $0.0 < $1.0 }
        let names = hosted.map(\.0).joined(separator: ", ")
        guard let pool else {
            guard hosted.count == 1 else {
                throw CommandError(
                    .usage,
                    hosted.isEmpty
                        ? "the file has no pool with \"handlers\"; a pool with a \"command\" runs that program instead"
                        : "the file has several pools with \"handlers\" (\(names)); name one with --pool")
            }
            return hosted[0]
        }
        guard let found = hosted.first(where: { $0.0 == pool }) else {
            throw CommandError(
                .usage,
                "there is no pool \"\(pool)\" with \"handlers\" in the file; it has: \(names.isEmpty ? "none" : names)")
        }
        return found
    }
}

/// The program that runs now.
enum Executable {
    static var path: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    }
}

/// Kills the process groups of handlers whose worker died; started by workers, not by people.
struct GuardCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "guard", shouldDisplay: false)

    func run() throws { GuardProcess.main() }
}
