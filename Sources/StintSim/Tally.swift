import Foundation
import StintTestKit

/// What happened in many lives, in numbers.
struct Tally: CustomStringConvertible {
    var lives = 0
    var failures = 0
    private var operations = 0
    private var faults = 0
    private var frames = 0
    private var events: UInt64 = 0
    private var simulated: Duration = .zero
    private let start = ContinuousClock.now

    mutating func add(_ report: Simulation.Report) {
        lives += 1
        operations += report.operations
        faults += report.faultCount
        frames += report.frames
        events += report.events
        simulated += report.simulated
    }

    var description: String {
        let seconds = max(0.000_001, (ContinuousClock.now - start) / .seconds(1))
        return """
            \(lives) lives, \(String(format: "%.1f", simulated / .seconds(3_600))) simulated hours, \
            \(operations) operations, \(faults) faults, \(frames) frames in \(String(format: "%.1f", seconds)) s \
            (\(String(format: "%.0f", Double(events) / seconds)) events/s, \
            \(String(format: "%.1f", seconds * 1_000 / Double(max(1, lives)))) ms a life); \
            \(failures == 0 ? "no rule was broken" : "\(failures) lives broke a rule")
            """
    }
}
