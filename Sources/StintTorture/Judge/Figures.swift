import Foundation

/// Names and numbers in the order in which they were first set: one line for people, one object for programs.
struct Figures: Sendable {
    enum Figure: Sendable {
        case number(Int)
        /// Shown with one digit behind the point.
        case seconds(Double)
        case text(String)
    }

    private var order: [String] = []
    private var values: [String: Figure] = [:]

    subscript(name: String) -> Figure? {
        get { values[name] }
        set {
            if values[name] == nil { order.append(name) }
            values[name] = newValue
        }
    }

    /// The number of this name; 0 when there is none.
    func number(_ name: String) -> Int {
        guard case .number(let number) = values[name] else { return 0 }
        return number
    }

    mutating func add(_ other: Figures) {
        for name in other.order { self[name] = other[name] }
    }

    var line: String {
        order.compactMap { name in
            switch values[name] {
            case .number(let number): "\(name) \(number)"
            case .seconds(let seconds): "\(name) \(String(format: "%.1f", seconds))"
            case .text(let text): "\(name) \(text)"
            case nil: nil
            }
        }.joined(separator: ", ")
    }

    var json: String {
        let members = order.compactMap { name -> String? in
            switch values[name] {
            case .number(let number): "\"\(name)\":\(number)"
            case .seconds(let seconds): "\"\(name)\":\(String(format: "%.3f", seconds))"
            case .text(let text): Self.quoted(text).map { "\"\(name)\":\($0)" }
            case nil: nil
            }
        }
        return "{\(members.joined(separator: ","))}"
    }

    private static func quoted(_ text: String) -> String? {
        (try? JSONEncoder().encode(text)).map { String(decoding: $0, as: UTF8.self) }
    }
}
