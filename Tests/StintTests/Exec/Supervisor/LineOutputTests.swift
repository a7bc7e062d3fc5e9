import Foundation
import Glibc
import Testing

@testable import StintCLI

@Suite("Lines to a reader that may not read") struct LineOutputTests {
    /// A pipe that the test reads when it wants to.
    private struct Reader: ~Copyable {
        let readEnd: Int32
        let writeEnd: Int32

        init() throws {
            var ends: [Int32] = [-1, -1]
            try #require(pipe(&ends) == 0)
            (readEnd, writeEnd) = (ends[0], ends[1])
            _ = fcntl(readEnd, F_SETFL, O_NONBLOCK)
        }

        deinit {
            close(readEnd)
            close(writeEnd)
        }

        func all() -> [String] {
            var text: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let count = read(readEnd, &buffer, buffer.count)
                guard count > 0 else { break }
                text += buffer[..<count]
            }
            return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
        }
    }

    @Test("lines pass whole while somebody reads")
    func passing() throws {
        let reader = try Reader()
        let output = LineOutput(descriptor: reader.writeEnd, patience: .zero)
        for line in ["one", String(repeating: "x", count: 50_000), "three"] {
            output.write(line)
            #expect(reader.all() == [line])
        }
    }

    @Test("while nobody reads lines are dropped at once, and afterwards their number is told")
    func dropping() throws {
        let reader = try Reader()
        let output = LineOutput(descriptor: reader.writeEnd, patience: .zero)
        let line = String(repeating: "x", count: 10_000)
        for _ in 0..<20 { output.write(line) }
        let taken = reader.all()
        let whole = taken.count { $0 == line }
        #expect(whole > 0 && whole < 20)
        output.write("after")
        #expect(reader.all() == ["\(20 - whole) lines were dropped here, because nobody took them.", "after"])
    }
}
