import Foundation
import StintCore

/// What `cluster.json` says: one cluster, with the addresses of its broker, its store, the policies of
/// its job types and its pools. Read once at start; complete, checked, with all paths absolute.
///
/// The fields start with the defaults. Meaning, unit and range of each stand beside its key in
/// `ClusterConfig+Keys.swift`, and from there in `docs/CONFIGURATION.md`.
struct ClusterConfig: Hashable, Sendable {
    var name = "stint"
    var broker = Broker()
    var store = Store()
    var limits = Limits()
    var jobs = Jobs()
    var pools: [String: Pool] = [:]
    /// Nil: no keys, and peers of the broker's host only.
    var security: Security?

    /// A cluster of this host without pools: for commands that only need a broker to talk to.
    static let `default` = ClusterConfig()

    struct Broker: Hashable, Sendable {
        /// What peers connect to.
        var clients = "tcp://127.0.0.1:7411"
        var workers = "tcp://127.0.0.1:7412"
        var bind = Bind()
        var lease: Duration = .seconds(15)
        /// At most a third of the lease, so that two lost heartbeats in a row cost nothing.
        var heartbeat: Duration {
            get { chosenHeartbeat ?? min(.seconds(5), .milliseconds(lease.inMilliseconds / 3)) }
            set { chosenHeartbeat = newValue }
        }
        private var chosenHeartbeat: Duration?
        /// How long a thread of the broker or of a worker may stand still before its process ends itself.
        var watchdog: Duration = .seconds(30)

        /// Where it differs from what peers connect to: behind a name, a container's port, a proxy.
        struct Bind: Hashable, Sendable {
            var clients: String?
            var workers: String?
        }

        /// What the broker binds.
        var clientsBind: String { bind.clients ?? clients }
        var workersBind: String { bind.workers ?? workers }
    }

    struct Store: Hashable, Sendable {
        var location = Location.sqlite(path: ".stint/stint.db")
        var keep = Keep()

        enum Location: Hashable, Sendable {
            case sqlite(path: String)
        }

        /// How long, and how many, of the jobs that have ended.
        struct Keep: Hashable, Sendable {
            var completed = KeepRule(time: .seconds(7 * 86_400))
            var cancelled = KeepRule(time: .seconds(7 * 86_400))
            var dead = KeepRule(time: .seconds(90 * 86_400))
        }

        /// Whichever comes first.
        struct KeepRule: Hashable, Sendable {
            var time: Duration
            /// Nil: as many as the time allows.
            var count: Int?
        }
    }

    /// Encryption, and who may do what.
    struct Security: Hashable, Sendable, Defaulted {
        /// The broker's keys, and those of the pools of this host.
        var folder = ".stint/keys"
        /// The key file of commands.
        var key: String?
        var former = Former()

        /// Where the server's former key counts, while keys are exchanged.
        struct Former: Hashable, Sendable {
            var clients: String?
            var workers: String?
        }

        /// The key file of a pool.
        func keyFile(ofPool name: String) -> String { "\(folder)/\(name).key" }
        /// The key file that commands take when the file names none.
        var operatorFile: String { "\(folder)/operator.key" }
    }

    struct Limits: Hashable, Sendable {
        var payloadBytesMax = StintCore.Limits.payloadBytesMax
        /// Nil: three quarters of the host's, or of its control group's.
        var memoryBytesMax: Int?
    }

    struct Jobs: Hashable, Sendable {
        /// For types that are not listed, and the start of those that are (the key `*`).
        var base = Policy()
        var types: [String: Policy] = [:]

        func policy(for type: String) -> Policy { types[type] ?? base }
    }

    struct Pool: Hashable, Sendable {
        var work = Work.command([])
        var processes = 1
        var slots = 1
        var environment: [String: String] = [:]
        var directory = "."

        enum Work: Hashable, Sendable {
            /// A program that links Stint. Its first word is absolute, or a bare name for the
            /// supervisor to look up beside `stint` and then in PATH.
            case command([String])
            /// Programs that know nothing of Stint, started by `stint worker` for each job: type → handler.
            case handlers([String: ExecHandler])
        }
    }

    struct ExecHandler: Hashable, Sendable {
        var exec: [String] = []
        var input = Input.job
        var output = Output.messages
        /// Once loaded, with the pool's variables in it.
        var environment: [String: String] = [:]
        /// Once loaded, the pool's when the file names none.
        var directory: String?
        var allowDashValues = false

        enum Input: String, Hashable, Sendable, CaseIterable { case job, none }
        enum Output: String, Hashable, Sendable, CaseIterable { case messages, raw }
    }
}

// MARK: Loading

/// A flag of the command line that stands above file and environment, for a key that takes text.
struct ConfigFlag: Hashable, Sendable {
    /// As the user wrote it: `--connect`.
    let name: String
    /// `broker.clients`
    let key: String
    let value: String
}

