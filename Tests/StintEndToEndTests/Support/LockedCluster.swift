import Foundation
import Testing

/// A cluster whose broker listens on TCP and wants keys.
final class LockedCluster {
    let cluster: Cluster
    private(set) var broker: RunningProcess?
    private(set) var clients = ""
    private(set) var workers = ""

    init(_ settings: String = "", broker: String = "") throws {
        cluster = try Cluster()
        try write(settings, broker: broker)
    }

    func write(_ settings: String = "", broker: String = "", security: String = "{}") throws {
        let settings = settings.isEmpty ? "" : ", " + settings
        let broker = broker.isEmpty ? "" : ", " + broker
        try cluster.write(
            "cluster.json",
            """
            { "broker": { "bind": { "clients": "tcp://127.0.0.1:0", "workers": "tcp://127.0.0.1:0" }\(broker) },
              "store": { "url": "sqlite:store/stint.db" }, "security": \(security)\(settings) }
            """)
    }

    /// The file of a new key.
    @discardableResult
    func key(_ name: String, _ words: String...) async throws -> String {
        let line = (["keys", "new", name] + words).joined(separator: " ")
        let output = try await cluster.shell("$stint \(line)")
        try #require(output.code == 0, "\(output.errorText)")
        return output.text
    }

    func start() async throws {
        let process = try await cluster.broker()
        let words = process.outputLines[0].split(separator: " ").map(String.init)
        (broker, clients, workers) = (process, words[2], words[4])
    }

    func environment(_ file: String?) -> [String: String] {
        var environment = ["STINT_CLIENTS": clients, "STINT_WORKERS": workers, "STINT_POOL": "p"]
        environment["STINT_KEY_FILE"] = file
        return environment
    }
}
