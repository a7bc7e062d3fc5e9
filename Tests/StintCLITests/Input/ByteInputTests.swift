import Foundation
import Glibc
import Testing

@testable import StintCLI

@Suite("Byte input") struct ByteInputTests {
    /// The lines of a file with these bytes.
    private func lines(_ bytes: [UInt8], bytesMax: Int = 1_000) throws -> [[UInt8]] {
        let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: path) }
        try Data(bytes).write(to: path)
        let handle = try FileHandle(forReadingFrom: path)
        var input = ByteInput(descriptor: handle.fileDescriptor)
        var lines: [[UInt8]] = []
        while let line = try input.line(bytesMax: bytesMax) { lines.append(line) }
        #expect(try input.line(bytesMax: bytesMax) == nil)
        return lines
    }

    @Test(
        "lines end with LF or CR LF, the last one with the end",
        arguments: [
            ("", []), ("a", ["a"]), ("a\n", ["a"]), ("a\r\nb", ["a", "b"]), ("\n\n", ["", ""]), ("a\rb\n", ["a\rb"]),
            ("a\n\nb\n", ["a", "", "b"]),
        ])
    func ends(text: String, expected: [String]) throws {
        #expect(try lines(Array(text.utf8)) == expected.map { Array($0.utf8) })
    }

    @Test("bytes that are no text come as they are")
    func bytes() throws {
        #expect(try lines([0xFF, 0x0A, 0x00, 0xC3]) == [[0xFF], [0x00, 0xC3]])
    }

    @Test("lines longer than one read come whole; one past the limit comes cut, and it is the last")
    func long() throws {
        let long = [UInt8](repeating: 0x78, count: 200_000)
        #expect(try lines(long + [0x0A] + long, bytesMax: 300_000) == [long, long])
        let cut = try lines(long + [0x0A, 0x79, 0x0A], bytesMax: 100_000)
        #expect(cut.count == 1 && cut[0].count > 100_000)
        let many = (0..<50_000).map { Array("\($0)".utf8) }
        #expect(try lines(Array(many.joined(separator: [0x0A]))) == many)
    }

    @Test("a descriptor that cannot be read is no end", arguments: [("/", EISDIR), ("", EBADF)])
    func failure(path: String, code: Int32) throws {
        let descriptor = path.isEmpty ? -1 : open(path, O_RDONLY)
        defer { close(descriptor) }
        var input = ByteInput(descriptor: descriptor)
        #expect(throws: ByteInput.ReadFailure(code: code)) { try input.line(bytesMax: 10) }
        #expect(throws: ByteInput.ReadFailure(code: code)) { try input.all(bytesMax: 10) }
    }
}
