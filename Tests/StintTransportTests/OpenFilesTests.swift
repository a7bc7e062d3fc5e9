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
}
