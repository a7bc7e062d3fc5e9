import Glibc

/// The disk under the database: how much is left, and the reserve, a file of 16 MiB beside the database that holds room
/// for settling jobs when everything else has filled the disk.
enum DiskSpace {
    static let reserveBytes: Int64 = 16 * 1_048_576

    static func reserve(of path: String) -> String { path + ".reserve" }

    /// What a process without privileges may still write, in bytes.
    static func free(at path: String) throws(StoreError) -> Int64 {
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        var facts = statvfs()
        guard statvfs(folder, &facts) == 0 else {
            throw StoreError(.failed, "the free space of \(folder) is unknown: \(SystemError.last).")
        }
        return Int64(
            clamping: UInt64(facts.f_bavail).multipliedReportingOverflow(by: UInt64(facts.f_frsize)).partialValue)
    }

    /// The size of a file; 0 when there is none.
    static func bytes(of path: String) -> Int64 {
        var facts = stat()
        return stat(path, &facts) == 0 ? Int64(facts.st_size) : 0
    }

    static func releaseReserve(of path: String) throws(StoreError) {
        if unlink(reserve(of: path)) != 0 && errno != ENOENT {
            throw StoreError(.failed, "the reserve \(reserve(of: path)) cannot be removed: \(SystemError.last).")
        }
    }

    /// Puts the reserve in place, with real blocks behind it; false when the disk has no room for it.
    static func restoreReserve(of path: String) throws(StoreError) -> Bool {
        let reserve = reserve(of: path)
        let descriptor = open(reserve, O_WRONLY | O_CREAT | O_CLOEXEC, DatabaseFile.mode)
        guard descriptor >= 0 else {
            if errno == ENOSPC { return false }
            throw StoreError(
                .notWritable, "the reserve \(reserve) cannot be made: \(SystemError.last). Check its folder.")
        }
        defer { close(descriptor) }
        switch posix_fallocate(descriptor, 0, off_t(reserveBytes)) {
        case 0: return true
        case ENOSPC, EFBIG, EDQUOT:
            // Half a reserve would only take room.
            unlink(reserve)
            return false
        case let reason:
            throw StoreError(.failed, "the reserve \(reserve) cannot be made: \(SystemError.text(reason)).")
        }
    }
}
