import Foundation
import StintCore
import StintStore

/// What trials of the store on a bad disk have in common: a folder of their own, and the question whether a store that
/// was opened again says all that was promised.
struct DiskTrial {
    /// In memory where the system has such a place: a disk would be waited for, and its contents are ours anyway.
    static func folder(_ name: String) -> String {
        let memory = "/dev/shm"
        let root = FileManager.default.isWritableFile(atPath: memory) ? memory : NSTemporaryDirectory()
        return root + "/stint-\(name)-\(getpid())-\(UUID().uuidString.prefix(8))"
    }

    /// Opens the files of a folder as a broker does, and says what is wrong with them; nothing, as a rule.
    ///
    /// - Returns: The batch that was found, for counting.
    static func judge(
        _ folder: String, _ promise: CrashImages.Promise, _ load: StoreLoad
    ) throws -> (batch: UInt64, problems: [String]) {
        let path = folder + "/stint.db"
        var problems: [String] = []
        var batch: UInt64 = 0
        do {
            let store = try SQLiteStore(path: path)
            defer { store.close() }
            // Without a clock, so that the epoch rises by what is on disk alone.
            let recovered = try store.recover(at: .none)
            batch = recovered.batch
            if recovered.numbers.epoch <= promise.epoch {
                problems.append("epoch \(recovered.numbers.epoch) is granted again; \(promise.epoch) was there")
            }
            guard batch >= promise.acknowledged, batch <= promise.started else {
                problems.append(
                    "the store holds batch \(batch); \(promise.acknowledged) was acknowledged and \(promise.started) begun"
                )
                return (batch, problems)
            }
            let reading = StoreReading(recovered, try store.makeReader(), against: try load.truth(at: batch))
            problems += reading.differences.map { "\($0) differs at batch \(batch)" }
            problems += reading.refused
            if reading.quarantined > 0 { problems.append("\(reading.quarantined) payloads are corrupt") }
            while try store.maintain(isIdle: true) {}
        } catch {
            problems.append("it does not open: \(error)")
        }
        let inspection = StoreInspection(of: path, depth: .whole)
        for finding in inspection.findings where finding.severity == .failure && finding.subject != "room" {
            problems.append("inspection: \(finding.sentence)")
        }
        return (batch, problems)
    }
}

/// A trial that found something: what, and how to see it again.
package struct DiskFailure: Error, Sendable, CustomStringConvertible {
    package let description: String

    init(_ trial: String, seed: UInt64, _ problems: [String]) {
        description = """
            \(trial) of seed \(seed) breaks a promise:
            \(problems.prefix(8).map { "  " + $0 }.joined(separator: "\n"))
            """
    }
}
