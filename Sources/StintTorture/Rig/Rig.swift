import Foundation
import Glibc
import Stint
import StintCore
import Synchronization

/// One cluster in a folder of its own: `cluster.json`, store, ledger, effect logs, and the real processes on them.
///
///     cluster.json   store/stint.db   ledger/NAME   effects/NAME   logs/NAME   shell.sh
///
/// The driver stays outside: it starts and signals processes, asks through the client library, and reads the store only
/// once the cluster has stopped. See ``Judge``.
final class Rig: Sendable {
    /// What differs between scenarios.
    struct Options: Sendable {
        var clients = "ipc://c"
        var workers = "ipc://w"
        var store = "store/stint.db"
        var lease = "1s"
        var heartbeat = "250ms"
        /// Members of `pools`, for scenarios with a supervisor.
        var pools = ""
        /// Encrypted, with a key for each role; see ``Rig/makeKeys()``.
        var hasKeys = false
    }

    let folder: String
    let seed: UInt64
    let options: Options
    /// The `stint` under test and this driver, whose hidden subcommands are the loader and the workers.
    static let stint = besideDriver("stint")
    static let driver = besideDriver("stint-torture")

    private let environment: [String: String]
    private let lifeline: (reading: Int32, writing: Int32)
    private let processes = Mutex<[RigProcess]>([])

    /// - Parameter folder: Must not exist, and be short: the path of an `ipc://` endpoint has at most 107 bytes.
    init(folder: String, seed: UInt64, options: Options = Options()) throws {
        self.folder = folder
        self.seed = seed
        self.options = options
        var all = [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": folder, "LOG_LEVEL": "info",
            "STINT_LIFELINE": "stdin",
        ]
        // A toolchain that is not installed in the system's folders.
        let own = ProcessInfo.processInfo.environment
        all["LD_LIBRARY_PATH"] = own["LD_LIBRARY_PATH"]
        // Under a sanitizer the processes have it too, and report to the same place; see scripts/sanitize.
        for name in ["TSAN_OPTIONS", "ASAN_OPTIONS", "LSAN_OPTIONS", "LD_PRELOAD"] { all[name] = own[name] }
        environment = all
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0, ends.allSatisfy({ fcntl($0, F_SETFD, FD_CLOEXEC) == 0 }) else {
            throw POSIXError(.init(rawValue: errno) ?? .EMFILE)
        }
        lifeline = (ends[0], ends[1])
        for inner in ["ledger", "effects", "logs"] {
            try FileManager.default.createDirectory(atPath: path(inner), withIntermediateDirectories: true)
        }
        try write("cluster.json", configuration)
        try write("shell.sh", EffectLog.shellHandler)
        guard chmod(path("shell.sh"), 0o755) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    }

    deinit {
        close(lifeline.reading)
        close(lifeline.writing)
    }

