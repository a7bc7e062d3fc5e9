import Glibc

/// One process writes a database: it holds an exclusive `flock` on the file beside it for as long as it lives. The
/// kernel lets go when the process ends, however it ends; the file itself stays, because removing it would let two
/// processes lock two files of one name. It is opened close-on-exec, so no child keeps the lock alive.
///
/// It says who holds it, and how far the database has come (``HighWater``):
///
///     4711
///     epoch 1790000000
///     batch 90210
///
/// and, when a broker ended over a page of the database that was damaged, `damaged` and the number of the page, so that
/// the next one does not begin work that it cannot go on with.
final class StoreLock: Sendable {
    /// What the last holder noted.
    let noted: HighWater
    let damagedPage: UInt64?
    private let descriptor: Int32

    init(database: String) throws(StoreError) {
        let path = database + ".lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, DatabaseFile.mode)
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
        self.descriptor = descriptor
        let lines = Array(Self.lines(descriptor).dropFirst())
        noted = HighWater(lines: lines)
        damagedPage = lines.first { $0.hasPrefix("damaged ") }.flatMap { UInt64($0.dropFirst(8)) }
        note(noted, damagedPage: damagedPage)
    }

    /// Notes how far the database has come. What it says must be on disk.
    ///
    /// It does not throw: a note that is missing refuses nothing, and a full disk must not keep a broker from starting.
    /// It is written in place and always of one length, so a crash leaves the note before it or this one.
    ///
    /// - Parameter isSynced: Returns when it is on disk. A note that is not survives the end of the process, however it
    ///   ends, but not a power cut, after which the one before refuses a little less.
    func note(_ reached: HighWater, damagedPage: UInt64? = nil, isSynced: Bool = false) {
        var text = Array(repeating: UInt8(ascii: " "), count: Self.bytes)
        text[Self.bytes - 1] = UInt8(ascii: "\n")
        let words =
            Array("\(getpid())\nepoch \(reached.epoch)\nbatch \(reached.batch)\n".utf8)
            + Array((damagedPage.map { "damaged \($0)\n" } ?? "").utf8)
        text.replaceSubrange(0..<words.count, with: words)
        guard pwrite(descriptor, text, text.count, 0) == text.count, isSynced else { return }
        fsync(descriptor)
    }

    /// Longer than the four longest numbers with their words.
    private static let bytes = 96

    deinit {
        // By word, not by closing alone: a child that was forked and has not yet become its program holds a copy.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// What the lock file says, without taking the lock.
    ///
    /// For the moment of the look a lock that nobody has is shared, which a broker that starts in that moment takes for
    /// another broker; its supervisor tries again.
    static func look(at database: String) -> (isHeld: Bool, holder: Int32?, noted: HighWater) {
        let descriptor = open(database + ".lock", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return (false, nil, .none) }
        defer { close(descriptor) }
        let noted = HighWater(lines: Array(lines(descriptor).dropFirst()))
        guard flock(descriptor, LOCK_SH | LOCK_NB) != 0 else {
            flock(descriptor, LOCK_UN)
            return (false, nil, noted)
        }
        return (true, holder(descriptor).flatMap { Int32(exactly: $0) }, noted)
    }

    private static func holder(_ descriptor: Int32) -> Int? { lines(descriptor).first.flatMap { Int($0) } }

    private static func lines(_ descriptor: Int32) -> [Substring] {
        var buffer = [UInt8](repeating: 0, count: bytes)
        let count = pread(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return [] }
        return String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n")
    }
}

/// The words of the operating system for what went wrong.
enum SystemError {
    static var last: String { text(errno) }
    static func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}
