import Glibc

/// Whether the files that a store has open still are those that their paths name.
///
/// A file that was deleted, or replaced by another, goes on to take writes through the open descriptor, and they are
/// gone with the process. So the store looks after every commit, before anything of it is acknowledged: two calls of
/// a microsecond, beside an fsync. (No descriptor tells it: a second one of the database may not be closed again, or
/// this process loses its POSIX locks.)
struct FilesInPlace: Sendable {
    private struct Identity: Equatable, Sendable {
        var device: UInt64
        var file: UInt64

        init?(of path: String) {
            var facts = stat()
            guard stat(path, &facts) == 0 else { return nil }
            device = UInt64(facts.st_dev)
            file = UInt64(facts.st_ino)
        }
    }

    private let files: [(path: String, identity: Identity)]

    /// - Parameter database: Open for writing, so that its log is there too.
    init(database: String) throws(StoreError) {
        var files: [(path: String, identity: Identity)] = []
        // Without its lock file, the last of them, a second broker could open the database.
        for path in [database, database + "-wal", database + ".lock"] {
            guard let identity = Identity(of: path) else {
                throw StoreError(.failed, "\(path) vanished while it was opened: \(SystemError.last). Start again.")
            }
            files.append((path, identity))
        }
        self.files = files
    }

    /// - Parameter isWhole: With the lock file, for which the moments between commits are soon enough.
    func check(isWhole: Bool) throws(StoreError) {
        for (path, identity) in files.prefix(isWhole ? 3 : 2) {
            let found = Identity(of: path)
            guard found != identity else { continue }
            throw StoreError(
                .failed,
                """
                \(path) was \(found == nil ? "removed" : "replaced by another file") while the broker ran. What was \
                acknowledged before is in the file that was there, and nothing was acknowledged since. Put that file \
                back, or restore a backup, and start the broker again.
                """)
        }
    }
}
