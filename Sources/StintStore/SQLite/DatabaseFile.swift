import Glibc

/// The path of a database, checked before SQLite sees it, so that what is wrong can be said in one sentence.
struct DatabaseFile {
    /// Without symbolic links, so that two names of one file lead to one lock.
    let path: String

    init(_ given: String) throws(StoreError) {
        precondition(!given.isEmpty)
        let absolute = given.hasPrefix("/") ? given : Self.workingFolder + "/" + given
        if let existing = Self.resolved(absolute) {
            path = existing
        } else {
            let slash = absolute.lastIndex(of: "/") ?? absolute.startIndex
            let folder = slash == absolute.startIndex ? "/" : String(absolute[..<slash])
            try Self.makeFolder(folder, for: given)
            guard let resolved = Self.resolved(folder) else {
                throw StoreError(.notWritable, "the folder \(folder) cannot be opened: \(SystemError.last).")
            }
            path = (resolved == "/" ? "" : resolved) + String(absolute[slash...])
        }
        try checkAccess(given)
    }

    private static var workingFolder: String {
        guard let path = getcwd(nil, 0) else { return "." }
        defer { free(path) }
        return String(cString: path)
    }

    private static func resolved(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Makes the folder itself, never the one above: a slip in the path must not grow a tree. For its owner alone.
    private static func makeFolder(_ folder: String, for given: String) throws(StoreError) {
        if mkdir(folder, 0o700) == 0 {
            // What is in it survives a power cut only if its own name does.
            return try DiskSpace.syncFolder(of: folder)
        }
        if errno == EEXIST { return }
        let reason = errno
        if reason == ENOENT {
            throw StoreError(
                .notWritable,
                "the database \(given) cannot be made: the folder above \(folder) does not exist. Make it, or correct "
                    + "the path.")
        }
        throw StoreError(
            .notWritable,
            "the folder \(folder) for the database \(given) cannot be made: \(SystemError.text(reason)). Make it by "
                + "hand, or name another place.")
    }

    private func checkAccess(_ given: String) throws(StoreError) {
        var facts = stat()
        let isThere = stat(path, &facts) == 0
        if isThere && facts.st_mode & S_IFMT != S_IFREG {
            throw StoreError(
                .notWritable,
                "the database \(given) is a folder or a device. Name a file, for example \(given)/stint.db.")
        }
        let folder = DiskSpace.folder(of: path)
        for target in isThere ? [path, folder] : [folder] where access(target, W_OK) != 0 {
            throw StoreError(
                .notWritable,
                "\(target) is not writable: \(SystemError.last). The broker writes the database \(given) and files "
                    + "beside it: change the owner or the permissions.")
        }
    }

    /// Payloads lie in it as they are, so a database that is made here is for its owner alone; SQLite gives its log the
    /// permissions of the file. One that is there keeps its own: somebody may have chosen them.
    static let mode: mode_t = 0o600

    /// Makes an empty file where there is none.
    func makeIfMissing() throws(StoreError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, Self.mode)
        if descriptor >= 0 {
            close(descriptor)
        } else if errno == ENOSPC || errno == EDQUOT {
            throw StoreError(.full, "the disk of the database \(path) is full. Free space on it, then start again.")
        } else if errno != EEXIST {
            throw StoreError(
                .notWritable,
                "the database \(path) cannot be made: \(SystemError.last). Check the owner and the permissions of its "
                    + "folder.")
        }
    }

    /// Refuses a file that is no SQLite database, before anything could be written to it. Beside a rollback journal it may be
    /// one whose making a power cut broke off, and SQLite undoes that.
    func checkHeader() throws(StoreError) { try Self.checkHeader(of: path) }

    static func checkHeader(of path: String) throws(StoreError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        // Not there, or for SQLite to say.
        guard descriptor >= 0 else { return }
        // Closing a descriptor drops this process's POSIX locks on the file: harmless here, before SQLite has any.
        defer { close(descriptor) }
        var header = [UInt8](repeating: 0, count: 16)
        let count = read(descriptor, &header, header.count)
        let isDatabase = count == header.count && header == Array("SQLite format 3\0".utf8)
        guard count == 0 || isDatabase || access(path + "-journal", F_OK) == 0 else {
            throw StoreError(
                .corrupt,
                "\(path) is not a database. Nothing was changed: name another file as the store, or restore a backup.")
        }
        guard !PageSeals.isHeaderDamaged(path) else {
            throw .corrupt("its header is not as it was written")
        }
    }
}
