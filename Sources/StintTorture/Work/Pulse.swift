import Stint
import StintCore

/// Enqueues and asks, from the driver itself.
struct Pulse {
    let client: StintClient
    private let ledger: LedgerWriter

    init(client: StintClient, rig: Rig) throws {
        self.client = client
        ledger = try LedgerWriter(path: rig.path("ledger/pulse"))
    }

    func enqueueHerd(_ count: Int) async throws {
        var left = count
        while left > 0 {
            let jobs = try (0..<min(500, left)).map { _ in try job(.herd) }
            try await send(jobs)
            left -= jobs.count
        }
    }

    /// One job after the other for so long; the 99th percentile of the times to their acknowledgements, in milliseconds.
    func enqueueMilliseconds(for duration: Duration) async throws -> Int {
        Int((Double(try await enqueueMicroseconds(for: duration).p99) / 1_000).rounded(.up))
    }

    /// One job after the other for so long: the median and the 99th percentile of the times to their acknowledgements.
    func enqueueMicroseconds(for duration: Duration) async throws -> (p50: Int, p99: Int, jobs: Int) {
        var times: [Double] = []
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end {
            let start = ContinuousClock.now
            try await send([job(.quick)])
            times.append((ContinuousClock.now - start) / .microseconds(1))
        }
        times.sort()
        func percentile(_ percent: Int) -> Int { Int(times[times.count * percent / 100].rounded(.up)) }
        return (percentile(50), percentile(99), times.count)
    }

    func await(_ what: String, _ isSo: (ClusterStatus) -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(120)
        while ContinuousClock.now < deadline {
            if let status = try? await client.status(timeout: .seconds(5)), isSo(status) { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw Broken("waited 120 s for \(what)")
    }

    private func job(_ kind: JobKind) throws -> NewJob {
        try NewJob(
            type: kind.rawValue, payload: JobPayload(milliseconds: 120_000, padding: ""), id: client.nextJobID())
    }

    private func send(_ jobs: [NewJob]) async throws {
        let ids = jobs.compactMap(\.id)
        ledger.intend(ids)
        _ = try await client.enqueueAll(jobs, timeout: .seconds(60))
        ledger.acknowledge(ids)
    }
}
