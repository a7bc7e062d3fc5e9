import Foundation
import Glibc
import Testing

/// One cluster in a folder of its own: `cluster.json`, scripts, and the real `stint` on them. Everything that runs in
/// the folder ends with this object.
final class Cluster: Sendable {
    /// Short, because the path of an `ipc://` endpoint has at most 107 bytes.
    let folder: String
    let environment: [String: String]

    /// - Parameters:
    ///   - settings: The members of `cluster.json` beside `store`: `"jobs": {…}, "pools": {…}`.
    ///   - broker: More members of `broker`: `"lease": "2s"`.
    init(_ settings: String = "", broker: String = "", environment: [String: String] = [:]) throws {
        var template = Array("/tmp/stint-e2e-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var all = ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": folder, "LOG_LEVEL": "info"]
        // A toolchain that is not installed in the system's folders.
        let own = ProcessInfo.processInfo.environment
        all["LD_LIBRARY_PATH"] = own["LD_LIBRARY_PATH"]
        // Under a sanitizer the processes have it too, and report to the same place; see scripts/sanitize.
        for name in ["TSAN_OPTIONS", "ASAN_OPTIONS", "LSAN_OPTIONS", "LD_PRELOAD"] { all[name] = own[name] }
        self.environment = all.merging(environment) { _, new in new }
        try write(settings, broker: broker)
    }

    deinit {
        // Again, because a process may have been starting another.
        for _ in 0..<10 {
            let left = ProcessTable.inside(folder)
            if left.isEmpty { break }
            for id in left { kill(id, SIGKILL) }
        }
        try? FileManager.default.removeItem(atPath: folder)
    }

    // MARK: Files

    /// The file of the cluster, made anew.
    func write(_ settings: String, broker: String = "") throws {
        let broker = broker.isEmpty ? "" : ", " + broker
        let settings = settings.isEmpty ? "" : ", " + settings
        try write(
            "cluster.json",
            """
            { "broker": { "clients": "ipc://c", "workers": "ipc://w"\(broker) },
              "store": { "url": "sqlite:store/stint.db" }\(settings) }
            """)
    }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    func write(_ name: String, _ text: String) throws {
        try text.write(toFile: path(name), atomically: true, encoding: .utf8)
    }

    func contents(_ name: String) -> String { (try? String(contentsOfFile: path(name), encoding: .utf8)) ?? "" }

    /// A handler: a shell script that runs in the folder.
    func script(_ name: String, _ body: String) throws {
        try write(name, "#!/bin/sh\n\(body)\n")
        guard chmod(path(name), 0o755) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    }

    func mailbox(_ name: String) throws -> Mailbox { try Mailbox(path: path(name)) }
    func gate(_ name: String) throws -> Gate { try Gate(path: path(name)) }

    // MARK: Processes

    /// Starts `stint` with these words.
    func start(_ words: String..., environment: [String: String] = [:], input: String? = nil) throws -> RunningProcess {
        try start(words, environment: environment, input: input)
    }

    private func start(_ words: [String], environment: [String: String], input: String?) throws -> RunningProcess {
        try RunningProcess(
            StintProgram.path, words, environment: self.environment.merging(environment) { _, new in new },
            folder: folder, input: input.map { Data($0.utf8) })
    }

    /// Runs `stint` with these words to its end.
    @discardableResult
    func stint(
        _ words: String..., environment: [String: String] = [:], input: String? = nil,
        within limit: Duration = .seconds(20)
    ) async throws -> Output {
        try await start(words, environment: environment, input: input).result(within: limit)
    }

    /// Runs a line of shell to its end, with `stint` as `$stint`: for redirections, and for bytes that are no text.
    func shell(_ line: String, within limit: Duration = .seconds(20)) async throws -> Output {
        // Through a link, because the program may lie in a folder whose name the shell would take apart.
        let link = path("stint-program")
        try? FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: StintProgram.path)
        let environment = environment.merging(["stint": link]) { _, new in new }
        return try await RunningProcess("/bin/sh", ["-c", line], environment: environment, folder: folder)
            .result(within: limit)
    }

    /// A whole cluster, once it serves.
    func up(_ words: String..., environment: [String: String] = [:]) async throws -> RunningProcess {
        let process = try start(["up"] + words, environment: environment, input: nil)
        try await process.line("ready") { $0.hasPrefix("ready") }
        return process
    }

    func broker(_ words: String..., environment: [String: String] = [:]) async throws -> RunningProcess {
        let process = try start(["broker"] + words, environment: environment, input: nil)
        try await process.line("ready") { $0.hasPrefix("ready") }
        return process
    }

    /// A worker, once the broker has taken it.
    func worker(
        pool: String? = nil, name: String? = nil, environment: [String: String] = [:]
    ) async throws -> RunningProcess {
        var environment = environment
        if let name { environment["STINT_WORKER"] = name }
        let words = ["worker"] + (pool.map { ["--pool", $0] } ?? [])
        let process = try start(words, environment: environment, input: nil)
        try await process.errorLine("joining") { $0.contains("joined the broker") }
        return process
    }

    /// A worker of the type `bench`, which does nothing, fast.
    func benchWorker() async throws -> RunningProcess {
        let process = try start(
            "bench-work",
            environment: ["STINT_WORKERS": "ipc://\(folder)/w", "STINT_SLOTS": "4", "STINT_POOL": "bench"])
        try await process.errorLine("joining") { $0.contains("joined the broker") }
        return process
    }

    // MARK: Questions

    /// Enqueues one job; its id.
    func enqueue(_ words: String...) async throws -> String {
        let output = try await start(["enqueue"] + words, environment: [:], input: nil).result()
        try #require(output.code == 0, "\(output.errorText)")
        return output.text
    }

    func job(_ id: String) async throws -> JSON {
        let output = try await stint("job", id, "--json")
        try #require(output.code == 0, "\(output.errorText)")
        return try output.json
    }

    /// The job, once it is in this state.
    func job(_ id: String, when state: String, within limit: Duration = .seconds(15)) async throws -> JSON {
        try await eventually("job that is \(state)", within: limit) {
            let job = try await job(id)
            return job["state"].string == state ? job : nil
        }
    }

    func status() async throws -> JSON {
        let output = try await stint("status", "--json")
        try #require(output.code == 0, "\(output.errorText)")
        return try output.json
    }

    /// Every job of a type, page by page.
    func jobs(_ words: String...) async throws -> [JSON] {
        var jobs: [JSON] = []
        var cursor: [String] = []
        while true {
            let words = ["jobs", "--json", "--limit", "1000"] + words + cursor
            let output = try await start(words, environment: [:], input: nil).result()
            try #require(output.code == 0, "\(output.errorText)")
            jobs += try output.lines.map { try JSON($0) }
            let next = output.errorLines.first { $0.hasPrefix("stint: more: add --cursor ") }
            guard let next else { return jobs }
            cursor = ["--cursor", String(next.split(separator: " ")[4])]
        }
    }
}

/// The program under test: `STINT_BINARY`, else the one that was built together with these tests.
enum StintProgram {
    static let path: String = {
        if let path = ProcessInfo.processInfo.environment["STINT_BINARY"], !path.isEmpty { return path }
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") }
        let candidates = [own, bundle ?? own, CommandLine.arguments[0]].map {
            URL(fileURLWithPath: $0).deletingLastPathComponent().appending(path: "stint").path
        }
        return candidates.first(where: FileManager.default.isExecutableFile) ?? candidates[0]
    }()
}
