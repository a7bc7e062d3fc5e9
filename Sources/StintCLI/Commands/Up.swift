import ArgumentParser
import Foundation
import Glibc
import Stint
import StintCore

struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs the broker and every pool of cluster.json on this host.",
        discussion: """
            Prints one line that starts with "ready" once the cluster serves; everything its processes say goes to \
            standard error, each line behind its process's name. What dies is started again. SIGTERM or Ctrl-C drains the \
            pools first and the broker last; a second one ends everything at once.

            EXAMPLE  stint up --pools tools
            """)

    @Option(help: ArgumentHelp("The cluster's file (default: ./cluster.json).", valueName: "file"))
    var config: String?
    @Option(
        help: ArgumentHelp(
            "Only these pools, separated by commas, and no broker; that must run on this host.", valueName: "a,b"))
    var pools: String?
    @Option(help: ArgumentHelp("Keep the store in this folder, instead of the file's.", valueName: "folder"))
    var data: String?

    static func flags(data: String?) -> [ConfigFlag] {
        guard let data else { return [] }
        let folder = URL(fileURLWithPath: data).path
        return [ConfigFlag(name: "--data", key: "store.url", value: "sqlite:\(folder)/stint.db")]
    }

    func validate() throws {
        if data == "" { throw ValidationError("--data is empty; expected a folder") }
    }

    func run() async throws {
        let path = config ?? ConnectionOptions.defaultFile
        let cluster = try ClusterConfig.load(
            path: path, environment: ProcessInfo.processInfo.environment, flags: Self.flags(data: data))
        let plans = try plans(cluster, path: URL(fileURLWithPath: path).path)
        let supervisor = Supervisor(plans: plans)
        let client = try readinessClient(cluster)
        defer { client?.close() }
        let manager = ServiceManager(environment: ProcessInfo.processInfo.environment)
        let signals = SignalWatch([SIGTERM, SIGINT]) {
            manager?.isStopping()
            supervisor.interrupt()
        }
        defer { signals.stop() }
        Lifeline.watch {
            manager?.isStopping()
            supervisor.drain()
        }
        let life = try manager.map(SignOfLife.init)
        defer { life?.stop() }
        let ready = "ready clients \(cluster.broker.clients) workers \(cluster.broker.workers)"
        do {
            try await supervisor.run {
                _ = try await client?.status(timeout: .seconds(1))
            } onReady: {
                manager?.isReady(ready)
                print(ready)
                fflush(nil)
            }
        } catch {
            throw CommandError(
                error.exitCode == 2 ? .usage : .failure,
                "the cluster did not start: \(error.sentence); see its lines above")
        }
    }

    /// Asks whether the broker answers, where this host does not run it. On such a host there may be no key that may ask;
    /// then the pools are started, and try for themselves.
    private func readinessClient(_ cluster: ClusterConfig) throws -> StintClient? {
        guard pools != nil else { return nil }
        if let security = cluster.security, security.key == nil, try ConnectionKey() == nil,
            !FileManager.default.fileExists(atPath: security.operatorFile)
        {
            return nil
        }
        return try StintClient(
            connectingTo: cluster.broker.clients, key: try cluster.commandKey(), connectPatience: .seconds(1))
    }

    // MARK: Plans

    private func plans(_ cluster: ClusterConfig, path: String) throws -> [ChildPlan] {
        var plans: [ChildPlan] = []
        if pools == nil {
            var argv = [Executable.path, "broker", "--config", path]
            if let data { argv += ["--data", data] }
            plans.append(
                ChildPlan(
                    name: "broker", argv: argv, environment: Self.noKeys, order: 0, announcesItself: true))
        }
        for name in try chosenPools(cluster) {
            guard let pool = cluster.pools[name] else { continue }
            for number in 1...pool.processes {
                plans.append(try plan(pool, name: name, number: number, cluster: cluster, path: path))
            }
        }
        return plans
    }

    private func chosenPools(_ cluster: ClusterConfig) throws -> [String] {
        guard let pools else { return cluster.pools.keys.sorted() }
        let names = pools.split(separator: ",").map { String($0).trimmingCharacters(in: .whitespaces) }
        let known = cluster.pools.isEmpty ? "no pools" : cluster.pools.keys.sorted().joined(separator: ", ")
        for name in names where cluster.pools[name] == nil {
            throw CommandError(.usage, "--pools names \"\(name)\"; the file has: \(known)")
        }
        guard !names.isEmpty else { throw CommandError(.usage, "--pools names no pool; the file has: \(known)") }
        guard Set(names).count == names.count else {
            throw CommandError(.usage, "--pools names a pool twice; to run more of it, raise its \"processes\"")
        }
        return names
    }

    private func plan(
        _ pool: ClusterConfig.Pool, name: String, number: Int, cluster: ClusterConfig, path: String
    ) throws -> ChildPlan {
        // Each pool has a key of its own; whoever started this, with another, does not lend it to them.
        var environment = Self.noKeys
        if let security = cluster.security, pool.environment[ConnectionKey.fileVariable] == nil {
            let file = security.keyFile(ofPool: name)
            guard FileManager.default.fileExists(atPath: file) else {
                throw CommandError(.usage, ClusterConfig.noKey(name, file))
            }
            environment[ConnectionKey.fileVariable] = file
        }
        environment.merge(pool.environment) { _, own in own }
        environment["STINT_CLIENTS"] = cluster.broker.clients
        environment["STINT_WORKERS"] = cluster.broker.workers
        environment["STINT_POOL"] = name
        environment["STINT_SLOTS"] = "\(pool.slots)"
        environment["STINT_WATCHDOG_MS"] =
            environment["STINT_WATCHDOG_MS"] ?? "\(cluster.broker.watchdog.inMilliseconds)"
        environment["STINT_WORKER"] = "\(name).\(number)-\(Self.host)"
        switch pool.work {
        case .command(let argv):
            return ChildPlan(
                name: "\(name).\(number)", argv: argv, environment: environment, directory: pool.directory, order: 1)
        case .handlers:
            return ChildPlan(
                name: "\(name).\(number)", argv: [Executable.path, "worker", "--config", path, "--pool", name],
                environment: environment, order: 1)
        }
    }

    /// Empty counts as not set.
    private static let noKeys = [ConnectionKey.fileVariable: "", ConnectionKey.textVariable: ""]

    private static var host: String {
        let name = ProcessInfo.processInfo.hostName.map { TypeName.isValid(String($0)) ? $0 : "-" }
        return String(String(name).prefix(60))
    }
}

/// Calls a closure whenever one of these signals comes, instead of ending the process.
final class SignalWatch {
    private var sources: [any DispatchSourceSignal] = []

    init(_ signals: [Int32], _ body: @escaping @Sendable () -> Void) {
        for signal in signals {
            Glibc.signal(signal, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: signal, queue: .global())
            source.setEventHandler(handler: body)
            source.resume()
            sources.append(source)
        }
    }

    func stop() { for source in sources { source.cancel() } }
}
