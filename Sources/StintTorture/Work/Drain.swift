import ArgumentParser
import Foundation
import Stint

/// Waits until no job is under way and none is to come. A process of its own, because it has to ask from where the broker
/// can be reached, and that may be another host than the driver's.
struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Waits for the end of the torture's jobs.", shouldDisplay: false)

    @Option var seconds: Int

    /// - Throws: ``Broken`` when that takes too long: work that never ends is as bad as work that is lost.
    func run() async throws {
        let client = try StintClient()
        defer { client.close() }
        let deadline = ContinuousClock.now + .seconds(seconds)
        var last = "no broker answered"
        while ContinuousClock.now < deadline {
            if let status = try? await client.status(timeout: .seconds(3)) {
                if status.counts.unfinished == 0 { return }
                let counts = status.counts
                last =
                    "\(counts.waiting) waiting, \(counts.scheduled) scheduled, \(counts.ready) ready, \(counts.leased) leased"
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw Broken("\(seconds) s after the last fault there still was work under way: \(last)")
    }
}
