import Foundation
import Glibc
import Stint
import StintCore

/// A payload on its way in: JSON to the letter (RFC 8259) in UTF-8, within the limit, and otherwise kept as it was given.
/// What a lax reader let through here would fail later, at every attempt.
enum PayloadText {
    /// - Parameter name: How messages call the text: `the payload`, `line 3`.
    /// - Throws: ``CommandError`` with `usage`, which says where the mistake is and never shows the text.
    static func checked(_ bytes: [UInt8], of name: String) throws -> Data {
        try checkSize(bytes.count, of: name)
        guard let mistake = JSONGrammar.mistake(in: bytes) else { return Data(bytes) }
        let reason: String =
            switch mistake {
            case .notUTF8: "it is not UTF-8; convert it first, such as with iconv -t UTF-8"
            case .endsEarly where bytes.isEmpty: "it is empty; write null for a job without a payload"
            case .endsEarly: "it ends before its value does"
            case .unexpected(let offset): "the mistake is at \(place(of: offset, in: bytes))"
            case .tooDeep: "it has more than \(JSONGrammar.depthMax) arrays and objects inside each other"
            }
        throw CommandError(.usage, "\(name) is not valid JSON: \(reason)")
    }

    /// The payload in a file. A byte order mark at its beginning is skipped.
    static func contents(ofFile path: String) throws -> Data {
        let name = "the file \"\(path)\""
        do {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw ByteInput.ReadFailure(code: errno) }
            defer { close(descriptor) }
            var input = ByteInput(descriptor: descriptor)
            let bytes = try input.all(bytesMax: Limits.payloadBytesMax)
            var information = stat()
            // A large file is refused with its size, without being read.
            let size = fstat(descriptor, &information) == 0 ? Int(information.st_size) : 0
            try checkSize(max(bytes.count, size), of: name)
            return try checked(withoutMark(bytes), of: name)
        } catch let error as ByteInput.ReadFailure {
            throw CommandError(.usage, "\(name) cannot be read: \(error)")
        }
    }

    /// Without the byte order mark that some editors put at the beginning of a file; JSON has none.
    static func withoutMark(_ bytes: [UInt8]) -> [UInt8] {
        bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    }

    private static func checkSize(_ count: Int, of name: String) throws {
        guard count > Limits.payloadBytesMax else { return }
        throw CommandError(
            .usage,
            """
            \(name) has \(count) bytes, over the limit of \(Limits.payloadBytesMax). Store the data elsewhere and \
            enqueue a reference to it.
            """)
    }

    /// As editors count: from 1, columns in characters.
    private static func place(of offset: Int, in bytes: [UInt8]) -> String {
        let before = bytes[..<offset]
        let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let column = String(decoding: before[start...], as: UTF8.self).unicodeScalars.count + 1
        guard bytes.contains(UInt8(ascii: "\n")) else { return "character \(column)" }
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        return "line \(line), character \(column)"
    }
}
