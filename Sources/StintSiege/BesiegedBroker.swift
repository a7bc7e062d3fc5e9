import Foundation
import Glibc
import Synchronization

/// `stint broker` and one worker as processes, on free ports and in a folder of their own. Both end with this process,
/// however it ends: their standard input is a lifeline.
final class BesiegedBroker: Sendable {
    struct Failure: Error, CustomStringConvertible { let description: String }

    let clients: String
    let clientsPort: UInt16
    let workersPort: UInt16
    private let folder: URL
    private let broker: ChildOfSiege
    private let worker: ChildOfSiege

    /// - Parameter name: Of its folder.
    init(program: String, name: String) async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "stint-siege-\(getpid())-\(name)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(
            """
            { "name": "siege", "broker": { "bind": { "clients": "tcp://127.0.0.1:0", "workers": "tcp://127.0.0.1:0" } },
              "store": { "url": "sqlite:stint.db" } }
            """.utf8
        ).write(to: folder.appending(path: "cluster.json"))
        broker = try ChildOfSiege(
            program, ["broker", "--config", folder.appending(path: "cluster.json").path], environment: [:])
        // ready clients tcp://127.0.0.1:1 workers tcp://127.0.0.1:2
        let words = await broker.firstLine { $0.hasPrefix("ready") }?.split(separator: " ").map(String.init) ?? []
        guard words.count == 5, let clientsPort = Self.port(of: words[2]), let workersPort = Self.port(of: words[4])
        else { throw Failure(description: "the broker did not start: \(broker.lastWords)") }
        clients = words[2]
        (self.clientsPort, self.workersPort) = (clientsPort, workersPort)
        worker = try ChildOfSiege(
            program, ["bench-work"],
            environment: ["STINT_WORKERS": words[4], "STINT_SLOTS": "4", "STINT_POOL": "bench"])
    }

    private static func port(of endpoint: String) -> UInt16? {
        endpoint.split(separator: ":").last.flatMap { UInt16($0) }
    }

    var isAlive: Bool { broker.isRunning }
    var lastWords: String { broker.lastWords }

    /// What the process takes now.
    var residentMiB: Int { mebibytes(of: "VmRSS:") }
    /// The most that it took so far.
    var peakMiB: Int { mebibytes(of: "VmHWM:") }

    private func mebibytes(of name: String) -> Int {
        let status = (try? String(contentsOfFile: "/proc/\(broker.id)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix(name) } ?? ""
        return (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) / 1_024
    }

    func end() {
        worker.end()
        broker.end()
        try? FileManager.default.removeItem(at: folder)
    }
}

/// A process whose output is kept.
final class ChildOfSiege: Sendable {
    let id: Int32
    private let process: Mutex<Process>
    private let lifeline = Pipe()
    private let state: SharedLines

    init(_ program: String, _ arguments: [String], environment: [String: String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        var all = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("STINT_") }
        all["LOG_LEVEL"] = "warning"
        all["STINT_LIFELINE"] = "stdin"
        process.environment = all.merging(environment) { _, new in new }
        process.standardInput = lifeline
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        let state = SharedLines()
        self.state = state
        try process.run()
        id = process.processIdentifier
        self.process = Mutex(process)
        let reader = output.fileHandleForReading
        Thread.detachNewThread {
            var rest: [UInt8] = []
            var bytes = [UInt8](repeating: 0, count: 4_096)
            while true {
                // Not FileHandle's own, which waits until it has all that it was asked for.
                let count = Glibc.read(reader.fileDescriptor, &bytes, bytes.count)
                guard count > 0 else { break }
                rest += bytes[..<count]
                while let end = rest.firstIndex(of: 10) {
                    state.add(String(decoding: rest[..<end], as: UTF8.self))
                    rest.removeSubrange(...end)
                }
            }
            state.end()
        }
    }

    var isRunning: Bool { kill(id, 0) == 0 && !state.isOver }
    var lines: [String] { state.all }
    var lastWords: String { state.all.suffix(5).joined(separator: " | ") }

    /// The first line like this, once it comes; nil when the process ends without.
    func firstLine(_ isWanted: (String) -> Bool) async -> String? {
        while !state.isOver {
            if let line = state.all.first(where: isWanted) { return line }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return state.all.first(where: isWanted)
    }

    /// Its standard input comes to an end.
    func endInput() { try? lifeline.fileHandleForWriting.close() }

    func end() {
        kill(id, SIGKILL)
        process.withLock { $0.waitUntilExit() }
    }
}

/// What a process said, the last thousand lines.
final class SharedLines: Sendable {
    private let state = Mutex((lines: [String](), isOver: false))

    var all: [String] { state.withLock { $0.lines } }
    var isOver: Bool { state.withLock { $0.isOver } }
    func end() { state.withLock { $0.isOver = true } }
    func add(_ line: String) {
        state.withLock {
            $0.lines.append(line)
            if $0.lines.count > 1_000 { $0.lines.removeFirst(500) }
        }
    }
}
