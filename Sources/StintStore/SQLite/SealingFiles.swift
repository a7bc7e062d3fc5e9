import GRDBSQLite
import Glibc
import StintCore
import Synchronization

/// The layer between SQLite and its files that writes and checks ``PageSeals``. Everything goes through to the files
/// below as it is, but whole pages of a database.
enum SealingFiles {
    /// An open file: SQLite knows the first part.
    private struct File {
        var base = sqlite3_file()
        var below: UnsafeMutablePointer<sqlite3_file>
        var isDatabase: Bool
        /// The size of a page when pages have seals, else 0. The header of the database says it, and SQLite reads or
        /// writes that before any other page.
        var pageBytes: Int32 = 0
        /// The size was told and is not to be learned.
        var isTold = false
        /// Of the path, which SQLite keeps for as long as the file is open.
        var name: UnsafePointer<CChar>?
    }

    fileprivate static let lower = Mutex<UInt>(0)

    /// What is below: the files of the operating system, or what a test puts in their place before it opens a store.
    static var below: UnsafeMutablePointer<sqlite3_vfs>? {
        lower.withLock { address in
            if address == 0 { address = UInt(bitPattern: sqlite3_vfs_find("unix")) }
            return UnsafeMutablePointer(bitPattern: address)
        }
    }

    // MARK: Opening

    /// Immutable but for the link that SQLite keeps in it, under a lock of its own; so it is safe on any thread.
    nonisolated(unsafe) static let layer: UnsafeMutablePointer<sqlite3_vfs> = {
        guard let unix = sqlite3_vfs_find(nil) else { preconditionFailure("SQLite has no files") }
        // What the files below answer without one of them at hand (deleting, looking, random bytes, time) stays theirs.
        let layer = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        layer.initialize(to: unix.pointee)
        layer.pointee.pNext = nil
        layer.pointee.szOsFile = Int32(MemoryLayout<File>.size)
        layer.pointee.zName = UnsafePointer(strdup("stint"))
        layer.pointee.xOpen = { _, name, file, flags, outFlags in
            guard let below = SealingFiles.below, let file else { return SQLITE_CANTOPEN }
            let memory = UnsafeMutableRawPointer.allocate(
                byteCount: Int(below.pointee.szOsFile), alignment: MemoryLayout<Int64>.alignment)
            memory.initializeMemory(as: UInt8.self, repeating: 0, count: Int(below.pointee.szOsFile))
            let opened = memory.assumingMemoryBound(to: sqlite3_file.self)
            file.pointee.pMethods = nil
            let code = below.pointee.xOpen(below, name, opened, flags, outFlags)
            guard code == SQLITE_OK else {
                // A file that could not be opened may have to be closed all the same.
                if let methods = opened.pointee.pMethods { _ = methods.pointee.xClose(opened) }
                memory.deallocate()
                return code
            }
            let isDatabase = flags & SQLITE_OPEN_MAIN_DB != 0
            UnsafeMutableRawPointer(file).assumingMemoryBound(to: File.self).initialize(
                to: File(below: opened, isDatabase: isDatabase, name: name))
            file.pointee.pMethods = methods
            return SQLITE_OK
        }
        layer.pointee.xDelete = { _, name, sync in
            guard let below = SealingFiles.below else { return SQLITE_IOERR }
            return below.pointee.xDelete(below, name, sync)
        }
        layer.pointee.xAccess = { _, name, flags, answer in
            guard let below = SealingFiles.below else { return SQLITE_IOERR }
            return below.pointee.xAccess(below, name, flags, answer)
        }
        return layer
    }()

    private static func at(_ file: UnsafeMutablePointer<sqlite3_file>?) -> UnsafeMutablePointer<File> {
        guard let file else { preconditionFailure("SQLite passed no file") }
        return UnsafeMutableRawPointer(file).assumingMemoryBound(to: File.self)
    }

    private static func isPage(_ count: Int32, _ offset: Int64, _ file: UnsafeMutablePointer<File>) -> Bool {
        file.pointee.pageBytes > 0 && count == file.pointee.pageBytes && offset % Int64(count) == 0
    }

    /// Takes from the header of a database, where it passes, whether its pages have seals.
    private static func learn(
        _ file: UnsafeMutablePointer<File>, _ bytes: UnsafeRawPointer, _ count: Int32, _ offset: Int64
    ) {
        guard !file.pointee.isTold, offset == 0, count >= 100, memcmp(bytes, "SQLite format 3", 16) == 0 else { return }
        let header = bytes.assumingMemoryBound(to: UInt8.self)
        let size = header[16] == 0 && header[17] == 1 ? 65_536 : Int32(header[16]) << 8 | Int32(header[17])
        file.pointee.pageBytes = header[20] == UInt8(PageSeals.bytes) ? size : 0
    }

    // MARK: Reading and writing

