import Foundation
import StintTestKit
import StintWire
import Testing

/// Goal: nothing of the protocol and no fault is left out of simulated lives, also when something new comes. Method: the
/// schema says what there is; some lives are run, and everything of it has to have been sent with a value.
@Suite("What simulated lives cover") struct SimulationCoverageTests {
    /// What no life can show, each with its reason.
    static let left: [String: String] = [
        "WorkerWelcome.refusedTypes": "simulated peers have no keys; `AccessTests` and the matrix of roles try them",
        "OperationStatus.paused": "there is no way to pause an operation yet",
        "StateCounts.waiting": "no job waits for another one yet",
    ]

    @Test("every message and every field is sent, in both directions")
    func messages() throws {
        let schema = try Schema.ofThisPackage()
        var seen: Set<String> = []
        func missing() -> Set<String> {
            schema.fields.subtracting(seen).subtracting(Self.left.keys).subtracting(["Envelope.session"])
        }
        for seed in 1...200 as ClosedRange<UInt64> where !missing().isEmpty {
            let life = Simulation(LifePlan(seed: seed, operations: 500))
            life.coverage = { message in
                var envelope = Stint_V1_Envelope()
                envelope.message = message
                schema.note(envelope, in: &seen)
            }
            _ = try life.run()
        }
        #expect(missing().isEmpty, "no simulated life sends these: \(missing().sorted().joined(separator: ", "))")
        let stale = Set(Self.left.keys).intersection(seen)
        #expect(stale.isEmpty, "these are sent by now: \(stale.sorted().joined(separator: ", "))")
    }

    @Test("every fault strikes")
    func faults() throws {
        var struck: Set<Fault> = []
        for seed in 1...400 as ClosedRange<UInt64> { struck.formUnion(LifePlan(seed: seed).faults.map(\.kind)) }
        let missing = Set(Fault.allCases).subtracting(struck)
        #expect(missing.isEmpty, "no simulated life has these: \(missing)")
    }
}

/// The messages and fields that the schema files name.
private struct Schema {
    /// Field to type, by message.
    var messages: [String: [String: String]] = [:]

    var fields: Set<String> { Set(messages.flatMap { message, fields in fields.keys.map { "\(message).\($0)" } }) }

    static func ofThisPackage() throws -> Schema {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/StintWire/Proto/stint/v1")
        var schema = Schema()
        let names = try FileManager.default.contentsOfDirectory(atPath: root.path(percentEncoded: false))
        for name in names where name.hasSuffix(".proto") {
            schema.read(try String(contentsOf: root.appending(path: name), encoding: .utf8))
        }
        return schema
    }

    /// Understands what our own files use: nested messages, enums, oneofs, and one field a line.
    private mutating func read(_ text: String) {
        var open: [String] = []
        for line in text.split(separator: "\n") {
            let words = line.split(separator: "//", omittingEmptySubsequences: false)[0].split(separator: " ")
            guard let first = words.first else { continue }
            switch first {
            case "message" where words.count > 1:
                if messages[String(words[1])] == nil { messages[String(words[1])] = [:] }
                if !line.contains("}") { open.append(String(words[1])) }
            case "enum", "oneof": open.append(String(first))
            case "}": _ = open.popLast()
            default:
                guard open.last != "enum", let message = open.last(where: { $0 != "oneof" }),
                    let equals = words.firstIndex(of: "="), equals >= 2
                else { continue }
                messages[message]?[String(words[equals - 1]).camelCased] = String(words[equals - 2])
            }
        }
    }

    /// Notes what has a value other than the one that is left out.
    func note(_ envelope: Stint_V1_Envelope, in seen: inout Set<String>) {
        guard let json = try? JSONSerialization.jsonObject(with: envelope.jsonUTF8Data()) as? [String: Any] else {
            return
        }
        note(json, as: "Envelope", in: &seen)
    }

    private func note(_ object: [String: Any], as message: String, in seen: inout Set<String>) {
        for (field, value) in object {
            seen.insert("\(message).\(field)")
            guard let type = messages[message]?[field], messages[type] != nil else { continue }
            for part in value as? [[String: Any]] ?? [(value as? [String: Any]) ?? [:]] {
                note(part, as: type, in: &seen)
            }
        }
    }
}

extension String {
    /// As JSON names a field.
    fileprivate var camelCased: String {
        let words = split(separator: "_")
        return words.dropFirst().reduce(String(words.first ?? "")) { $0 + $1.prefix(1).uppercased() + $1.dropFirst() }
    }
}
