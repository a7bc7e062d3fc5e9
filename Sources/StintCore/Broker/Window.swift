import HeapModule

/// The front of a line whose whole length is on disk.
///
/// Invariant: *a window holds every row of the line that comes before its end and is not leased, and none from the end
/// on.* The end is a key, or nil when the window holds the whole line. An arrival behind the end is written, not
/// remembered; eviction takes from the back and moves the end forward; a page read from disk moves it backward.
///
/// **A page races with what happens while it is read.** It shows the line after some batch n, known only when it
/// arrives. So from the request on the window remembers what arrived behind the end and which ids left, each with the
/// batch that makes it durable; at arrival what came after n is applied to the page. When that memory passes its
/// bound, the page is dropped and asked for again. So is a page that is older than the last change that was not
/// remembered because no page was under way: the batch of that change was not durable yet when the page was read. A
/// page is therefore asked for only once that batch is; until then it would be read in vain, again and again.
///
/// Entries are removed lazily: each names a slot of the ``JobTable`` and the slot's stamp at entry, and is dead once
/// they no longer agree.
package struct Window<Key: Hashable & Comparable & Sendable>: Sendable {
    package struct Entry: Comparable, Sendable {
        package let key: Key
        package let slot: Int32
        package let stamp: UInt32

        package static func < (left: Entry, right: Entry) -> Bool { left.key < right.key }
    }

    enum Change: Sendable {
        case arrived(JobRow, Key)
        case left(JobID)
    }

    private var heap: Heap<Entry> = []
    /// Entries that are not dead.
    package private(set) var count = 0
    package private(set) var end: Key?

    package private(set) var isReading = false
    private var changes: [(batch: UInt64, change: Change)] = []
    private var changesLost = false
    /// The batch of the last change behind the end that is not in `changes`.
    private var lastUnremembered: UInt64 = 0
    private let changesMax: Int

    /// - Parameters:
    ///   - end: nil for a line that is known to be empty on disk; the first key for one that may not be.
    ///   - changesMax: Changes that are remembered while a page is being read.
    package init(end: Key?, changesMax: Int = Limits.pageChangesMax) {
        self.end = end
        self.changesMax = changesMax
    }

    /// Whether a row with this key belongs into the window.
    package func covers(_ key: Key) -> Bool {
        guard let end else { return true }
        return key < end
    }

    /// Whether everything there is, is here.
    package var isWhole: Bool { end == nil }

    // MARK: Entries

    package mutating func insert(_ key: Key, slot: Int32, stamp: UInt32) {
        precondition(covers(key), "a window must hold nothing from its end on")
        heap.insert(Entry(key: key, slot: slot, stamp: stamp))
        count += 1
    }

    /// The caller made an entry dead by changing the stamp of its slot.
    package mutating func removed(_ jobs: borrowing JobTable) {
        count -= 1
        precondition(count >= 0)
        if heap.count > 2 * count + 256 {
            var live: [Entry] = []
            live.reserveCapacity(count)
            for entry in heap.unordered where jobs.isLive(entry.slot, stamp: entry.stamp) { live.append(entry) }
            heap = Heap(live)
        }
    }

    package mutating func popFirst(_ jobs: borrowing JobTable) -> Entry? {
        while let entry = heap.popMin() {
            guard jobs.isLive(entry.slot, stamp: entry.stamp) else { continue }
            count -= 1
            precondition(count >= 0)
            return entry
        }
        precondition(count == 0)
        return nil
    }

    package mutating func first(_ jobs: borrowing JobTable) -> Entry? {
        while let entry = heap.min {
            if jobs.isLive(entry.slot, stamp: entry.stamp) { return entry }
            heap.removeMin()
        }
        return nil
    }

    /// Gives up the last entry: it is on disk, or will be with this batch, and the end moves before it. Nil when the
    /// window is empty.
    package mutating func evictLast(_ jobs: borrowing JobTable, batch: UInt64) -> Entry? {
        while let entry = heap.popMax() {
            guard jobs.isLive(entry.slot, stamp: entry.stamp) else { continue }
            count -= 1
            end = entry.key
            lastUnremembered = max(lastUnremembered, batch)
            // A page under way begins at the old end; what lies between would be missing.
            if isReading { changesLost = true }
            precondition(count >= 0)
            return entry
        }
        return nil
    }

    /// Every live entry, in no order; for checks.
    package func forEach(_ body: (Entry) -> Void) { heap.unordered.forEach(body) }

    // MARK: Pages

    /// Whether a page that is read from now on can show everything that was not remembered.
    package func isReadable(durable: UInt64) -> Bool { !isReading && durable >= lastUnremembered }

    /// Starts to remember. Returns where the page begins.
    package mutating func beginPage() -> Key {
        precondition(!isReading && changes.isEmpty)
        guard let end else { preconditionFailure("a whole window has nothing to read") }
        isReading = true
        changesLost = false
        return end
    }

    /// A row came into the line behind the end.
    package mutating func arrivedBehind(_ row: JobRow, key: Key, batch: UInt64) {
        precondition(!covers(key))
        remember(.arrived(row, key), batch)
    }

    /// A row that is not in memory left the line, or may have.
    package mutating func left(_ id: JobID, key: Key, batch: UInt64) {
        if !covers(key) { remember(.left(id), batch) }
    }

    private mutating func remember(_ change: Change, _ batch: UInt64) {
        precondition(batch >= lastUnremembered && changes.last.map { $0.batch <= batch } ?? true)
        if changes.count >= changesMax {
            changesLost = true
            changes.removeAll()
        }
        if isReading, !changesLost {
            changes.append((batch, change))
        } else {
            lastUnremembered = batch
        }
    }

    /// The page has come: moves the end and returns the rows that now belong into the window and are not there yet.
    /// Empty with an unmoved end when the page has to be asked for again.
    ///
    /// - Parameters:
    ///   - rows: In order, from where ``beginPage()`` said.
    ///   - batch: After which they were read.
    ///   - limit: How many were asked for; at least 2.
    package mutating func endPage(_ rows: [JobRow], batch: UInt64, limit: Int, key: (JobRow) -> Key) -> [JobRow] {
        precondition(isReading && limit >= 2 && rows.count <= limit)
        let isCurrent = !changesLost && batch >= lastUnremembered
        defer {
            // What lies behind the new end is forgotten here, so the next page has to show it.
            if let last = changes.last { lastUnremembered = max(lastUnremembered, last.batch) }
            changes.removeAll()
        }
        isReading = false
        guard isCurrent else { return [] }

        // The last row of a full page only says where the next one begins.
        let isFull = rows.count == limit
        let newEnd = isFull ? key(rows[limit - 1]) : nil
        var page = isFull ? rows.dropLast() : rows[...]
        // The last word on each job counts; the page, and what was said before, is older.
        var changed: Set<JobID> = []  // for lookup only
        var arrivals: [JobRow] = []
        for (number, change) in changes.reversed() {
            guard number > batch else { break }
            switch change {
            case .arrived(let row, let key):
                guard changed.insert(row.id).inserted else { continue }
                if newEnd.map({ key < $0 }) ?? true { arrivals.append(row) }
            case .left(let id):
                changed.insert(id)
            }
        }
        if !changed.isEmpty { page.removeAll { changed.contains($0.id) } }
        end = newEnd
        return Array(page) + arrivals
    }
}
