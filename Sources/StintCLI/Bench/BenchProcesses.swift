import ArgumentParser
import Foundation
import Glibc
import Stint
import StintBroker
import StintCore
import Synchronization

/// The temporary folder of a bench, and the processes on it. Both are gone when it is removed, whatever happened before.
final class BenchHome: Sendable {
    private struct State {
        var processes: [BenchProcess] = []
        var isRemoved = false
    }

    let folder: URL
    private let hasKeys: Bool
    private let state = Mutex(State())

    /// - Parameter parent: A folder that exists; nil: the system's for temporary files.
    /// - Throws: ``CommandError`` with `usage`.
    init(inside parent: String?, withKeys hasKeys: Bool) throws {
        self.hasKeys = hasKeys
        let parent = URL(fileURLWithPath: parent ?? FileManager.default.temporaryDirectory.path).path
        var template = Array("\(parent)/stint-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            let reason = String(cString: strerror(errno))
            throw CommandError(
                .usage,
                "no temporary store can be made in \"\(parent)\": \(reason). Name a folder that exists with --folder.")
        }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        folder = URL(fileURLWithPath: path, isDirectory: true)
        let config = """
            { "name": "bench", "broker": { "clients": "tcp://127.0.0.1:7411", "workers": "tcp://127.0.0.1:7412",
              "bind": { "clients": "tcp://127.0.0.1:0", "workers": "tcp://127.0.0.1:0" } },
              "store": { "url": "sqlite:stint.db" }\(hasKeys ? #", "security": { "folder": "keys" }"# : "") }
            """
        do {
            if hasKeys { try makeKeys() }
            try config.write(to: folder.appendingPathComponent("cluster.json"), atomically: true, encoding: .utf8)
        } catch {
            remove()
            throw CommandError(.failure, "nothing can be written in \"\(parent)\": \(error.localizedDescription)")
        }
    }

    private func makeKeys() throws {
        let keys = KeyFolder(folder.appendingPathComponent("keys").path)
        let now = WallTime(milliseconds: Int64(Date.now.timeIntervalSince1970 * 1_000))
        for (name, role) in [("operator", Role.operator), ("worker", .worker)] {
            _ = try keys.make(name, role, types: nil, children: nil, expiresAt: nil, at: now)
        }
    }

    /// The key file of this name; nil when the bench goes without keys.
    func keyFile(_ name: String) -> String? {
        hasKeys ? folder.appendingPathComponent("keys/\(name).key").path : nil
    }

    /// Kills what still runs, waits for its end, and removes the folder. No process starts here afterwards.
    func remove() {
        let processes = state.withLock { state in
            state.isRemoved = true
            defer { state.processes = [] }
            return state.processes
        }
        for process in processes { process.kill() }
        for process in processes { process.awaitEnd() }
        try? FileManager.default.removeItem(at: folder)
    }

    private func start(_ arguments: [String], environment: [String: String]) throws -> BenchProcess {
        try state.withLock { state in
            guard !state.isRemoved else { throw CancellationError() }
            let process = try BenchProcess(arguments, environment: environment)
            state.processes.append(process)
            return process
        }
    }

    func startBroker() async throws -> BenchBroker {
        let process = try start(
            ["broker", "--config", folder.appendingPathComponent("cluster.json").path], environment: [:])
        guard let line = await process.nextLine(), line.hasPrefix("ready ") else {
            throw CommandError(.failure, "the bench's broker did not start; its words are above")
        }
        let words = line.split(separator: " ").map(String.init)
        return BenchBroker(process: process, clients: words[2], workers: words[4])
    }

    func startWorker(slots: Int, for broker: BenchBroker, _ client: StintClient) async throws -> BenchProcess {
        let process = try start(
            ["bench-work"],
            environment: [
                "STINT_WORKERS": broker.workers, "STINT_SLOTS": "\(slots)", "STINT_POOL": "bench",
                ConnectionKey.fileVariable: keyFile("worker") ?? "",
            ])
        guard await process.nextLine() != nil else {
            throw CommandError(.failure, "the bench's worker did not start; its words are above")
        }
        return process
    }

    /// Runs the producer to its end; returns the seconds from its first request to its last answer.
    func produce(_ jobs: Int, _ payloadBytes: Int, _ batch: Int, for broker: BenchBroker) async throws -> Double {
        let process = try start(
            [
                "bench-produce", "--jobs", "\(jobs)", "--payload-bytes", "\(payloadBytes)", "--batch", "\(batch)",
            ],
            environment: [
                "STINT_CLIENTS": broker.clients, ConnectionKey.fileVariable: keyFile("operator") ?? "",
            ])
        guard let line = await process.nextLine(), let seconds = Double(line) else {
            throw CommandError(.failure, "the bench's producer failed; its words are above")
        }
        process.end()
        return seconds
    }
}

