import Foundation

/// Golden bytes of one message: hexadecimal text in a file, so that a change shows in a diff.
enum Fixture {
    static let folder = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures")
    static let suffix = "-v1.hex"

    /// `worker-hello-v1.hex` for `worker_hello`.
    static func file(of field: String) -> URL {
        folder.appending(path: field.replacing("_", with: "-") + suffix)
    }

    static func read(_ field: String) throws -> [UInt8] {
        try bytes(String(contentsOf: file(of: field), encoding: .utf8))
    }

    static func write(_ bytes: [UInt8], _ field: String) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try text(bytes).write(to: file(of: field), atomically: true, encoding: .utf8)
    }

    /// Names of the files there are.
    static func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    /// 32 bytes a line.
    static func text(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef")
        var text = ""
        for (index, byte) in bytes.enumerated() {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
            if index % 32 == 31 || index == bytes.count - 1 { text.append("\n") }
        }
        return text
    }

    struct NotHexadecimal: Error {}

    static func bytes(_ text: String) throws -> [UInt8] {
        let digits = text.filter { !$0.isWhitespace }.map(\.hexDigitValue)
        guard digits.count.isMultiple(of: 2) else { throw NotHexadecimal() }
        return try stride(from: 0, to: digits.count, by: 2).map { index in
            guard let high = digits[index], let low = digits[index + 1] else { throw NotHexadecimal() }
            return UInt8(high << 4 | low)
        }
    }
}
