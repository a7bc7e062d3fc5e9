import Foundation
import GRDBSQLite
import StintCore
import StintStore
import Synchronization

/// The files of every ``TestDisk``, as SQLite calls them; files of other folders go straight to the operating system.
enum DiskFiles {
    private struct File {
        var base = sqlite3_file()
        var below: UnsafeMutablePointer<sqlite3_file>
        var disk: Unmanaged<TestDisk>
        var number: Int
    }

    private static let disks = Mutex<[String: TestDisk]>([:])

    static func mount(_ disk: TestDisk) {
        StoreFiles.reach(through: layer)
        disks.withLock { $0[disk.folder] = disk }
    }

    static func unmount(_ folder: String) { _ = disks.withLock { $0.removeValue(forKey: folder) } }

    private static func disk(of name: UnsafePointer<CChar>?) -> TestDisk? {
        guard let name else { return nil }
        let path = String(cString: name)
        guard let slash = path.lastIndex(of: "/") else { return nil }
        return disks.withLock { $0[String(path[..<slash])] }
    }

    private static func name(_ path: UnsafePointer<CChar>?) -> String {
        guard let path else { return "" }
        return String(cString: path).split(separator: "/").last.map(String.init) ?? ""
    }

    private static func at(_ file: UnsafeMutablePointer<sqlite3_file>?) -> UnsafeMutablePointer<File> {
        guard let file else { preconditionFailure("SQLite passed no file") }
        return UnsafeMutableRawPointer(file).assumingMemoryBound(to: File.self)
    }

    /// Made once, behind the lock of every `static let`, and only read from then on, so safe on any thread.
    nonisolated(unsafe) private static let unix: UnsafeMutablePointer<sqlite3_vfs> = {
        guard let unix = sqlite3_vfs_find("unix") else { preconditionFailure("SQLite has no files") }
        return unix
    }()

    /// Made once, behind the lock of every `static let`, and only read from then on, so safe on any thread.
    nonisolated(unsafe) private static let layer: UnsafeMutablePointer<sqlite3_vfs> = {
        let layer = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        layer.initialize(to: unix.pointee)
        layer.pointee.pNext = nil
        layer.pointee.zName = UnsafePointer(strdup("test-disk"))
        // Room for a file of the operating system, in place, or for one of ours.
        layer.pointee.szOsFile = max(unix.pointee.szOsFile, Int32(MemoryLayout<File>.size))
        layer.pointee.xOpen = { _, path, file, flags, outFlags in
            guard let file, let disk = disk(of: path) else {
                return unix.pointee.xOpen(unix, path, file, flags, outFlags)
            }
            let memory = UnsafeMutableRawPointer.allocate(
                byteCount: Int(unix.pointee.szOsFile), alignment: MemoryLayout<Int64>.alignment)
            memory.initializeMemory(as: UInt8.self, repeating: 0, count: Int(unix.pointee.szOsFile))
            let below = memory.assumingMemoryBound(to: sqlite3_file.self)
            let code = unix.pointee.xOpen(unix, path, below, flags, outFlags)
            guard code == SQLITE_OK else {
                memory.deallocate()
                file.pointee.pMethods = nil
                return code
            }
            let isLog = flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL) != 0
            let number = disk.opened(name(path), isLog: isLog)
            UnsafeMutableRawPointer(file).assumingMemoryBound(to: File.self).initialize(
                to: File(below: below, disk: .passRetained(disk), number: number))
            file.pointee.pMethods = methods
            return SQLITE_OK
        }
        layer.pointee.xDelete = { _, path, isSynced in
            guard let disk = disk(of: path) else { return unix.pointee.xDelete(unix, path, isSynced) }
            if disk.isDead { return deleteError }
            let code = unix.pointee.xDelete(unix, path, isSynced)
            if code == SQLITE_OK { disk.deleted(name(path), isSynced: isSynced != 0) }
            return code
        }
        return layer
    }()

    // Macros with a shift, which Swift does not see.
    private static let writeError = SQLITE_IOERR | 3 << 8
    private static let deleteError = SQLITE_IOERR | 10 << 8
    private static let syncError = SQLITE_IOERR | 4 << 8
    private static let truncateError = SQLITE_IOERR | 6 << 8

    /// Made once, behind the lock of every `static let`, and only read from then on, so safe on any thread.
    nonisolated(unsafe) private static let methods: UnsafePointer<sqlite3_io_methods> = {
        var methods = sqlite3_io_methods()
        methods.iVersion = 2
        methods.xClose = { file in
            let file = at(file)
            let below = file.pointee.below
            let code = below.pointee.pMethods.pointee.xClose(below)
            UnsafeMutableRawPointer(below).deallocate()
            file.pointee.disk.release()
            return code
        }
        methods.xRead = { file, bytes, count, offset in
            let below = at(file).pointee.below
            return below.pointee.pMethods.pointee.xRead(below, bytes, count, offset)
        }
        methods.xWrite = { file, bytes, count, offset in
            let file = at(file)
            let disk = file.pointee.disk.takeUnretainedValue()
            let below = file.pointee.below
            var count = count
            var code = SQLITE_OK
            switch disk.judge(.write) {
            case .goOn: break
            case .fail(let isFull): return isFull ? SQLITE_FULL : writeError
            case .cut:
                count = count / 2 / 512 * 512
                code = writeError
            case .short:
                count = count / 3
                code = SQLITE_FULL
            }
            guard count > 0 else { return code }
            let written = below.pointee.pMethods.pointee.xWrite(below, bytes, count, offset)
            if written == SQLITE_OK {
                disk.wrote(file.pointee.number, Int(offset), UnsafeRawBufferPointer(start: bytes, count: Int(count)))
            }
            return code == SQLITE_OK ? written : code
        }
        methods.xTruncate = { file, size in
            let file = at(file)
            let disk = file.pointee.disk.takeUnretainedValue()
            guard case .goOn = disk.judge(.truncate) else { return truncateError }
            let below = file.pointee.below
            let code = below.pointee.pMethods.pointee.xTruncate(below, size)
            if code == SQLITE_OK { disk.truncated(file.pointee.number, Int(size)) }
            return code
        }
        methods.xSync = { file, flags in
            let file = at(file)
            let disk = file.pointee.disk.takeUnretainedValue()
            // What a full disk says when the room is taken only now.
            guard case .goOn = disk.judge(.sync) else { return syncError }
            // The files are in memory, and the disk is this one: there is nothing to wait for.
            disk.synced(file.pointee.number)
            return SQLITE_OK
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
        methods.xFileControl = { file, code, argument in
            let file = at(file)
            // Room that is taken ahead would be a write that nobody counts.
            if code == SQLITE_FCNTL_SIZE_HINT { return SQLITE_OK }
            return file.pointee.below.pointee.pMethods.pointee.xFileControl(file.pointee.below, code, argument)
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
}
