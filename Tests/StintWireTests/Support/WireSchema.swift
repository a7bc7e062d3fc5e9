import Foundation

/// The `.proto` files as tables: which fields each message has. Read by the tests so that a message or a field that is
/// added cannot be forgotten in them.
struct WireSchema {
    struct Field {
        var number: Int
        var name: String
        var type: String
    }

    /// The fields of each message, by its name; a message inside another is `Progress.Report`.
    private(set) var messages: [String: [Field]] = [:]

    /// Walks the lines of all schemas of the package.
    init() throws {
        for name in ["client", "envelope", "job", "worker"] {
            let file = Self.folder.appending(path: "\(name).proto")
            read(try String(contentsOf: file, encoding: .utf8))
        }
    }

    /// What can stand in an envelope.
    var members: [Field] { (messages["Envelope"] ?? []).filter { $0.number >= 10 } }

    /// The message that a field of another one holds; nil for a number, text or bytes.
    func message(named type: String, in scope: String) -> String? {
        ["\(scope).\(type)", type].first { messages[$0] != nil }
    }

    private mutating func read(_ text: String) {
        // Names of the blocks that are open; only a message has one.
        var open: [String?] = []
        for line in text.split(separator: "\n") {
            let code = line.prefix { $0 != "/" }
            let words = code.split { " {};".contains($0) }.map(String.init)
            let scope = open.compactMap(\.self).joined(separator: ".")
            if words.first == "message", words.count > 1 {
                let name = scope.isEmpty ? words[1] : "\(scope).\(words[1])"
                messages[name] = []
                if !code.contains("}") { open.append(words[1]) }
            } else if words.first == "oneof" || words.first == "enum" {
                open.append(nil)
            } else if code.contains("}") {
                open.removeLast()
            } else if let equals = words.firstIndex(of: "="), equals >= 2, let number = Int(words[equals + 1]) {
                messages[scope]?.append(Field(number: number, name: words[equals - 1], type: words[equals - 2]))
            }
        }
    }

    private static let folder = URL(filePath: #filePath)
        .deletingLastPathComponent().appending(path: "../../../Sources/StintWire/Proto/stint/v1")
        .standardizedFileURL
}

/// The fields of encoded bytes, one level deep: a reader of the wire format that shares nothing with the one under test.
struct WireFields {
    var found: [(number: Int, bytes: ArraySlice<UInt8>)] = []

    /// Nil when the bytes are not fields.
    init?(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while !rest.isEmpty {
            guard let tag = Self.varint(&rest) else { return nil }
            let length: Int
            switch tag & 7 {
            case 0:
                guard Self.varint(&rest) != nil else { return nil }
                length = 0
            case 1: length = 8
            case 2:
                guard let announced = Self.varint(&rest), announced <= UInt64(rest.count) else { return nil }
                length = Int(announced)
            case 5: length = 4
            default: return nil
            }
            guard length <= rest.count else { return nil }
            found.append((Int(tag >> 3), rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
    }

    private static func varint(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = bytes.popFirst() else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }
}

/// Bytes of the wire format, put together by hand.
enum WireBytes {
    static func varint(_ value: UInt64) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    static func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
        varint(UInt64(number) << 3 | 2) + varint(UInt64(bytes.count)) + bytes
    }

    /// Field 1 of the envelope: a session.
    static func session(_ value: UInt64) -> [UInt8] {
        [0x09] + withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    /// Fields that no version of the protocol has so far, one of each kind.
    static let unknownFields: [UInt8] =
        varint(5_000 << 3) + varint(.max) + varint(5_001 << 3 | 1) + [UInt8](repeating: 7, count: 8)
        + field(5_002, Array("from the future".utf8)) + varint(5_003 << 3 | 5) + [1, 2, 3, 4]
}
