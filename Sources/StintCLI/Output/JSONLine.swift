import Foundation
import Stint
import StintCore

/// One JSON object on one line, with its keys in the order in which they are added: what `--json` prints. Ids are
/// strings, times are RFC 3339 in UTC, durations are seconds.
struct JSONLine {
    private var text = "{"
    private var isFirst = true

    private mutating func key(_ name: String) {
        if !isFirst { text += "," }
        isFirst = false
        text += Self.quoted(name) + ":"
    }

    mutating func add(_ name: String, _ value: String?) {
        key(name)
        text += value.map(Self.quoted) ?? "null"
    }

    mutating func add(_ name: String, _ value: Int?) {
        key(name)
        text += value.map(String.init) ?? "null"
    }

    mutating func add(_ name: String, _ value: Double) {
        key(name)
        text += value.isFinite ? String(format: "%.3f", value) : "null"
    }

    mutating func add(_ name: String, _ value: Bool) {
        key(name)
        text += value ? "true" : "false"
    }

    mutating func add(_ name: String, _ value: WallTime?) {
        key(name)
        text += value.map { "\"\($0.rfc3339)\"" } ?? "null"
    }

    /// A value that is JSON already, so that it stands in the object as itself; the white space between its tokens goes.
    /// What a client of another kind stored without its being JSON becomes a string.
    mutating func add(_ name: String, json value: Data?) {
        key(name)
        guard let value else {
            text += "null"
            return
        }
        text += JSONText(validating: Array(value))?.compact ?? Self.quoted(String(decoding: value, as: UTF8.self))
    }

    mutating func add(_ name: String, _ value: JSONLine) {
        key(name)
        text += value.description
    }

    mutating func add(_ name: String, _ values: [JSONLine]) {
        key(name)
        text += "[" + values.map(\.description).joined(separator: ",") + "]"
    }

    mutating func add(_ name: String, strings values: [String]) {
        key(name)
        text += "[" + values.map(Self.quoted).joined(separator: ",") + "]"
    }

    private static func quoted(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{0}"..."\u{1F}", "\u{7F}": text += String(format: "\\u%04x", scalar.value)
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}

extension JSONLine: CustomStringConvertible {
    var description: String { text + "}" }
}

extension WallTime {
    /// `2026-11-21T03:00:00.000Z`.
    var rfc3339: String {
        Date(timeIntervalSince1970: Double(milliseconds) / 1_000)
            .formatted(
                .iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(separator: .omitted))
    }

    /// `3 s ago`, `in 5 min`, for people.
    var relative: String {
        let seconds = Double(milliseconds) / 1_000 - Date.now.timeIntervalSince1970
        let amount = abs(seconds)
        let text =
            switch amount {
            case ..<1: "now"
            case ..<120: "\(Int(amount)) s"
            case ..<7_200: "\(Int(amount / 60)) min"
            case ..<172_800: "\(Int(amount / 3_600)) h"
            default: "\(Int(amount / 86_400)) d"
            }
        if text == "now" { return text }
        return seconds < 0 ? "\(text) ago" : "in \(text)"
    }
}
