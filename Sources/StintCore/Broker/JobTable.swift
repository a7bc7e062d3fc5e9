/// The jobs in memory: those in a window, those scheduled for the near future, and those leased. Everything else is a
/// row on disk and nothing here.
package struct JobTable: Sendable {
    package enum Place: UInt8, Sendable {
        case free
        /// In the window of its type's line.
        case ready
        /// In the window of the schedule.
        case scheduled
        case leased
    }

    package struct Entry: Sendable {
        package var row: JobRow
        package var place: Place
        /// Changes whenever the entry moves, so that window entries that name an earlier place are recognised as dead.
        package var stamp: UInt32
        package var lease: Lease
    }

    /// The right of one worker to run a job: who, under which token, since when.
    package struct Lease: Sendable {
        package var token = FencingToken.none
        package var worker: Int32 = -1
        package var grant: Int32 = -1
        /// Neighbours in the worker's list of leases, in grant order.
        package var previous: Int32 = -1
        package var next: Int32 = -1
        /// Expected run time that this lease adds to its worker's load.
        package var microseconds: Int32 = 0
        package var grantedAt = WallTime.none
        /// When the worker was first heard to run it.
        package var startedAt: Instant?
        /// When its holder was told to stop, for a cancel or a timeout.
        package var cancelledAt: Instant?
        /// The attempt it is for.
        package var attempt: UInt16 = 0
    }

    private(set) package var entries: ContiguousArray<Entry> = []
    private var free: [Int32] = []
    /// For lookup only; never iterated.
    private var slots: [JobID: Int32] = [:]

    package init() {}

    package var count: Int { slots.count }

    package func slot(of id: JobID) -> Int32? { slots[id] }

    package subscript(slot: Int32) -> Entry {
        get { entries[Int(slot)] }
        _modify { yield &entries[Int(slot)] }
    }

    /// Adds a job that is not there yet.
    package mutating func insert(_ row: JobRow, _ place: Place) -> Int32 {
        precondition(place != .free)
        let slot: Int32
        if let reused = free.popLast() {
            slot = reused
            let stamp = entries[Int(slot)].stamp
            entries[Int(slot)] = Entry(row: row, place: place, stamp: stamp &+ 1, lease: Lease())
        } else {
            slot = Int32(entries.count)
            entries.append(Entry(row: row, place: place, stamp: 0, lease: Lease()))
        }
        let former = slots.updateValue(slot, forKey: row.id)
        precondition(former == nil, "a job must be in memory once")
        return slot
    }

    package mutating func remove(_ slot: Int32) {
        precondition(entries[Int(slot)].place != .free)
        slots.removeValue(forKey: entries[Int(slot)].row.id)
        entries[Int(slot)].place = .free
        entries[Int(slot)].stamp &+= 1
        free.append(slot)
    }

    /// Moves a job; entries of windows that name its former place are dead from now on.
    package mutating func move(_ slot: Int32, to place: Place) {
        precondition(place != .free && entries[Int(slot)].place != .free)
        entries[Int(slot)].place = place
        entries[Int(slot)].stamp &+= 1
    }

    package func isLive(_ slot: Int32, stamp: UInt32) -> Bool { entries[Int(slot)].stamp == stamp }
}

extension JobTable {
    /// The entry of a job, if it is in memory.
    package subscript(id: JobID) -> Entry? { slot(of: id).map { self[$0] } }
}
