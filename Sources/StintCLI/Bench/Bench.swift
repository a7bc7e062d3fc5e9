import ArgumentParser
import Foundation
import Glibc
import Stint
import StintCore

/// Measures this machine: a broker, a worker and a producer of its own, as processes, on a temporary store.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures what this machine does: a cluster of its own on a temporary store.",
        discussion: """
            Every job is fsynced before its enqueue is acknowledged, and again before its completion is. Figures: jobs a \
            second enqueued with no worker there, drained from that backlog, and end to end with producer and worker at \
            once; from enqueue to the start of the handler one job at a time; the broker's CPU and memory. A signal ends \
            it with nothing left behind, and the exit code 128 plus the signal's number.

            EXAMPLE  stint bench --jobs 300000 --payload-bytes 100 --batch 100
            """)

    @Option(parsing: .unconditional, help: "Jobs in each phase.") var jobs = 100_000
    @Option(parsing: .unconditional, help: "Bytes of each payload, 2 to 1048576.") var payloadBytes = 100
    @Option(parsing: .unconditional, help: "Jobs in one message.") var batch = 100
    @Option(parsing: .unconditional, help: "Handlers at a time.") var slots = 16
    @Option(parsing: .unconditional, help: "Single jobs for the latency figures.") var latencyJobs = 1_000
    @Option(help: ArgumentHelp("A folder for the temporary store (default: the system's).", valueName: "folder"))
    var folder: String?
    @Flag(help: "With keys: every connection encrypted.") var keys = false
    @Flag(help: "One JSON object.") var json = false

    func validate() throws {
        for (name, value, allowed) in [
            ("--jobs", jobs, 1...100_000_000), ("--payload-bytes", payloadBytes, 2...Limits.payloadBytesMax),
            ("--batch", batch, 1...Limits.enqueueJobsMax), ("--slots", slots, Limits.slots),
            ("--latency-jobs", latencyJobs, 0...1_000_000),
        ] where !allowed.contains(value) {
            throw ValidationError("\(name) is \(value); expected \(allowed.lowerBound) to \(allowed.upperBound)")
        }
        guard batch * payloadBytes <= 3 * 1_048_576 else {
            throw ValidationError("--batch times --payload-bytes must be at most 3 MiB, the size of one message")
        }
    }

    private enum Event: Sendable {
        case measured(Result<BenchFigures, any Error>)
        case signal(Int32)
    }

    func run() async throws {
        let (events, continuation) = AsyncStream.makeStream(of: Event.self)
        let watches = [SIGINT, SIGTERM, SIGHUP].map { signal in
            SignalWatch([signal]) { continuation.yield(.signal(signal)) }
        }
        defer { for watch in watches { watch.stop() } }
        let home = try BenchHome(inside: folder, withKeys: keys)
        defer { home.remove() }
        // Not awaited after a signal: its requests to a broker that is gone would hold up the end.
        let bench = self
        Task {
            do {
                continuation.yield(.measured(.success(try await bench.measure(in: home))))
            } catch {
                continuation.yield(.measured(.failure(error)))
            }
        }
        for await event in events {
            switch event {
            case .measured(let result): return try show(try result.get())
            case .signal(let number):
                home.remove()
                StandardError.write("stint: interrupted; the processes of the bench are ended and its store is removed")
                throw ExitCode(128 + number)
            }
        }
    }

    private func show(_ figures: BenchFigures) throws {
        try StandardOutput.write(json ? figures.jsonLine.description : figures.page)
    }

    private func measure(in home: BenchHome) async throws -> BenchFigures {
        var figures = BenchFigures(jobs: jobs, payloadBytes: payloadBytes, batch: batch, isEncrypted: keys)
        let broker = try await home.startBroker()
        defer { broker.end() }
        let client = try StintClient(
            connectingTo: broker.clients, key: try home.keyFile("operator").map { try ConnectionKey(file: $0) })
        defer { client.close() }

        figures.enqueuePerSecond = Double(jobs) / (try await home.produce(jobs, payloadBytes, batch, for: broker))
        figures.backlogRSSBytes = broker.residentBytes
        var worker = try await home.startWorker(slots: slots, for: broker, client)
        figures.drainPerSecond = try await perSecond(client, total: jobs) {}
        worker.end()

        worker = try await home.startWorker(slots: slots, for: broker, client)
        let before = broker.cpuSeconds
        figures.endToEndPerSecond = try await perSecond(client, total: 2 * jobs) {
            _ = try await home.produce(jobs, payloadBytes, batch, for: broker)
        }
        figures.brokerMicrosecondsPerJob = (broker.cpuSeconds - before) / Double(jobs) * 1e6
        figures.latency = try await latency(client)
        figures.brokerRSSBytes = broker.residentBytes
        worker.end()
        return figures
    }

    /// Jobs a second from now until so many are completed in all.
    private func perSecond(_ client: StintClient, total: Int, while body: @escaping () async throws -> Void)
        async throws -> Double
    {
        let before = try await client.status().types[BenchJob.type]?.counts.completed ?? 0
        let start = ContinuousClock.now
        try await body()
        while true {
            let counts = try await client.status().types[BenchJob.type]?.counts
            if let counts, counts.completed >= total { break }
            try await Task.sleep(for: .milliseconds(2))
        }
        return Double(total - before) / ((ContinuousClock.now - start) / .seconds(1))
    }

    /// One job at a time on an idle cluster: from before its enqueue to the start of its handler.
    private func latency(_ client: StintClient) async throws -> [Double] {
        var samples: [Double] = []
        for _ in 0..<latencyJobs {
            let now = BenchJob.nanoseconds()
            let handle = try await client.enqueue(BenchJob.self, BenchJob.Payload(sentAt: now))
            samples.append(Double(try await handle.value.startedAt - now) / 1e6)
        }
        return samples.sorted()
    }
}

