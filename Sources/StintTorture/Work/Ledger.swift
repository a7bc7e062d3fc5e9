import Foundation
import Glibc
import Stint

/// The notebook of a loader: what it meant to enqueue, and what the cluster acknowledged. One line is one `write`.
///
///     i ID …      about to be sent: from here on the job may exist
///     a ID …      acknowledged: from here on the job must exist
///     c ID        a cancel is about to be asked for: from here on the job may end cancelled
///     ! TEXT      the cluster said something that breaks a rule
///     = NAME N    a count for the figures, at the end
///
/// What is noted before it is sent is a superset, what is noted after the answer a subset of what the cluster knows:
/// a loader may be killed at any moment.
final class LedgerWriter: Sendable {
    private let descriptor: Int32

    init(path: String) throws {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    }

    func intend(_ ids: [JobID]) { write("i", ids) }
    func acknowledge(_ ids: [JobID]) { write("a", ids) }
    func intendCancel(_ id: JobID) { write("c", [id]) }
    func violation(_ text: String) { write("! \(text.replacing("\n", with: " "))\n") }
    func count(_ name: String, _ number: Int) { write("= \(name) \(number)\n") }

    private func write(_ mark: String, _ ids: [JobID]) {
        write(ids.reduce(into: mark) { $0 += " \($1)" } + "\n")
    }

    private func write(_ line: String) {
        let count = Array(line.utf8).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        precondition(count == line.utf8.count, "the ledger cannot be written, so nothing can be judged")
    }
}

/// Everything that all loaders of a rig noted.
struct Ledger {
    var intended: Set<JobID> = []
    var acknowledged: Set<JobID> = []
    var cancelled: Set<JobID> = []
    var violations: [String] = []
    var counts: [String: Int] = [:]

    init(folder: String) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
            try TextLines.forEach(in: "\(folder)/\(name)") { line in
                let words = line.split(separator: " ")
                let ids = words.dropFirst().lazy.compactMap { JobID(String($0)) }
                switch words.first {
                case "i": intended.formUnion(ids)
                case "a": acknowledged.formUnion(ids)
                case "c": cancelled.formUnion(ids)
                case "!": violations.append(String(line.dropFirst(2)))
                case "=" where words.count == 3: counts[String(words[1]), default: 0] += Int(words[2]) ?? 0
                default: violations.append("the ledger \(name) has a line that nobody writes: \(line.prefix(80))")
                }
            }
        }
    }
}

/// The whole lines of a file, however long it is; a last one without its end was cut off by a kill and is left out.
enum TextLines {
    static func forEach(in path: String, _ body: (Substring) throws -> Void) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
        try data.withUnsafeBytes { bytes in
            var start = 0
            while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
                try body(String(decoding: bytes[start..<end], as: UTF8.self)[...])
                start = end + 1
            }
        }
    }
}
