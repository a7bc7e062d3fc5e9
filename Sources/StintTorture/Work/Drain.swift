import ArgumentParser
import Foundation
import Stint

/// Waits until no job is under way and none is to come. A process of its own, because it has to ask from where the broker
/// can be reached, and that may be another host than the driver's.
struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Waits for the end of the torture's jobs.", shouldDisplay: false)

    /// In seconds: how long it may take until fewer jobs are under way than ever before. Then it begins anew, for how long
    /// all of them take together depends on how many the faults have left.
    @Option var patience: Int

    /// - Throws: ``Broken`` when nothing goes on for so long: work that never ends is as bad as work that is lost.
    func run() async throws {
        let client = try StintClient()
        defer { client.close() }
        var deadline = ContinuousClock.now + .seconds(patience)
        var fewest = Int.max
        var last = "no broker answered"
        while ContinuousClock.now < deadline {
            if let status = try? await client.status(timeout: .seconds(3)) {
                let counts = status.counts
                if counts.unfinished == 0 { return }
                if counts.unfinished < fewest {
                    fewest = counts.unfinished
                    deadline = ContinuousClock.now + .seconds(patience)
                }
                last =
                    "\(counts.waiting) waiting, \(counts.scheduled) scheduled, \(counts.ready) ready, \(counts.leased) leased"
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw Broken("after the last fault the work under way did not get less for \(patience) s: \(last)")
    }
}
