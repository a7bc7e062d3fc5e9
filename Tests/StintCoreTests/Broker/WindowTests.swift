import StintCore
import Testing

/// The front of a line, against a job table that makes its entries live. A page is written as the ranks of its rows.
@Suite("Window") struct WindowTests {
    struct Line {
        var jobs = JobTable()
        var window: Window<ReadyPosition>

        init(end: Int64? = nil) { window = Window(end: end.map { ReadyPosition(priority: 0, rank: $0) }) }

        static func row(_ rank: Int64) -> JobRow {
            JobRow(
                id: JobID(high: 1, low: UInt64(rank)), serial: rank, type: TypeIndex(0), state: .ready, priority: 0,
                rank: rank, runAt: .none, createdAt: .none, attemptsMax: 1, payloadBytes: 0, digest: 0)
        }

        /// What the state does with a row that becomes ready.
        mutating func enter(_ rank: Int64, batch: UInt64 = 1) {
            let row = Self.row(rank)
            guard window.covers(row.readyPosition) else {
                return window.arrivedBehind(row, key: row.readyPosition, batch: batch)
            }
            let slot = jobs.insert(row, .ready)
            window.insert(row.readyPosition, slot: slot, stamp: jobs[slot].stamp)
        }

        /// What it does with one that leaves.
        mutating func leave(_ rank: Int64, batch: UInt64 = 1) {
            let row = Self.row(rank)
            if let slot = jobs.slot(of: row.id) {
                jobs.remove(slot)
                window.removed(jobs)
            } else {
                window.left(row.id, key: row.readyPosition, batch: batch)
            }
        }

        mutating func evict(batch: UInt64 = 1) -> Int64? {
            guard let entry = window.evictLast(jobs, batch: batch) else { return nil }
            jobs.remove(entry.slot)
            return entry.key.rank
        }

        mutating func endPage(_ ranks: [Int64], batch: UInt64, limit: Int) {
            let rows = window.endPage(ranks.map(Self.row), batch: batch, limit: limit) { $0.readyPosition }
            for row in rows { enter(row.rank, batch: batch) }
        }

        /// Ranks in the window, in order.
        var ranks: [Int64] {
            var found: [Int64] = []
            func keep(_ entry: Window<ReadyPosition>.Entry) {
                if jobs.isLive(entry.slot, stamp: entry.stamp) { found.append(entry.key.rank) }
            }
            window.forEach(keep)
            #expect(found.count == window.count)
            return found.sorted()
        }
        var end: Int64? { window.end?.rank }
    }

    @Test("a whole window takes everything and gives it in order")
    func order() {
        var line = Line()
        for rank: Int64 in [3, 1, 2] { line.enter(rank) }
        #expect(line.window.isWhole)
        #expect(line.window.first(line.jobs)?.key.rank == 1)
        var taken: [Int64] = []
        while let entry = line.window.popFirst(line.jobs) { taken.append(entry.key.rank) }
        #expect(taken == [1, 2, 3] && line.window.count == 0)
    }

    @Test("what comes at the end or behind it is not remembered, what comes before it is")
    func end() {
        var line = Line(end: 10)
        for rank: Int64 in [9, 10, 11] { line.enter(rank) }
        #expect(line.ranks == [9])
        #expect(!line.window.isWhole)
    }

    @Test("an entry whose job moved is dead: it is neither given nor counted")
    func deadEntries() {
        var line = Line()
        for rank: Int64 in 1...5 { line.enter(rank) }
        for rank: Int64 in [1, 3, 5] { line.leave(rank) }
        #expect(line.ranks == [2, 4])
        line.enter(1)
        #expect(line.window.popFirst(line.jobs)?.key.rank == 1)
    }

    @Test("dead entries do not pile up")
    func compaction() {
        var line = Line()
        for rank: Int64 in 1...5_000 {
            line.enter(rank)
            if rank > 10 { line.leave(rank) }
        }
        var entries = 0
        func count(_: Window<ReadyPosition>.Entry) { entries += 1 }
        line.window.forEach(count)
        #expect(line.window.count == 10)
        #expect(entries <= 2 * 10 + 256 + 1)
    }

    @Test("eviction takes from the back and moves the end onto what it took")
    func eviction() {
        var line = Line()
        for rank: Int64 in 1...4 { line.enter(rank) }
        line.leave(4)
        #expect(line.evict() == 3)
        #expect(line.end == 3 && line.ranks == [1, 2])
        line.enter(3)
        #expect(line.ranks == [1, 2])
        #expect(line.evict() == 2 && line.evict() == 1 && line.evict() == nil)
    }

