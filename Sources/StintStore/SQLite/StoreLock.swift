import Glibc

/// One process writes a database: it holds an exclusive `flock` on the file beside it for as long as it lives. The
/// kernel lets go when the process ends, however it ends; the file itself stays, because removing it would let two
/// processes lock two files of one name. It is opened close-on-exec, so no child keeps the lock alive.
final class StoreLock: Sendable {
    private let descriptor: Int32

    init(database: String) throws(StoreError) {
        let path = database + ".lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw StoreError(
                .notWritable,
                "the lock file \(path) cannot be opened: \(SystemError.last). Check the owner and the permissions of "
                    + "its folder.")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let reason = errno
            let holder = Self.holder(descriptor)
            close(descriptor)
            guard reason == EWOULDBLOCK else {
                throw StoreError(
                    .failed,
                    "the lock file \(path) cannot be locked: \(SystemError.text(reason)). A database needs a local "
                        + "file system that supports flock.")
            }
            throw StoreError(
                .inUse,
                "the database \(database) is in use by \(holder.map { "process \($0)" } ?? "another process"), which "
                    + "holds \(path). Stop that broker first, or give this one a database of its own.")
        }
        let name = Array("\(getpid())\n".utf8)
        // The number is only for the sentence above; a full disk must not keep a broker from starting.
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, name, name.count, 0) }
        self.descriptor = descriptor
    }

    deinit {
        // By word, not by closing alone: a child that was forked and has not yet become its program holds a copy.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    private static func holder(_ descriptor: Int32) -> Int? {
        var buffer = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return nil }
        return Int(String(decoding: buffer[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }
}

/// The words of the operating system for what went wrong.
enum SystemError {
    static var last: String { text(errno) }
    static func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}
