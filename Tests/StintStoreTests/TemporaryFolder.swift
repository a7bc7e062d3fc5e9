import Foundation

/// A folder of its own for one test, removed with this object.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "stint-store-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func path(_ name: String) -> String { path + "/" + name }

    /// Copies the files of a database, as a backup or a crash would find them.
    func copyDatabase(from source: String, to target: String) throws {
        for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: source + suffix) {
            try? FileManager.default.removeItem(atPath: target + suffix)
            try FileManager.default.copyItem(atPath: source + suffix, toPath: target + suffix)
        }
        // With the lock file, which would refuse a copy that is older than the last one in this place.
        for suffix in ["-shm", ".lock"] { try? FileManager.default.removeItem(atPath: target + suffix) }
    }
}
