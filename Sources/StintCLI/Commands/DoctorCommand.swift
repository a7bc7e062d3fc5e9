import ArgumentParser
import Foundation
import Stint
import StintBroker
import StintCore

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Says what is wrong with a cluster, and what to do about it.",
        discussion: """
            Looks at the broker if one answers, at the store if it is on this host, and at this host. It changes nothing: it \
            writes and removes one small file beside the store, to measure the disk. Exits 0 when there is no problem \
            (there may be warnings), else 1.

            EXAMPLE  stint doctor --json | jq 'select(.severity != "note")'
            """)

    @Option(help: ArgumentHelp("The cluster's file (default: ./cluster.json).", valueName: "file"))
    var config: String?
    @Option(help: ArgumentHelp("The store is in this folder, instead of the file's.", valueName: "folder"))
    var data: String?
    @Flag(help: "Read all of the store too: every page, every row, every payload. Takes as long as that takes.")
    var whole = false
    @Flag(help: "One JSON object a line for each finding.") var json = false

    func validate() throws {
        if data == "" { throw ValidationError("--data is empty; expected a folder") }
    }

    func run() async throws {
        var options = ConnectionOptions()
        options.config = config
        options.connect = nil
        let cluster = try options.load(flags: Up.flags(data: data))
        let facts = try await gather(cluster)
        let findings = DoctorChecks.findings(facts)
        for finding in findings {
            if json { try StandardOutput.write(finding.jsonLine) } else { try StandardOutput.write(finding.page) }
        }
        if !json { try StandardOutput.write(Self.summary(findings, facts)) }
        if findings.contains(where: { $0.severity == .problem }) { throw CommandError(.failure, "") }
    }

    // MARK: Facts

    private func gather(_ cluster: ClusterConfig) async throws -> DoctorFacts {
        var facts = DoctorFacts(
            cluster: cluster, broker: nil, host: .now(),
            store: StoreLook.facts(of: cluster.store.location, isWhole: whole))
        KeyLook.look(at: cluster, into: &facts)
        do {
            facts.broker = try await Self.broker(cluster)
        } catch let error as CommandError {
            facts.whyNotAsked = error.message
        } catch let error as StintError {
            switch error.code {
            case .unreachable, .outcomeUnknown: break
            case .notAdmitted, .forbidden, .configuration: facts.whyNotAsked = error.description
            default: throw error
            }
        }
        return facts
    }

    private static func broker(_ cluster: ClusterConfig) async throws -> DoctorFacts.Broker {
        let client = try StintClient(
            connectingTo: cluster.broker.clients, key: try cluster.commandKey(), connectPatience: .seconds(1))
        defer { client.close() }
        func now() -> WallTime { DoctorFacts.HostFacts.clock() }
        // The first question pays for the connection, which is no part of the clock's error.
        _ = try await client.status(timeout: .seconds(5))
        let askedAt = now()
        let status = try await client.status(withHealth: true, timeout: .seconds(5))
        let answeredAt = now()
        try await Task.sleep(for: DoctorFacts.askedAgainAfter)
        let later = try await client.status(withHealth: true, timeout: .seconds(5))
        return DoctorFacts.Broker(status: status, later: later, askedAt: askedAt, answeredAt: answeredAt)
    }

    private static func summary(_ findings: [Finding], _ facts: DoctorFacts) -> String {
        func count(_ severity: Finding.Severity, _ one: String) -> String? {
            let number = findings.count { $0.severity == severity }
            return number == 0 ? nil : "\(number) \(one)\(number == 1 ? "" : "s")"
        }
        let counts = [count(.problem, "problem"), count(.warning, "warning"), count(.note, "note")].compactMap { $0 }
        let asked = facts.broker == nil ? "without a broker" : "with the broker at \(facts.cluster.broker.clients)"
        return (counts.isEmpty ? "nothing is wrong" : counts.joined(separator: ", ")) + " (\(asked))"
    }
}

extension Finding {
    /// Two lines for people.
    fileprivate var page: String {
        "\(severity.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0)) \(code): \(sentence)"
            + (fix.isEmpty ? "" : "\n         \(fix)")
    }
}
