import Foundation
import Stint
import Synchronization

/// How long honest peers waited.
struct Measured: Sendable {
    var milliseconds: [Double] = []
    var failed = 0
    var seconds = 0.0

    mutating func add(_ other: Measured) {
        milliseconds += other.milliseconds
        failed += other.failed
        seconds += other.seconds
    }

    func percentile(_ percent: Double) -> Double {
        guard !milliseconds.isEmpty else { return 0 }
        let sorted = milliseconds.sorted()
        return sorted[min(sorted.count - 1, Int(Double(sorted.count) * percent / 100))]
    }
}

/// A client that enqueues jobs at a steady pace and waits for each to be acknowledged; the broker's own worker runs them.
/// It remembers what was acknowledged, for the account at the end.
final class HonestPeers: Sendable {
    private let client: StintClient
    private let acknowledged = Mutex(0)
    /// Two at a time, a hundred a second each: what a service under light load does, so that waiting is the broker's
    /// doing and not its own queue's.
    private static let lanes = 2
    private static let pause: Duration = .milliseconds(10)

    init(broker: BesiegedBroker) throws { client = try StintClient(connectingTo: broker.clients) }

    func measure(for seconds: Double) async -> Measured {
        let end = ContinuousClock.now + .seconds(seconds)
        var all = await withTaskGroup(of: Measured.self) { group in
            for _ in 0..<Self.lanes {
                group.addTask { [self] in
                    var measured = Measured()
                    while ContinuousClock.now < end {
                        let begin = ContinuousClock.now
                        do {
                            _ = try await client.enqueueAll([NewJob(type: "bench", json: Data("1".utf8))])
                            acknowledged.withLock { $0 += 1 }
                        } catch {
                            measured.failed += 1
                        }
                        let (whole, part) = (ContinuousClock.now - begin).components
                        measured.milliseconds.append(Double(whole) * 1e3 + Double(part) / 1e15)
                        try? await Task.sleep(for: Self.pause)
                    }
                    return measured
                }
            }
            var all = Measured()
            for await measured in group { all.add(measured) }
            return all
        }
        all.seconds = seconds
        return all
    }

    func limits() async throws -> [String: Int] { try await client.status().limits }

    /// Every job that was acknowledged is completed, once: sentences for what is not so.
    func accounts() async throws -> [String] {
        let expected = acknowledged.withLock { $0 }
        let end = ContinuousClock.now + .seconds(30)
        var completed = 0
        while ContinuousClock.now < end {
            let counts = try await client.status().counts
            completed = counts.completed
            if completed >= expected { break }
            try await Task.sleep(for: .milliseconds(100))
        }
        return completed >= expected ? [] : ["\(expected) jobs were acknowledged and \(completed) completed"]
    }
}
