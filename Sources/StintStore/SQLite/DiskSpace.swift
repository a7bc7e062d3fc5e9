import Glibc

/// The disk under the database: how much is left, and the reserve, a file of 16 MiB beside the database that holds room
/// for settling jobs when everything else has filled the disk.
enum DiskSpace {
    static let reserveBytes: Int64 = 16 * 1_048_576

    static func reserve(of path: String) -> String { path + ".reserve" }

    /// What a process without privileges may still write, in bytes.
    static func free(at path: String) throws(StoreError) -> Int64 {
        let folder = folder(of: path)
        var facts = statvfs()
        guard statvfs(folder, &facts) == 0 else {
            throw StoreError(.failed, "the free space of \(folder) is unknown: \(SystemError.last).")
        }
        return Int64(
            clamping: UInt64(facts.f_bavail).multipliedReportingOverflow(by: UInt64(facts.f_frsize)).partialValue)
    }

    /// Below this much free space a broker takes no new jobs.
    static let watermarkBytes: Int64 = 64 * 1_048_576

    /// Refuses a copy that would fill the disk: it would fail in the end, and a broker that shares the disk would take no
    /// new jobs until then.
    static func requireRoom(forCopyOf bytes: Int64, at path: String) throws(StoreError) {
        let free = try free(at: path)
        guard bytes + watermarkBytes > free else { return }
        throw StoreError(
            .full,
            "\(path) would need \(bytes / 1_048_576) MiB and leave 64 free, and there are \(free / 1_048_576) MiB. Free some "
                + "space, or name a place on another disk.")
    }

    /// The size of a file; 0 when there is none.
    static func bytes(of path: String) -> Int64 {
        var facts = stat()
        return stat(path, &facts) == 0 ? Int64(facts.st_size) : 0
    }

    /// Makes a file durable.
    static func sync(_ path: String) throws(StoreError) {
        try sync(path, flags: O_RDONLY | O_CLOEXEC)
    }

    /// Makes the names in the folder of a file durable: what was made, renamed or removed there.
    static func syncFolder(of path: String) throws(StoreError) {
        try sync(folder(of: path), flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }

    private static func sync(_ path: String, flags: Int32) throws(StoreError) {
        let descriptor = open(path, flags)
        defer { close(descriptor) }
        guard descriptor >= 0, fsync(descriptor) == 0 else {
            throw StoreError(
                .failed, "\(path) cannot be made durable: \(SystemError.last). Check the disk, and try again.")
        }
    }

    /// The median of some small synced writes beside the database; nil when nothing can be written there.
    static func syncMicroseconds(beside path: String) -> Int64? {
        let probe = path + ".probe-\(getpid())"
        let descriptor = open(probe, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, DatabaseFile.mode)
        guard descriptor >= 0 else { return nil }
        defer {
            close(descriptor)
            unlink(probe)
        }
        let page = [UInt8](repeating: 0, count: 4_096)
        var times: [Int64] = []
        for _ in 0..<9 {
            let start = ContinuousClock.now
            guard pwrite(descriptor, page, page.count, 0) == page.count, fdatasync(descriptor) == 0 else { return nil }
            times.append((ContinuousClock.now - start).inNanoseconds / 1_000)
        }
        return times.sorted()[times.count / 2]
    }

    static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
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
