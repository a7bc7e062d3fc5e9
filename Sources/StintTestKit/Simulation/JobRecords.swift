import StintCore
import StintStore

/// Every job that was ever on the disk, by the number under which it is stored there: its last row, and each lease that it
/// was granted. Numbers are given without gaps, so a look by number costs next to nothing.
struct JobRecords {
    private struct Lease {
        let token: FencingToken
        /// Nil: it is not on record how it ended, or that it did.
        var outcome: Outcome?
    }

    private struct Record {
        /// Nil until the job is stored; a batch may grant it before.
        var row: JobRow?
        var isRemoved = false
        /// The lease that stands.
        var standing: FencingToken?
        /// The batch in which it died.
        var died: UInt64?
        /// Every lease that it was granted, in that order.
        var leases: [Lease] = []
        /// Where it stands among those that are ready, if it is.
        var ready: Int?
    }

    private var records: [Record] = []
    /// The newest job of each id: one that was removed can be made again.
    private var serials: [JobID: Int64] = [:]  // for lookup only
    /// Of the jobs that are ready, leased or not, in no order.
    private var ready: [Int] = []

    /// The row of a job that is there.
    subscript(id: JobID) -> JobRow? {
        guard let place = serials[id].map({ Int($0) }), !records[place].isRemoved else { return nil }
        return records[place].row
    }

    /// The last that was known of a job that is not there any more.
    func removed(_ id: JobID) -> JobRow? {
        guard let place = serials[id].map({ Int($0) }), records[place].isRemoved else { return nil }
        return records[place].row
    }

    subscript(serial serial: Int64) -> JobRow? {
        records.indices.contains(Int(serial)) ? records[Int(serial)].row : nil
    }

    /// The rows of all jobs that are there, in the order in which they were stored.
    var rows: some Sequence<JobRow> { records.lazy.compactMap { $0.isRemoved ? nil : $0.row } }
    /// Of those the ready ones, in no order.
    var readyRows: some Sequence<JobRow> { ready.lazy.compactMap { records[$0].row } }
    /// Those of the newest job of each id, also where it was removed.
    var newest: [JobRow] { records.compactMap(\.row).filter { serials[$0.id] == $0.serial } }

    // MARK: Rows

    mutating func store(_ row: JobRow) {
        let place = place(of: row.serial)
        records[place].isRemoved = false
        serials[row.id] = row.serial
        change(row)
    }

    mutating func change(_ row: JobRow) {
        let place = place(of: row.serial)
        records[place].row = row
        if (row.state == .ready) != (records[place].ready != nil) {
            records[place].ready == nil ? enters(place) : leaves(place)
        }
    }

    mutating func remove(_ row: JobRow) {
        change(row)
        records[Int(row.serial)].isRemoved = true
    }
    mutating func died(_ row: JobRow, in batch: UInt64) { records[place(of: row.serial)].died = batch }

    /// The batch in which a job died that is dead.
    func death(of row: JobRow) -> UInt64? { records[Int(row.serial)].died }

    private mutating func enters(_ place: Int) {
        records[place].ready = ready.count
        ready.append(place)
    }

    private mutating func leaves(_ place: Int) {
        guard let index = records[place].ready, let last = ready.popLast() else { return }
        records[place].ready = nil
        guard last != place else { return }
        ready[index] = last
        records[last].ready = index
    }

    // MARK: Leases

    mutating func grant(_ serial: Int64, _ token: FencingToken) {
        let place = place(of: serial)
        records[place].standing = token
        records[place].leases.append(Lease(token: token))
    }

    mutating func leaseVanished(_ serial: Int64) { records[place(of: serial)].standing = nil }

    mutating func leaseEnded(_ serial: Int64, _ token: FencingToken, as outcome: Outcome) {
        let place = place(of: serial)
        guard let index = records[place].leases.lastIndex(where: { $0.token == token }) else { return }
        records[place].leases[index].outcome = outcome
    }

    func standing(_ serial: Int64) -> FencingToken? {
        records.indices.contains(Int(serial)) ? records[Int(serial)].standing : nil
    }

    func wasGranted(_ serial: Int64, _ token: FencingToken) -> Bool {
        records.indices.contains(Int(serial)) && records[Int(serial)].leases.contains { $0.token == token }
    }

    /// How the lease ended, if it is on record.
    func outcome(of lease: LeaseReference) -> Outcome? {
        guard let row = self[lease.id] else { return nil }
        return records[Int(row.serial)].leases.last { $0.token == lease.token }?.outcome
    }

    /// Every lease there ever was, in the order of their tokens.
    var everyLease: [(token: FencingToken, serial: Int64)] {
        records.indices.flatMap { place in records[place].leases.map { ($0.token, Int64(place)) } }.sorted {
            $0.0 < $1.0
        }
    }

    private mutating func place(of serial: Int64) -> Int {
        while records.count <= Int(serial) { records.append(Record()) }
        return Int(serial)
    }
}