/// What the bench's worker runs. A payload that is no JSON object is one of the throughput phases: it is not even decoded.
struct BenchJob: JobHandler {
    static let type = "bench"
    struct Payload: Codable, Sendable { var sentAt: Int64 }
    struct Result: Codable, Sendable { var startedAt: Int64 }

    func run(_ payload: Payload, _ context: JobContext) async throws -> Result { Result(startedAt: Self.nanoseconds()) }

    /// The same clock in every process of this host.
    static func nanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

struct BenchFigures {
    let jobs: Int
    let payloadBytes: Int
    let batch: Int
    let isEncrypted: Bool
    var enqueuePerSecond = 0.0
    var drainPerSecond = 0.0
    var endToEndPerSecond = 0.0
    /// Milliseconds, sorted.
    var latency: [Double] = []
    var brokerMicrosecondsPerJob = 0.0
    var brokerRSSBytes = 0
    var backlogRSSBytes = 0

    static let durability = "fsync before every acknowledgement"

    init(jobs: Int, payloadBytes: Int, batch: Int, isEncrypted: Bool) {
        self.jobs = jobs
        self.payloadBytes = payloadBytes
        self.batch = batch
        self.isEncrypted = isEncrypted
    }

    private func percentile(_ share: Double) -> Double {
        latency.isEmpty ? .nan : latency[min(latency.count - 1, Int(Double(latency.count) * share))]
    }

    var jsonLine: JSONLine {
        var line = JSONLine()
        line.add("jobs", jobs)
        line.add("payload_bytes", payloadBytes)
        line.add("batch", batch)
        line.add("encrypted", isEncrypted)
        line.add("enqueue_per_s", enqueuePerSecond)
        line.add("drain_per_s", drainPerSecond)
        line.add("end_to_end_per_s", endToEndPerSecond)
        var latency = JSONLine()
        latency.add("p50", percentile(0.5))
        latency.add("p99", percentile(0.99))
        line.add("latency_ms", latency)
        line.add("broker_cpu_us_per_job", brokerMicrosecondsPerJob)
        line.add("broker_rss_bytes", brokerRSSBytes)
        line.add("backlog_rss_bytes", backlogRSSBytes)
        line.add("durability", Self.durability)
        return line
    }

    var page: String {
        func number(_ value: Double) -> String { Int(value).formatted(.number.locale(Locale(identifier: "en_US"))) }
        let latency =
            self.latency.isEmpty
            ? "not measured"
            : String(format: "p50 %.3f ms, p99 %.3f ms", percentile(0.5), percentile(0.99))
        return """
            \(number(Double(jobs))) jobs of \(payloadBytes) bytes, \(batch) a message\(isEncrypted ? ", encrypted" : ""); \(Self.durability)
            enqueue      \(number(enqueuePerSecond)) jobs/s
            drain        \(number(drainPerSecond)) jobs/s
            end to end   \(number(endToEndPerSecond)) jobs/s, \(String(format: "%.1f", brokerMicrosecondsPerJob)) µs of broker CPU a job
            latency      enqueue to handler start, idle: \(latency)
            broker RSS   \(brokerRSSBytes / 1_048_576) MiB at the end, \(backlogRSSBytes / 1_048_576) MiB with the backlog
            """
    }
}
