import ArgumentParser
import Foundation
import Stint

/// Which cluster a command talks to: `--connect` before the environment, before the file.
struct ConnectionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The cluster's file (default: ./cluster.json).", valueName: "file"))
    var config: String?

    @Option(
        help: ArgumentHelp(
            "The broker's address for clients, instead of the file's; on another host it takes a key (STINT_KEY_FILE).",
            valueName: "endpoint"))
    var connect: String?

    static let defaultFile = "cluster.json"

    /// The configuration: from the file, or the defaults when there is none and none was asked for.
    ///
    /// - Throws: ``ConfigError``, with every mistake at once.
    func load(flags: [ConfigFlag] = []) throws -> ClusterConfig {
        let environment = ProcessInfo.processInfo.environment
        var flags = flags
        if let connect { flags.append(ConfigFlag(name: "--connect", key: "broker.clients", value: connect)) }
        let path = config ?? Self.defaultFile
        if config == nil, !FileManager.default.fileExists(atPath: path) {
            return try ClusterConfig.withoutFile(
                folder: FileManager.default.currentDirectoryPath, environment: environment, flags: flags)
        }
        return try ClusterConfig.load(path: path, environment: environment, flags: flags)
    }

    /// The cluster. To a file that is not there, an address is the other way out.
    private func cluster() throws -> ClusterConfig {
        let path = config ?? Self.defaultFile
        guard config != nil, connect == nil, !FileManager.default.fileExists(atPath: path) else {
            return try load()
        }
        throw CommandError(
            .usage,
            """
            there is no file "\(path)". Name another with --config, or give the address of a running broker with \
            --connect ENDPOINT instead.
            """)
    }

    /// A client, and its end after the body.
    func withClient<Value>(_ body: (StintClient) async throws -> Value) async throws -> Value {
        let cluster = try cluster()
        let client = try StintClient(
            connectingTo: cluster.broker.clients, key: try cluster.commandKey(), connectPatience: .milliseconds(2_500))
        defer { client.close() }
        return try await body(client)
    }
}

extension ClusterConfig {
    /// The key of commands: the environment's before the file's. Nil when the cluster has no keys.
    ///
    /// - Throws: ``CommandError`` with `usage` when there should be one and is none.
    func commandKey() throws -> ConnectionKey? {
        if let key = try ConnectionKey() { return key }
        guard let security else { return nil }
        if let path = security.key { return try ConnectionKey(file: path) }
        guard FileManager.default.fileExists(atPath: security.operatorFile) else {
            throw CommandError(
                .usage,
                """
                this cluster has keys, and there is none for this command: neither STINT_KEY_FILE nor "security.key" of \
                cluster.json names one, and there is no "\(security.operatorFile)". On the broker's host \
                `stint keys new operator --role operator` makes it.
                """)
        }
        return try ConnectionKey(file: security.operatorFile)
    }

    /// The key of a pool's processes: the environment's before the folder's. Nil when the cluster has no keys.
    func key(ofPool name: String) throws -> ConnectionKey? {
        if let key = try ConnectionKey() { return key }
        guard let security else { return nil }
        let path = security.keyFile(ofPool: name)
        guard FileManager.default.fileExists(atPath: path) else { throw CommandError(.usage, Self.noKey(name, path)) }
        return try ConnectionKey(file: path)
    }

    static func noKey(_ pool: String, _ path: String) -> String {
        """
        this cluster has keys, and there is none for the pool "\(pool)": no "\(path)". On the broker's host \
        `stint keys new \(pool) --role worker` makes it; --types binds it to the pool's types.
        """
    }
}
