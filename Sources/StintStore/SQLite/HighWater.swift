import GRDB
import StintCore

/// How far a database is known to have come: the last life that ran on it and the last batch it acknowledged.
///
/// It is noted in the lock file, outside of the database, because a database cannot tell by itself that it is an older
/// copy, or that its write-ahead log was taken away: both are whole, and both lack jobs that were acknowledged. Noted
/// only after the database holds it, so what is noted is never ahead of what is on disk.
struct HighWater: Equatable, Sendable {
    var epoch: UInt64 = 0
    var batch: UInt64 = 0

    /// Nothing is known: no broker has run here, or somebody removed the lock file to say so.
    static let none = HighWater()

    /// What the database says of itself; none before its first migration.
    init(_ db: Database) throws {
        guard try db.tableExists("broker") else { return }
        guard let row = try Row.fetchOne(db, sql: "SELECT epoch, batch FROM broker") else { return }
        epoch = UInt64(bitPattern: row[0])
        batch = UInt64(bitPattern: row[1])
    }

    init(epoch: UInt64 = 0, batch: UInt64 = 0) {
        self.epoch = epoch
        self.batch = batch
    }

    /// The lines of the lock file; those of a release that noted nothing lead to none.
    init(lines: [Substring]) {
        for line in lines {
            let words = line.split(separator: " ")
            guard words.count == 2, let number = UInt64(words[1]) else { continue }
            if words[0] == "epoch" { epoch = number }
            if words[0] == "batch" { batch = number }
        }
    }

    /// Refuses a database that has not come as far as this.
    func check(_ found: HighWater, path: String) throws(StoreError) {
        guard found.epoch < epoch || found.batch < batch else { return }
        let isEmpty = found == .none
        throw StoreError(
            .rolledBack,
            """
            the database \(path) \(isEmpty ? "is missing or empty" : "is at batch \(found.batch) of epoch \(found.epoch)"), \
            but \(path).lock says that a broker acknowledged batch \(batch) in epoch \(epoch): the file is an older copy, \
            or its write-ahead log \(path)-wal is missing. Nothing was changed. Put the newest files back; or, to go on \
            without what was acknowledged since, as after restoring a backup, remove \(path).lock and start again.
            """)
    }
}