/// One process of the bench: this same program, another subcommand.
final class BenchProcess: Sendable {
    private let process: Mutex<Process>
    let id: Int32
    private let lines: AsyncStream<String>
    private let pipe: Pipe
    /// Standard input of the child, which ends when this process does, however it does: see ``Lifeline``.
    private let lifeline: Pipe

    init(_ arguments: [String], environment: [String: String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Executable.path)
        process.arguments = arguments
        var all = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("STINT_") }
        all["LOG_LEVEL"] = "warning"
        all[Lifeline.variable] = Lifeline.value
        process.environment = all.merging(environment) { _, new in new }
        lifeline = Pipe()
        process.standardInput = lifeline
        let pipe = Pipe()
        process.standardOutput = pipe
        self.pipe = pipe
        let (lines, continuation) = AsyncStream.makeStream(of: String.self)
        self.lines = lines
        try process.run()
        id = process.processIdentifier
        let descriptor = pipe.fileHandleForReading.fileDescriptor
        Thread.detachNewThread { Self.read(descriptor, into: continuation) }
        self.process = Mutex(process)
    }

    private static func read(
        _ descriptor: Int32, into lines: AsyncStream<String>.Continuation
    ) {
        var line: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = Glibc.read(descriptor, &bytes, bytes.count)
            guard count > 0 else { return lines.finish() }
            for byte in bytes[..<count] {
                if byte == UInt8(ascii: "\n") {
                    lines.yield(String(decoding: line, as: UTF8.self))
                    line.removeAll()
                } else {
                    line.append(byte)
                }
            }
        }
    }

    func nextLine() async -> String? {
        for await line in lines { return line }
        return nil
    }

    /// SIGTERM, and waits for the end.
    func end() {
        Glibc.kill(id, SIGTERM)
        awaitEnd()
    }

    /// Without the lock, which `end` holds while it waits.
    func kill() { Glibc.kill(id, SIGKILL) }

    func awaitEnd() { process.withLock { $0.waitUntilExit() } }
}

struct BenchBroker {
    let process: BenchProcess
    let clients: String
    let workers: String

    func end() { process.end() }

    /// User and system time, from the kernel's count of ticks.
    var cpuSeconds: Double {
        guard let text = try? String(contentsOfFile: "/proc/\(process.id)/stat", encoding: .utf8),
            let fields = text.split(separator: ")").last?.split(separator: " "), fields.count > 12,
            let user = Double(fields[11]), let system = Double(fields[12])
        else { return .nan }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    var residentBytes: Int {
        guard let text = try? String(contentsOfFile: "/proc/\(process.id)/statm", encoding: .utf8),
            let pages = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { return 0 }
        return pages * Int(getpagesize())
    }
}

extension Bench {
    /// The producer: messages of a batch each, as many on their way as the window takes.
    struct Produce: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "bench-produce", shouldDisplay: false)
        @Option var jobs: Int
        @Option var payloadBytes: Int
        @Option var batch: Int

        func run() async throws {
            Lifeline.watch { _exit(1) }
            let client = try StintClient()
            defer { client.close() }
            _ = try await client.status()
            let payload =
                Data("\"".utf8) + Data(repeating: UInt8(ascii: "x"), count: payloadBytes - 2) + Data("\"".utf8)
            let start = ContinuousClock.now
            let (jobs, batch) = (jobs, batch)
            let lanes = batch == 1 ? 512 : 32
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lane in 0..<lanes {
                    group.addTask {
                        for first in stride(from: lane * batch, to: jobs, by: lanes * batch) {
                            let job = NewJob(type: BenchJob.type, json: payload)
                            _ = try await client.enqueueAll(
                                Array(repeating: job, count: min(batch, jobs - first)), timeout: .seconds(120))
                        }
                    }
                }
                try await group.waitForAll()
            }
            print((ContinuousClock.now - start) / .seconds(1))
        }
    }

    /// The worker.
    struct Work: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "bench-work", shouldDisplay: false)

        func run() async throws {
            // Its jobs are worth nothing without the bench, so it does not drain.
            Lifeline.watch { _exit(1) }
            var handlers = HandlerRegistry()
            var timed = HandlerRegistry()
            timed.register(BenchJob())
            guard let runTimed = timed.runners[BenchJob.type] else { return }
            handlers.register(BenchJob.type) { attempt, channel, logger in
                guard attempt.payload.first == UInt8(ascii: "{") else { return .completed(result: Data()) }
                return await runTimed(attempt, channel, logger)
            }
            let worker = try Worker(handlers: handlers)
            print("started")
            fflush(nil)
            try await worker.runUntilSignal()
        }
    }
}
