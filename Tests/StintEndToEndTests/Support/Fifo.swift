import Foundation
import Glibc

/// A named pipe on which handlers tell a test what they do: `echo started >> $FOLDER/name`. Each line is an event.
final class Mailbox: Sendable {
    let path: String
    private let lines = Watched<[String]>([])

    init(path: String) throws {
        self.path = path
        let descriptor = try openFifo(path)
        let lines = lines
        Lines.read(descriptor) { line in
            lines.change { if let line { $0.append(line) } }
        }
    }

    var all: [String] { lines.value }

    /// The line at this place, once it has come.
    @discardableResult
    func line(_ index: Int, within limit: Duration = .seconds(15)) async throws -> String {
        try await lines.first("line \(index) in \(path)", within: limit) { $0.count > index ? $0[index] : nil }
    }
}

/// A named pipe on which handlers wait: `read _ < $FOLDER/name`. The test opens it for one at a time.
final class Gate: Sendable {
    let path: String
    private let descriptor: Int32

    init(path: String) throws {
        self.path = path
        descriptor = try openFifo(path)
    }

    deinit { close(descriptor) }

    /// Lets so many go on. One byte each, so that no two readers share a line.
    func open(for count: Int = 1) {
        let bytes = [UInt8](repeating: UInt8(ascii: "\n"), count: count)
        _ = write(descriptor, bytes, count)
    }
}

/// Opened for both directions: so neither this call nor a handler's waits for another side.
private func openFifo(_ path: String) throws -> Int32 {
    guard mkfifo(path, 0o600) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    return descriptor
}
