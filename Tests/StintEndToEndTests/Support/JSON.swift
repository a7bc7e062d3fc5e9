import Foundation

/// A JSON value, so that tests can say `job["attempts"][0]["outcome"]`. What is not there is `null`.
enum JSON: Hashable, Sendable, Decodable {
    case null
    case boolean(Bool)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    init(_ text: String) throws { self = try JSONDecoder().decode(JSON.self, from: Data(text.utf8)) }

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let boolean = try? value.decode(Bool.self) {
            self = .boolean(boolean)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let string = try? value.decode(String.self) {
            self = .string(string)
        } else if let array = try? value.decode([JSON].self) {
            self = .array(array)
        } else {
            self = .object(try value.decode([String: JSON].self))
        }
    }

    subscript(_ name: String) -> JSON {
        guard case .object(let members) = self else { return .null }
        return members[name] ?? .null
    }

    subscript(_ index: Int) -> JSON {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return .null }
        return elements[index]
    }

    var names: Set<String> {
        guard case .object(let members) = self else { return [] }
        return Set(members.keys)
    }
    var elements: [JSON] {
        guard case .array(let elements) = self else { return [] }
        return elements
    }
    var string: String? {
        guard case .string(let string) = self else { return nil }
        return string
    }
    var number: Double? {
        guard case .number(let number) = self else { return nil }
        return number
    }
    var int: Int? { number.map { Int($0) } }

    /// A time as `--json` prints it.
    var time: Date? {
        guard let string else { return nil }
        return try? Date(string, strategy: .stint)
    }
}

extension ParseStrategy where Self == Date.ISO8601FormatStyle {
    /// `2026-11-21T03:00:00.000Z`
    static var stint: Self {
        .iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(separator: .omitted)
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: Int) { self = .number(Double(value)) }
    init(booleanLiteral value: Bool) { self = .boolean(value) }
}
