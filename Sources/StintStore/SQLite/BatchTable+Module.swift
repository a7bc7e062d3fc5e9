import GRDB
import GRDBSQLite
import StintCore

/// The callbacks. A cursor is the place of one write; the one full scan there is needs no plan.
enum BatchModule {
    private struct Table {
        var base = sqlite3_vtab()
        var contents: UnsafePointer<BatchTable.Contents>
    }

    private struct Cursor {
        var base = sqlite3_vtab_cursor()
        var contents: UnsafePointer<BatchTable.Contents>
        var place = 0

        /// Goes on to the first write, from the place on, that is a row of the table.
        mutating func settle() {
            let shown = contents.pointee
            while place < shown.writes.count, !shown.kinds.contains(.init(shown.writes[place].kind)) { place += 1 }
        }
    }

    /// SQLite keeps the address for as long as a connection is open. Safe, because no thread ever writes it: it is made
    /// once for the process, behind the lock that guards every `static let`, and only read from then on.
    nonisolated(unsafe) static let shared: UnsafePointer<sqlite3_module> = {
        precondition(MemoryLayout<Table>.offset(of: \.base) == 0 && MemoryLayout<Cursor>.offset(of: \.base) == 0)
        var module = sqlite3_module()
        module.iVersion = 1
        module.xConnect = { connection, contents, _, _, table, _ in
            guard let contents, let table else { return SQLITE_MISUSE }
            let made = UnsafeMutablePointer<Table>.allocate(capacity: 1)
            made.initialize(to: Table(contents: contents.assumingMemoryBound(to: BatchTable.Contents.self)))
            table.pointee = UnsafeMutableRawPointer(made).assumingMemoryBound(to: sqlite3_vtab.self)
            return sqlite3_declare_vtab(connection, BatchColumn.declaration)
        }
        module.xDisconnect = { table in
            table?.deallocate()
            return SQLITE_OK
        }
        module.xBestIndex = { _, _ in SQLITE_OK }
        module.xOpen = { table, cursor in
            guard let table, let cursor else { return SQLITE_MISUSE }
            let made = UnsafeMutablePointer<Cursor>.allocate(capacity: 1)
            made.initialize(to: Cursor(contents: at(table, as: Table.self).pointee.contents))
            cursor.pointee = UnsafeMutableRawPointer(made).assumingMemoryBound(to: sqlite3_vtab_cursor.self)
            return SQLITE_OK
        }
        module.xClose = { cursor in
            cursor?.deallocate()
            return SQLITE_OK
        }
        module.xFilter = { cursor, _, _, _, _ in
            let cursor = at(cursor, as: Cursor.self)
            cursor.pointee.place = 0
            cursor.pointee.settle()
            return SQLITE_OK
        }
        module.xNext = { cursor in
            let cursor = at(cursor, as: Cursor.self)
            cursor.pointee.place += 1
            cursor.pointee.settle()
            return SQLITE_OK
        }
        module.xEof = { cursor in
            let cursor = at(cursor, as: Cursor.self)
            return cursor.pointee.place < cursor.pointee.contents.pointee.writes.count ? 0 : 1
        }
        module.xRowid = { cursor, row in
            row?.pointee = Int64(at(cursor, as: Cursor.self).pointee.place)
            return SQLITE_OK
        }
        module.xColumn = { cursor, context, column in
            let cursor = at(cursor, as: Cursor.self)
            let contents = cursor.pointee.contents
            guard let writes = contents.pointee.writes.baseAddress else { return SQLITE_MISUSE }
            contents.pointee.show(BatchColumn.all[Int(column)], of: writes + cursor.pointee.place, context)
            return SQLITE_OK
        }
        let address = UnsafeMutablePointer<sqlite3_module>.allocate(capacity: 1)
        address.initialize(to: module)
        return UnsafePointer(address)
    }()

    /// The whole whose first part SQLite knows.
    private static func at<Base, Whole>(
        _ base: UnsafeMutablePointer<Base>?, as type: Whole.Type
    ) -> UnsafeMutablePointer<Whole> {
        guard let base else { preconditionFailure("SQLite passed no cursor") }
        return UnsafeMutableRawPointer(base).assumingMemoryBound(to: Whole.self)
    }
}
