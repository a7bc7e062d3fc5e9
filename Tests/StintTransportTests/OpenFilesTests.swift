import Foundation
import Testing

@testable import StintTransport

// What it does to processes: `HandlerTests`, "a worker may open as many files as the system allows…".
@Suite("The limit of open files") struct OpenFilesTests {
    @Test("rises to some below the hard limit and not beyond what is needed, and falls only to keep those some")
    func raised() {
        #expect(OpenFiles.raised(from: 1_024, hard: 4_096) == 4_032)
        #expect(OpenFiles.raised(from: 4_096, hard: 4_096) == 4_032)
        #expect(OpenFiles.raised(from: 4_000, hard: 4_096) == 4_032)
        #expect(OpenFiles.raised(from: 1_024, hard: .max) == OpenFiles.most)
        #expect(OpenFiles.raised(from: .max, hard: .max) == UInt64.max - 64)
        #expect(OpenFiles.raised(from: 100, hard: 160) == 150)
    }

    @Test("the kernel's table has room for as many as were asked for, and none of them is open")
    func room() throws {
        let open = OpenFiles.count()
        OpenFiles.makeRoom(for: min(3_000, OpenFiles.limit))
        #expect(OpenFiles.count() < open + 1_000, "other tests open some meanwhile")
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("FDSize:") })
        let size = try #require(line.split(separator: "\t").last.flatMap { Int($0) })
        #expect(size >= min(3_000, OpenFiles.limit))
    }
}