    private var configuration: String {
        let shell = #"{ "slots": 2, "handlers": { "\#(JobKind.shell.rawValue)": { "exec": ["./shell.sh"] } } }"#
        // For ever: the judge asks for every job, also where the wall clock steps by years.
        let keep = ["completed", "cancelled", "dead"].map { #""\#($0)": "36500d""# }.joined(separator: ", ")
        return """
            { "name": "torture",
              "broker": { "clients": "\(options.clients)", "workers": "\(options.workers)",
                          "lease": "\(options.lease)", "heartbeat": "\(options.heartbeat)" },
              "store": { "url": "sqlite:\(options.store)", "keep": { \(keep) } },
              "jobs": { "*": { "attempts": 1000, "backoff": { "first": "50ms", "most": "500ms" },
                               "timeout": "2m", "grace": "1s" } },
              \(options.hasKeys ? #""security": { "folder": "keys" },"# : "")
              "pools": { "shell": \(shell)\(options.pools.isEmpty ? "" : ", " + options.pools) } }
            """
    }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    func write(_ name: String, _ text: String) throws {
        try text.write(toFile: path(name), atomically: true, encoding: .utf8)
    }

    var storePath: String { options.store.hasPrefix("/") ? options.store : path(options.store) }

    /// The endpoint of clients, as a peer in any folder connects to it.
    var clients: String { absolute(options.clients) }
    var workers: String { absolute(options.workers) }

    private func absolute(_ endpoint: String) -> String {
        let prefix = "ipc://"
        guard endpoint.hasPrefix(prefix), !endpoint.hasPrefix(prefix + "/") else { return endpoint }
        return prefix + path(String(endpoint.dropFirst(prefix.count)))
    }

    /// A generator of its own for each part of a scenario, so that one part's draws do not move another's.
    func random(_ part: String) -> SeededRandom {
        var mixed = seed
        for byte in part.utf8 { mixed = (mixed ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return SeededRandom(seed: mixed)
    }

    // MARK: Keys

    /// The driver's, an operator's; nil where there are none.
    var key: ConnectionKey? { get throws { options.hasKeys ? try ConnectionKey(file: keyFile) : nil } }
    var keyFile: String { path("keys/driver.key") }

    /// The driver's key, the loaders', the workers', and the server's. Before the broker is started.
    func makeKeys() async throws {
        for (name, role) in [("driver", "operator"), ("load", "producer"), ("worker", "worker")] {
            let making = try start("keys", [Self.stint, "keys", "new", name, "--role", role])
            guard try await making.end(within: .seconds(30)) == .exited(0) else {
                throw Broken("the keys could not be made; see logs/keys")
            }
        }
    }

    /// The environment of a process that is to use this key; nothing where there are none.
    func peer(_ name: String) -> [String: String] {
        options.hasKeys ? ["STINT_KEY_FILE": path("keys/\(name).key")] : [:]
    }

    /// A port of TCP that nobody listens at, now.
    static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard isBound else { throw POSIXError(.init(rawValue: errno) ?? .EADDRINUSE) }
        return UInt16(bigEndian: address.sin_port)
    }

    // MARK: Processes

    /// - Parameters:
    ///   - name: Of the part; also of its log.
    ///   - prefix: A program that runs this one: `["ip", "netns", "exec", "far"]`.
    func start(
        _ name: String, _ argv: [String], prefix: [String] = [], environment: [String: String] = [:]
    ) throws -> RigProcess {
        let part = name.prefix { $0 != "." }
        let process = try RigProcess(
            name: name, prefix + argv, environment: self.environment.merging(environment) { _, new in new },
            folder: folder, log: path("logs/\(part)"), input: lifeline.reading)
        processes.withLock { processes in
            processes.removeAll { !$0.isAlive }
            processes.append(process)
        }
        return process
    }

    func startBroker(prefix: [String] = [], environment: [String: String] = [:]) throws -> RigProcess {
        try start("broker", [Self.stint, "broker"], prefix: prefix, environment: environment)
    }

    /// A worker that links the library and serves every ``JobKind`` but the shell's.
    ///
    /// - Parameter count: So many workers in one process.
    func startWorker(
        _ name: String, slots: Int = 4, count: Int = 1, prefix: [String] = [], environment: [String: String] = [:]
    ) throws -> RigProcess {
        var own = [
            "STINT_WORKERS": workers, "STINT_POOL": "torture", "STINT_SLOTS": "\(slots)", "STINT_WORKER": name,
            EffectLog.variable: path("effects"), "STINT_DRAIN_LIMIT_MS": "5000",
        ]
        own.merge(peer("worker")) { $1 }
        return try start(
            name, [Self.driver, "work", "--count", "\(count)"], prefix: prefix,
            environment: own.merging(environment) { _, new in new })
    }

    /// A `stint worker` whose handler is a shell script.
    func startShellWorker(_ name: String, prefix: [String] = []) throws -> RigProcess {
        try start(
            name, [Self.stint, "worker", "--pool", "shell"], prefix: prefix,
            environment: peer("worker").merging(["STINT_WORKER": name]) { $1 })
    }

    func startLoader(_ load: LoadPlan, name: String = "load", prefix: [String] = []) throws -> RigProcess {
        try start(
            name, [Self.driver, "load"] + load.arguments + ["--ledger", path("ledger/\(name)")], prefix: prefix,
            environment: peer("load").merging(["STINT_CLIENTS": clients]) { $1 })
    }

    /// Kills everything that was started and still lives.
    func killAll() async {
        let left = processes.withLock { $0 }
        for process in left { process.signal(SIGKILL) }
        for process in left { _ = try? await process.end(within: .seconds(10)) }
        // Handlers of `exec` types die with their worker by its guard, which may take a moment.
        for _ in 0..<100 {
            let rest = ProcessTable.inside(folder)
            if rest.isEmpty { return }
            for id in rest { kill(id, SIGKILL) }
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    /// The program that lies in the same folder as this one.
    private static func besideDriver(_ name: String) -> String {
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: own).deletingLastPathComponent().appending(path: name).path
    }
}
