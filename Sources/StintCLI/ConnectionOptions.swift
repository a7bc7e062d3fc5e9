import ArgumentParser
import Foundation
import Stint

/// Which cluster a command talks to: `--connect` before the environment, before the file.
struct ConnectionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The cluster's file (default: ./cluster.json).", valueName: "file"))
    var config: String?

    @Option(
        help: ArgumentHelp(
            "The broker's address for clients, instead of the file's; on this host only, until there is encryption.",
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

    /// The broker's address for clients. To a file that is not there, an address is the other way out.
    private func broker() throws -> String {
        let path = config ?? Self.defaultFile
        guard config != nil, connect == nil, !FileManager.default.fileExists(atPath: path) else {
            return try load().broker.clients
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
        let client = try StintClient(connectingTo: try broker(), connectPatience: .milliseconds(2_500))
        defer { client.close() }
        return try await body(client)
    }
}
