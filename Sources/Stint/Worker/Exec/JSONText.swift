import Foundation

/// A JSON value as the text it came in, taken apart without being decoded.
///
/// Results, checkpoints and children's payloads pass through the worker, and a round through Foundation would change
/// them (`12345678901234567890.5` and `1.10` come out otherwise). So the text is validated once, by ``JSONGrammar``,
/// and then cut: every value that is handed on has the bytes that it arrived with.
package struct JSONText: Sendable, Equatable {
    enum Kind: Sendable {
        case object, array, string, number, boolean, null

        var name: String {
            switch self {
            case .object: "an object"
            case .array: "an array"
            case .string: "a string"
            case .number: "a number"
            case .boolean: "a boolean"
            case .null: "null"
            }
        }
    }

    /// Valid JSON in UTF-8, without white space around it.
    private let bytes: ArraySlice<UInt8>
    let kind: Kind

    /// Nil when the text is not JSON (RFC 8259) in UTF-8.
    package init?(validating text: [UInt8]) {
        guard JSONGrammar.accepts(text) else { return nil }
        self.init(cut: text[...])
    }

    private init?(cut text: ArraySlice<UInt8>) {
        var text = text
        while let first = text.first, Self.isSpace(first) { text.removeFirst() }
        while let last = text.last, Self.isSpace(last) { text.removeLast() }
        guard let first = text.first else { return nil }
        bytes = text
        kind =
            switch first {
            case UInt8(ascii: "{"): .object
            case UInt8(ascii: "["): .array
            case UInt8(ascii: "\""): .string
            case UInt8(ascii: "t"), UInt8(ascii: "f"): .boolean
            case UInt8(ascii: "n"): .null
            default: .number
            }
    }

    var data: Data { Data(bytes) }
    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// On one line: in valid JSON a line break can only be white space between tokens.
    var line: Data {
        Data(bytes.lazy.map { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") ? UInt8(ascii: " ") : $0 })
    }

    /// Without the white space that means nothing, so on one line; all else as it came.
    package var compact: String {
        var kept: [UInt8] = []
        kept.reserveCapacity(bytes.count)
        var isInString = false
        var isEscaped = false
        for byte in bytes {
            guard isInString || !Self.isSpace(byte) else { continue }
            kept.append(byte)
            if isEscaped {
                isEscaped = false
            } else if isInString, byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInString.toggle()
            }
        }
        return String(decoding: kept, as: UTF8.self)
    }

    /// Nil when this is not a string, or one with half a surrogate pair.
    var string: String? { kind == .string ? try? JSONDecoder().decode(String.self, from: data) : nil }
    var boolean: Bool? { kind == .boolean ? bytes.first == UInt8(ascii: "t") : nil }
    var double: Double? { kind == .number ? Double(text) : nil }
    /// Also of a number such as `3.0`, which some languages write for 3.
    var integer: Int? { kind == .number ? Int(text) ?? double.flatMap { Int(exactly: $0) } : nil }

    /// Of an object; with a name that occurs twice, the last, as most readers take it.
    func member(_ name: String) -> JSONText? {
        members.last { $0.name == name }?.value
    }

    /// Of an array, from 0.
    func element(at index: Int) -> JSONText? {
        let elements = elements
        return elements.indices.contains(index) ? elements[index] : nil
    }

    /// In the order of the text; empty when this is no object.
    var members: [(name: String, value: JSONText)] {
        guard kind == .object else { return [] }
        return pieces.compactMap { piece in
            guard let colon = Self.end(ofFirst: UInt8(ascii: ":"), in: piece),
                let name = JSONText(cut: piece[..<colon])?.string, let value = JSONText(cut: piece[(colon + 1)...])
            else { return nil }
            return (name, value)
        }
    }

    /// Empty when this is no array.
    var elements: [JSONText] {
        kind == .array ? pieces.compactMap { JSONText(cut: $0) } : []
    }

    /// What stands between the commas of this object or array.
    private var pieces: [ArraySlice<UInt8>] {
        var rest = bytes.dropFirst().dropLast()
        var pieces: [ArraySlice<UInt8>] = []
        while let comma = Self.end(ofFirst: UInt8(ascii: ","), in: rest) {
            pieces.append(rest[..<comma])
            rest = rest[(comma + 1)...]
        }
        pieces.append(rest)
        return pieces
    }

    /// Where this byte first stands outside strings, objects and arrays.
    private static func end(ofFirst wanted: UInt8, in text: ArraySlice<UInt8>) -> Int? {
        var depth = 0
        var isInString = false
        var isEscaped = false
        for index in text.indices {
            let byte = text[index]
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            if depth == 0, byte == wanted { return index }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
        }
        return nil
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }

    /// A string as JSON.
    static func quoted(_ string: String) -> Data {
        // Encoding a String cannot fail: Foundation throws only for numbers that JSON does not have.
        guard let data = try? PayloadCoding.encode(string) else { preconditionFailure("a string did not encode") }
        return data
    }
}
