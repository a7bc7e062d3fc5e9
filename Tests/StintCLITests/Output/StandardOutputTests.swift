import Glibc
import Testing

@testable import StintCLI

@Suite("Standard output") struct StandardOutputTests {
    @Test("what cannot be written is told", arguments: [("/dev/full", ENOSPC), ("", EBADF)])
    func failure(path: String, code: Int32) {
        let descriptor = path.isEmpty ? -1 : open(path, O_WRONLY)
        defer { close(descriptor) }
        #expect(throws: StandardOutput.WriteFailure(code: code)) { try StandardOutput.send("a\n", to: descriptor) }
    }

    @Test("a descriptor that takes nothing at the moment is waited for, and everything arrives")
    func nonblocking() async throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        try #require(fcntl(writing, F_SETFL, O_NONBLOCK) == 0)
        let text = String(repeating: "0123456789", count: 50_000)
        let reader = Task.detached { () -> Int in
            var input = ByteInput(descriptor: reading)
            return try input.all(bytesMax: .max).count
        }
        try StandardOutput.send(text, to: writing)
        close(writing)
        #expect(try await reader.value == text.utf8.count)
        close(reading)
    }
}