extension ClusterConfig {
    /// Reads the file, puts the environment and then the flags above it, and checks the whole.
    ///
    ///     let config = try ClusterConfig.load(
    ///         path: "cluster.json", environment: ProcessInfo.processInfo.environment,
    ///         flags: connect.map { [ConfigFlag(name: "--connect", key: "broker.clients", value: $0)] } ?? [])
    ///
    /// - Throws: ``ConfigError`` with every mistake of all three; the exit code for it is 2.
    static func load(
        path: String, environment: [String: String], flags: [ConfigFlag] = []
    ) throws(ConfigError) -> ClusterConfig {
        let bytes = try contents(of: path)
        let file = URL(fileURLWithPath: path)  // makes it absolute
        return try read(
            bytes, file: path, folder: file.deletingLastPathComponent().path, environment: environment, flags: flags)
    }

    /// The defaults with environment and flags above them, for commands that work without a file.
    static func withoutFile(
        folder: String, environment: [String: String], flags: [ConfigFlag] = []
    ) throws(ConfigError) -> ClusterConfig {
        try read(Array("{}".utf8), file: "cluster.json", folder: folder, environment: environment, flags: flags)
    }

    /// - Parameters:
    ///   - file: How messages name the file.
    ///   - folder: What relative paths are relative to.
    static func read(
        _ bytes: [UInt8], file: String, folder: String, environment: [String: String], flags: [ConfigFlag] = []
    ) throws(ConfigError) -> ClusterConfig {
        var problems: [ConfigProblem] = []
        var config: ClusterConfig?
        if var tree = PositionedJSONReader.read(bytes, problems: &problems) {
            let section = keys
            for (variable, key) in section.variables {
                // Empty counts as not set: that is what `${STINT_STORE:-}` in a compose file gives.
                guard let value = environment[variable], !value.isEmpty else { continue }
                tree = tree.setting(key.split(separator: ".").map(String.init)[...], to: value, at: .outside(variable))
            }
            for flag in flags {
                tree = tree.setting(
                    flag.key.split(separator: ".").map(String.init)[...], to: flag.value, at: .outside(flag.name))
            }
            config = section.read(tree, "", onto: section.start, &problems)
        }
        guard problems.isEmpty, let config else { throw ConfigError(file: file, problems: problems) }
        return config.resolved(against: folder)
    }

    private static func contents(of path: String) throws(ConfigError) -> [UInt8] {
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            // One byte more than is allowed shows that there is more, without reading all of it.
            return Array(try handle.read(upToCount: PositionedJSONReader.bytesMax + 1) ?? Data())
        } catch {
            let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
            let reason = cause?.domain == NSPOSIXErrorDomain ? cause?.code : nil
            let message =
                reason == Int(ENOENT)
                ? """
                there is no such file. Write one ({} is enough; docs/CONFIGURATION.md has every key), or name another \
                with --config PATH
                """
                : "the file cannot be read: \(reason.map { String(cString: strerror(Int32($0))) } ?? "\(error)")"
            throw ConfigError(file: path, problems: [ConfigProblem(nil, message)])
        }
    }

    /// Makes every path absolute, so that nothing depends on where a command was started, and gives the
    /// handlers what they have from their pool.
    private func resolved(against folder: String) -> ClusterConfig {
        func absolute(_ path: String) -> String {
            if path.hasPrefix("/") { return path }
            var rest = path[...]
            while rest.hasPrefix("./") { rest = rest.dropFirst(2).drop { $0 == "/" } }
            let base = folder.hasSuffix("/") ? String(folder.dropLast()) : folder
            return rest.isEmpty || rest == "." ? folder : "\(base)/\(rest)"
        }
        func absolute(endpoint: String) -> String {
            // ipc://@name is a name in the abstract namespace of Linux, not a path.
            guard endpoint.hasPrefix("ipc://"), !endpoint.hasPrefix("ipc://@") else { return endpoint }
            return "ipc://" + absolute(String(endpoint.dropFirst(6)))
        }
        func resolved(_ security: Security) -> Security {
            var security = security
            security.folder = absolute(security.folder)
            security.key = security.key.map(absolute(_:))
            security.former.clients = security.former.clients.map(absolute(endpoint:))
            security.former.workers = security.former.workers.map(absolute(endpoint:))
            return security
        }
        func absolute(command: [String]) -> [String] {
            guard let program = command.first, program.contains("/") else { return command }
            return [absolute(program)] + command.dropFirst()
        }
        var config = self
        config.broker.clients = absolute(endpoint: broker.clients)
        config.broker.workers = absolute(endpoint: broker.workers)
        config.broker.bind.clients = broker.bind.clients.map(absolute(endpoint:))
        config.broker.bind.workers = broker.bind.workers.map(absolute(endpoint:))
        config.security = security.map(resolved(_:))
        if case .sqlite(let path) = store.location { config.store.location = .sqlite(path: absolute(path)) }
        config.pools = pools.mapValues { pool in
            var pool = pool
            pool.directory = absolute(pool.directory)
            switch pool.work {
            case .command(let command): pool.work = .command(absolute(command: command))
            case .handlers(let handlers):
                pool.work = .handlers(
                    handlers.mapValues { handler in
                        var handler = handler
                        handler.exec = absolute(command: handler.exec)
                        handler.directory = handler.directory.map(absolute(_:)) ?? pool.directory
                        handler.environment = pool.environment.merging(handler.environment) { _, own in own }
                        return handler
                    })
            }
            return pool
        }
        return config
    }
}