    /// Immutable once it is made, behind the lock of every `static let`, so safe on any thread.
    nonisolated(unsafe) private static let methods: UnsafePointer<sqlite3_io_methods> = {
        var methods = sqlite3_io_methods()
        // With the shared index of a log, without memory maps of the file, past which nothing could look.
        methods.iVersion = 2
        methods.xClose = { file in
            let file = at(file)
            let below = file.pointee.below
            let code = below.pointee.pMethods.pointee.xClose(below)
            UnsafeMutableRawPointer(below).deallocate()
            return code
        }
        methods.xRead = { file, bytes, count, offset in
            let file = at(file)
            let below = file.pointee.below
            let code = below.pointee.pMethods.pointee.xRead(below, bytes, count, offset)
            guard code == SQLITE_OK, file.pointee.isDatabase, let bytes else { return code }
            learn(file, bytes, count, offset)
            guard isPage(count, offset, file) else { return code }
            let number = UInt64(offset / Int64(count)) + 1
            if PageSeals.holds(on: UnsafeRawBufferPointer(start: bytes, count: Int(count)), number: number) {
                return code
            }
            PageSeals.found(damagedPage: number, in: file.pointee.name.map { String(cString: $0) } ?? "")
            // SQLITE_IOERR_DATA, a macro with a shift, which Swift does not see.
            return SQLITE_IOERR | 32 << 8
        }
        methods.xWrite = { file, bytes, count, offset in
            let file = at(file)
            let below = file.pointee.below
            if file.pointee.isDatabase, let bytes {
                learn(file, bytes, count, offset)
                // Into the buffer of SQLite, whose reserved bytes are nobody else's.
                if isPage(count, offset, file) {
                    PageSeals.write(
                        on: UnsafeMutableRawBufferPointer(
                            start: UnsafeMutableRawPointer(mutating: bytes), count: Int(count)),
                        number: UInt64(offset / Int64(count)) + 1)
                }
            }
            return below.pointee.pMethods.pointee.xWrite(below, bytes, count, offset)
        }
        methods.xFileControl = { file, code, argument in
            let file = at(file)
            if code == tellPageBytes {
                file.pointee.pageBytes = argument?.loadUnaligned(as: Int32.self) ?? 0
                file.pointee.isTold = true
                return SQLITE_OK
            }
            return file.pointee.below.pointee.pMethods.pointee.xFileControl(file.pointee.below, code, argument)
        }
        methods.xTruncate = { file, size in
            let below = at(file).pointee.below
            return below.pointee.pMethods.pointee.xTruncate(below, size)
        }
        methods.xSync = { file, flags in
            let below = at(file).pointee.below
            return below.pointee.pMethods.pointee.xSync(below, flags)
        }
        methods.xFileSize = { file, size in
            let below = at(file).pointee.below
            return below.pointee.pMethods.pointee.xFileSize(below, size)
        }
        methods.xLock = { file, lock in
            let below = at(file).pointee.below
            return below.pointee.pMethods.pointee.xLock(below, lock)
        }
        methods.xUnlock = { file, lock in
            let below = at(file).pointee.below
            return below.pointee.pMethods.pointee.xUnlock(below, lock)
        }
        methods.xCheckReservedLock = { file, answer in
            let below = at(file).pointee.below
            return below.pointee.pMethods.pointee.xCheckReservedLock(below, answer)
        }
        methods.xSectorSize = { file in
            let below = at(file).pointee.below
            return below.pointee.pMethods.pointee.xSectorSize(below)
        }
        methods.xDeviceCharacteristics = { file in
            let below = at(file).pointee.below
            return below.pointee.pMethods.pointee.xDeviceCharacteristics(below)
        }
        methods.xShmMap = { file, region, size, extend, address in
            let below = at(file).pointee.below
            return below.pointee.pMethods.pointee.xShmMap(below, region, size, extend, address)
        }
        methods.xShmLock = { file, offset, count, flags in
            let below = at(file).pointee.below
            return below.pointee.pMethods.pointee.xShmLock(below, offset, count, flags)
        }
        methods.xShmBarrier = { file in
            let below = at(file).pointee.below
            below.pointee.pMethods.pointee.xShmBarrier(below)
        }
        methods.xShmUnmap = { file, isDeletion in
            let below = at(file).pointee.below
            return below.pointee.pMethods.pointee.xShmUnmap(below, isDeletion)
        }
        let address = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        address.initialize(to: methods)
        return UnsafePointer(address)
    }()

    /// A word of ours to an open file, beyond those of SQLite: its pages, of the size given, have seals, though its first
    /// page, which says so, may be written last; with 0, none have.
    static let tellPageBytes: Int32 = 0x5374_01
}

/// The door for tests that bring a disk of their own.
package enum StoreFiles {
    /// From now on the files of every store that is opened are reached through this `sqlite3_vfs`.
    package static func reach(through layer: UnsafeMutableRawPointer) { SealingFiles.put(below: layer) }
}

extension SealingFiles {
    fileprivate static func put(below layer: UnsafeMutableRawPointer) {
        lower.withLock { $0 = UInt(bitPattern: layer) }
    }
}
