import Foundation

/// An attack on a broker, from a process of its own that ends with this one.
final class Attackers: Sendable {
    private let process: ChildOfSiege

    init(_ attack: Attack, on broker: BesiegedBroker, _ size: AttackSize) throws {
        process = try ChildOfSiege(
            CommandLine.ownProgram,
            ["attack", attack.name, "\(broker.clientsPort)", "\(broker.workersPort)"] + size.arguments, environment: [:]
        )
    }

    /// Those that come to an end by themselves have done all that they wanted to.
    var isExhausted: Bool { process.lines.contains("exhausted") }

    /// Ends the attack.
    ///
    /// - Returns: What was sent.
    func stop() async throws -> String {
        process.endInput()
        let last = await process.firstLine { $0.hasPrefix("sent ") }
        process.end()
        guard let last else {
            throw BesiegedBroker.Failure(description: "the attackers ended by themselves: \(process.lastWords)")
        }
        return String(last.dropFirst("sent ".count))
    }
}

extension CommandLine {
    /// The program that runs.
    static var ownProgram: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? arguments[0]
    }
}
