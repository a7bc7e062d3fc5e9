import ArgumentParser
import Foundation
import Glibc
import Stint
import StintCore
import Synchronization

/// What a producer is to enqueue.
struct LoadPlan: Sendable {
    /// Jobs a second.
    var rate: Int
    var seed: UInt64
    /// One kind instead of the mix.
    var kind: JobKind?
    /// How long slow jobs run at most, and held ones always.
    var milliseconds = 2_500

    var arguments: [String] {
        let words = ["--rate", "\(rate)", "--seed", "\(seed)", "--milliseconds", "\(milliseconds)"]
        return words + (kind.map { ["--kind", $0.rawValue] } ?? [])
    }
}

/// A producer under torture: enqueues jobs at a rate, notes in its ledger what was acknowledged, and asks for proof.
///
/// What has no answer is sent again with the same ids until it has one, or until this process is told to end. Now and
/// then it sends once more what was acknowledged long ago (each job of it has to be a duplicate), asks for such a job
/// (it has to be there), or cancels one.
struct Load: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A producer of the torture.", shouldDisplay: false)

    @Option var rate: Int
    @Option var seed: UInt64
    @Option var kind: String?
    @Option var milliseconds: Int
    @Option var ledger: String
    static let lanes = 4

    func run() async throws {
        let stop = StopFlag()
        let signals = SignalSources([SIGTERM, SIGINT]) { stop.raise() }
        defer { withExtendedLifetime(signals) {} }
        Lifeline.watch { stop.raise() }
        let client = try StintClient(connectPatience: .seconds(10))
        defer { client.close() }
        let notes = try LedgerWriter(path: ledger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<Self.lanes {
                let plan = LoadPlan(
                    rate: rate / Self.lanes, seed: seed &+ UInt64(number) &* 0x9E37_79B9,
                    kind: kind.flatMap(JobKind.init), milliseconds: milliseconds)
                let lane = LoadLane(plan: plan, client: client, ledger: notes, stop: stop)
                group.addTask { try await lane.run() }
            }
            try await group.waitForAll()
        }
    }
}

/// Raised by SIGTERM, and by the end of the driver.
final class StopFlag: Sendable {
    private let since = Mutex<ContinuousClock.Instant?>(nil)

    func raise() { since.withLock { $0 = $0 ?? .now } }

    var isRaised: Bool { since.withLock { $0 != nil } }

    /// What has no answer so long after the end was asked for will get none.
    var isOverdue: Bool { since.withLock { $0.map { .now - $0 > .seconds(20) } ?? false } }
}
