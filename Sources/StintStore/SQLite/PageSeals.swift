import GRDBSQLite
import Glibc
import StintCore
import Synchronization

/// A seal on every page of a database: the last eight bytes of it are a digest of the rest and of its number. A page that
/// is not as it was written is never taken for one: reading it fails, whatever it holds, rows, an index or a free page.
///
/// SQLite reads a page with a wrong digit in a row, or an index that has lost an entry, without a word; its own log has
/// checksums, its file has not. So this stands between SQLite and its files (a "VFS"), sees every page that a checkpoint
/// copies into the file, and every page that is read from there. Nothing of it happens inside a commit. SQLite leaves
/// the eight bytes alone (the "reserved space" of its file format, byte 20 of the header), so any program can read the
/// file; one that *writes* it leaves pages without a seal behind, and is refused from then on.
///
/// A database from before there were seals has no room for them; it is read as it is, until a backup of it is restored.
enum PageSeals {
    static let bytes = 8

    /// Puts it under every connection that this process opens from now on. Once a process.
    static func install() { precondition(installed == SQLITE_OK, "SQLite took no layer over its files: \(installed)") }

    private static let installed: Int32 = sqlite3_vfs_register(SealingFiles.layer, 1)

    /// Leaves room for seals in a database that is still to be made.
    static func makeRoom(_ connection: OpaquePointer?) {
        var reserved = Int32(bytes)
        sqlite3_file_control(connection, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved)
    }

    /// Whether the pages of a database have seals, as its header says.
    static func areOn(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var header = [UInt8](repeating: 0, count: 24)
        return pread(descriptor, &header, header.count, 0) == header.count && header[20] == UInt8(bytes)
    }

    // MARK: One page

    static func seal(of page: UnsafeRawBufferPointer, number: UInt64) -> UInt64 {
        Digest.mixed(Digest.of(UnsafeRawBufferPointer(rebasing: page.dropLast(bytes))), number)
    }

    static func write(on page: UnsafeMutableRawBufferPointer, number: UInt64) {
        let seal = seal(of: UnsafeRawBufferPointer(page), number: number)
        page.storeBytes(of: seal.littleEndian, toByteOffset: page.count - bytes, as: UInt64.self)
    }

    /// Whether a page is as it was written. A page of nothing but zeros was never written: it is a hole that the file
    /// system left for a free page.
    static func holds(on page: UnsafeRawBufferPointer, number: UInt64) -> Bool {
        let stored = UInt64(
            littleEndian: page.loadUnaligned(fromByteOffset: page.count - bytes, as: UInt64.self))
        return stored == seal(of: page, number: number) || page.allSatisfy { $0 == 0 }
    }

    /// Writes the seals of a file that has room for them and lacks them; nobody may have it open.
    static func writeAll(in path: String) throws(StoreError) {
        guard areOn(path) else { return }
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        defer { close(descriptor) }
        var header = [UInt8](repeating: 0, count: 24)
        guard descriptor >= 0, pread(descriptor, &header, header.count, 0) == header.count else {
            throw StoreError(.failed, "\(path) cannot be read: \(SystemError.last). Try again.")
        }
        var page = [UInt8](repeating: 0, count: pageBytes(header))
        var offset: off_t = 0
        while pread(descriptor, &page, page.count, offset) == page.count {
            page.withUnsafeMutableBytes { write(on: $0, number: UInt64(offset) / UInt64($0.count) + 1) }
            guard pwrite(descriptor, page, page.count, offset) == page.count else {
                throw StoreError(.failed, "\(path) cannot be written: \(SystemError.last). Try again.")
            }
            offset += off_t(page.count)
        }
    }

    /// Whether the header says that there are no seals while its own page has one: then that word of it was damaged, and
    /// nothing would be checked. (A first page whose seal does not hold proves nothing here: the log may have it whole.)
    static func isHeaderDamaged(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var page = [UInt8](repeating: 0, count: SQLiteConnection.pageBytes)
        guard pread(descriptor, &page, page.count, 0) == page.count, page[20] != UInt8(bytes) else { return false }
        page[20] = UInt8(bytes)
        return page.withUnsafeBytes { holds(on: $0, number: 1) }
    }

    /// The size of a page, as the header of a database says.
    static func pageBytes(_ header: [UInt8]) -> Int {
        header[16] == 0 && header[17] == 1 ? 65_536 : Int(header[16]) << 8 | Int(header[17])
    }

    // MARK: Damage

    private static let damaged = Mutex<[String: UInt64]>([:])

    static func found(damagedPage number: UInt64, in path: String) { damaged.withLock { $0[path] = number } }

    /// The number of a damaged page that this process met in a database, if it met one.
    static func damagedPage(in path: String) -> UInt64? { damaged.withLock { $0[path] } }

    static func forgetDamage(in path: String) { damaged.withLock { $0[path] = nil } }

    /// Whether a page of a database at rest is as it was written.
    static func isWhole(page number: UInt64, in path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var header = [UInt8](repeating: 0, count: 24)
        guard pread(descriptor, &header, header.count, 0) == header.count, header[20] == UInt8(bytes) else {
            return true
        }
        let size = pageBytes(header)
        guard size >= 512, number > 0 else { return false }
        var page = [UInt8](repeating: 0, count: size)
        guard pread(descriptor, &page, size, off_t(number - 1) * off_t(size)) == size else { return true }
        return page.withUnsafeBytes { holds(on: $0, number: number) }
    }
}
