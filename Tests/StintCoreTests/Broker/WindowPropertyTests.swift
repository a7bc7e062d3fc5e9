import StintCore
import Testing

@Suite("Window against a naive line") struct WindowPropertyTests {
    /// A line as plain sets of ranks: all rows as decided, and as of each batch that is durable.
    private struct Model {
        var ready: Set<Int64> = []
        var durable: Set<Int64> = []
        var openBatch: UInt64 = 1
        var nextRank: Int64 = 1
    }

    // Goal: whatever happens while pages are read, the window holds every row before its end and none behind it.
    // Method: seeded random events on a small line, compared after each with plain sets.
    @Test("a window holds every row before its end and none from there on", arguments: 1...40 as ClosedRange<UInt64>)
    func invariant(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var model = Model()
        var line = WindowTests.Line(end: 0)
        var page: (rows: [Int64], batch: UInt64)?
        var from: Int64 = 0

        for _ in 0..<2_000 {
            switch random.next(upTo: 9) {
            case 0...2:
                // Now and then a row comes back to an old place, as a released job does.
                let rank = random.next(upTo: 3) == 0 ? Int64(random.next(upTo: UInt64(model.nextRank))) : model.nextRank
                model.nextRank = max(model.nextRank, rank + 1)
                guard model.ready.insert(rank).inserted else { continue }
                line.enter(rank, batch: model.openBatch)
            case 3...4:
                guard let rank = Self.any(of: model.ready, &random) else { continue }
                model.ready.remove(rank)
                line.leave(rank, batch: model.openBatch)
            case 5:
                _ = line.evict(batch: model.openBatch)
            case 6:
                model.durable = model.ready
                model.openBatch += 1
            case 7:
                guard !line.window.isReading, !line.window.isWhole else { continue }
                from = line.window.beginPage().rank
            case 8:
                guard line.window.isReading, page == nil else { continue }
                page = (Array(model.durable.filter { $0 >= from }.sorted().prefix(6)), model.openBatch - 1)
            default:
                guard let read = page else { continue }
                page = nil
                let rows = line.window.endPage(read.rows.map(WindowTests.Line.row), batch: read.batch, limit: 6) {
                    $0.readyPosition
                }
                for row in rows where line.jobs.slot(of: row.id) == nil { line.enter(row.rank, batch: model.openBatch) }
            }
            let end = line.end
            let expected = model.ready.filter { end == nil || $0 < end ?? 0 }.sorted()
            guard line.ranks == expected else {
                Issue.record(
                    "seed \(seed): the window holds \(line.ranks), the line before \(end ?? -1) is \(expected)")
                return
            }
        }
    }

    private static func any(of ranks: Set<Int64>, _ random: inout SeededRandom) -> Int64? {
        guard !ranks.isEmpty else { return nil }
        return ranks.sorted()[Int(random.next(upTo: UInt64(ranks.count - 1)))]
    }
}
