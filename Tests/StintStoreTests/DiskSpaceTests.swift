import Foundation
import Testing

@testable import StintStore

@Suite("Disk space and the reserve") struct DiskSpaceTests {
    @Test("the reserve is real blocks beside the database, given back and restored")
    func reserve() throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteStore(path: folder.path("stint.db"))
        defer { store.close() }
        #expect(!store.hasReserve)
        #expect(try store.restoreReserve())
        #expect(store.hasReserve)
        var facts = stat()
        #expect(stat(folder.path("stint.db.reserve"), &facts) == 0)
        #expect(Int64(facts.st_size) == DiskSpace.reserveBytes)
        #expect(Int64(facts.st_blocks) * 512 >= DiskSpace.reserveBytes)
        #expect(try store.restoreReserve())
        try store.releaseReserve()
        #expect(!store.hasReserve)
        try store.releaseReserve()
    }

    @Test("free space is that of the file system of the database")
    func freeBytes() throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteStore(path: folder.path("stint.db"))
        defer { store.close() }
        let free = try store.freeBytes()
        #expect(free > 0)
        let attributes = try FileManager.default.attributesOfFileSystem(forPath: folder.path)
        let size = try #require(attributes[.systemSize] as? NSNumber)
        #expect(free <= size.int64Value)
    }

    @Test("the size of a file that is not there is zero")
    func missingFile() throws {
        #expect(DiskSpace.bytes(of: try TemporaryFolder().path("none")) == 0)
    }
}