    // MARK: Pages

    @Test("a full page moves the end to its last row, a short one makes the window whole")
    func pages() {
        var line = Line(end: 1)
        #expect(line.window.beginPage().rank == 1)
        line.endPage([1, 2, 3], batch: 5, limit: 3)
        #expect(line.ranks == [1, 2] && line.end == 3)
        _ = line.window.beginPage()
        line.endPage([3, 4], batch: 5, limit: 3)
        #expect(line.ranks == [1, 2, 3, 4] && line.window.isWhole)
    }

    @Test("an empty page makes the window whole")
    func emptyPage() {
        var line = Line(end: 1)
        _ = line.window.beginPage()
        line.endPage([], batch: 5, limit: 2)
        #expect(line.ranks == [] && line.window.isWhole)
    }

    @Test("an arrival of a batch that the page shows is taken once, one of a later batch is added")
    func arrivals() {
        var line = Line(end: 1)
        _ = line.window.beginPage()
        line.enter(3, batch: 5)
        line.enter(4, batch: 6)
        line.endPage([2, 3], batch: 5, limit: 10)
        #expect(line.ranks == [2, 3, 4])
    }

    @Test("an arrival at or behind the new end stays on disk")
    func arrivalBehindNewEnd() {
        var line = Line(end: 1)
        _ = line.window.beginPage()
        line.enter(3, batch: 6)
        line.enter(4, batch: 6)
        line.enter(5, batch: 6)
        line.endPage([1, 2, 4], batch: 5, limit: 3)
        #expect(line.ranks == [1, 2, 3] && line.end == 4)
    }

    @Test("what left in a later batch is taken out of the page, and what left before is not in it")
    func departures() {
        var line = Line(end: 1)
        _ = line.window.beginPage()
        line.leave(2, batch: 5)
        line.leave(3, batch: 6)
        line.endPage([1, 3, 4], batch: 5, limit: 10)
        #expect(line.ranks == [1, 4])
    }

    @Test("what arrived and left again is not there, what left and came back is there once")
    func both() {
        var line = Line(end: 1)
        _ = line.window.beginPage()
        line.enter(7, batch: 6)
        line.leave(2, batch: 6)
        line.leave(7, batch: 7)
        line.enter(2, batch: 8)
        line.endPage([1, 2], batch: 5, limit: 10)
        #expect(line.ranks == [1, 2])
    }

    @Test("an eviction while a page is read makes it void: the end stays and the page is read again")
    func voidByEviction() {
        var line = Line(end: 5)
        line.enter(1)
        line.enter(2)
        _ = line.window.beginPage()
        #expect(line.evict(batch: 6) == 2)
        line.endPage([5, 6], batch: 6, limit: 10)
        #expect(line.ranks == [1] && line.end == 2)
        #expect(line.window.beginPage().rank == 2)
        line.endPage([2, 5, 6], batch: 6, limit: 10)
        #expect(line.ranks == [1, 2, 5, 6])
    }

    @Test("a page is void when more changed than can be remembered, and not at the bound")
    func voidByNumber() {
        for extra: Int64 in [0, 1] {
            var line = Line(end: 1)
            _ = line.window.beginPage()
            let count = Int64(Limits.pageChangesMax) + extra
            for rank: Int64 in 1...count { line.enter(rank, batch: 6) }
            line.endPage([], batch: 5, limit: 10)
            #expect(line.ranks.count == (extra == 0 ? Int(count) : 0))
            #expect(line.window.isWhole == (extra == 0))
        }
    }

    @Test("a change that was not durable when the page was read, and came before it was asked for, makes it void")
    func changeBeforeThePage() {
        var line = Line(end: 1)
        line.enter(3, batch: 6)
        #expect(!line.window.isReadable(durable: 5) && line.window.isReadable(durable: 6))
        _ = line.window.beginPage()
        line.endPage([2], batch: 5, limit: 10)
        #expect(line.ranks == [] && line.end == 1, "a page as of batch 5 does not show the arrival of batch 6")
        _ = line.window.beginPage()
        line.endPage([2, 3], batch: 6, limit: 10)
        #expect(line.ranks == [2, 3])
    }
}
