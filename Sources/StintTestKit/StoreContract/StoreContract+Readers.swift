import StintCore
import StintStore

/// What a reader sees, and when.
extension StoreContract {
    static let readerChecks = [
        Check("known ids are found, in one range or scattered") { scenario in
            var rows: [JobRow] = []
            for index in 0..<300 {
                // Clusters of ten, a minute apart, so that ids between two asked for are many or none.
                if index.isMultiple(of: 10) { scenario.now = scenario.now + .seconds(60) }
                rows.append(scenario.insert(type: index % 3))
            }
            try scenario.commit()
            func expectKnown(_ chosen: [JobRow], and strangers: [JobID], _ what: String) throws {
                let ids = (chosen.map(\.id) + strangers).sorted()
                let expected = chosen.sorted { $0.id < $1.id }
                    .map { KnownJob(id: $0.id, type: $0.type, digest: $0.digest) }
                try expect(scenario.reader.known(ids), is: expected, what)
            }
            let strangers = (0..<50).map { index in
                let id = rows[index * 6].id
                return JobID(high: id.high, low: id.low ^ 1)
            }
            try expectKnown([], and: [], "no ids")
            try expectKnown([], and: [.least, .greatest], "ids at both ends of all ids")
            try expectKnown(rows, and: [], "all ids")
            try expectKnown(rows, and: strangers, "all ids among strangers")
            try expectKnown([rows[0], rows[299]], and: [], "the first and the last")
            try expectKnown([rows[150]], and: [.least, .greatest], "one between both ends")
            try expectKnown(Array(rows[100..<110]), and: [], "a cluster")
            try expectKnown(rows.enumerated().filter { $0.offset % 37 == 0 }.map(\.element), and: [], "some scattered")
            try expectKnown([], and: strangers, "strangers among jobs")
        },
        Check("ids sort as numbers without sign") { scenario in
            let ids = [
                JobID(high: 0, low: 1), JobID(high: 1, low: .max), JobID(high: 1 << 63, low: 0),
                JobID(high: 1 << 63, low: 1 << 63), JobID(high: .max, low: .max - 1),
            ]
            for id in ids.reversed() { scenario.insert(id: id) }
            try scenario.commit()
            try expect(scenario.reader.list(JobQuery(limit: 9)).jobs.map(\.row.id), is: ids.reversed(), "the ids")
            try expect(scenario.reader.known(ids).map(\.id), is: ids, "the known ids")
            for id in ids { try expect(scenario.reader.row(id)?.id, is: id, "the row") }
        },
        Check("the first id above another is found, and none above the last") { scenario in
            let rows = (0..<5).map { _ in scenario.insert() }
            let far = JobID(high: .max, low: 1)
            scenario.insert(id: far)
            try scenario.commit()
            let ids = rows.map(\.id).sorted() + [far]
            try expect(scenario.reader.firstID(above: .least), is: ids[0], "above none")
            for (id, next) in zip(ids, ids.dropFirst()) {
                try expect(scenario.reader.firstID(above: id), is: next, "above one")
            }
            try expect(scenario.reader.firstID(above: far), is: nil, "above the last")
        },
        Check("what is not there is answered with nothing") { scenario in
            let id = scenario.nextID()
            try expect(scenario.reader.row(id), is: nil, "the row by id")
            try expect(scenario.reader.row(serial: 1), is: nil, "the row by serial")
            try expect(scenario.reader.details(id) == nil, "details of no job")
            try expect(scenario.reader.payload(serial: 1) == nil, "a payload of no job")
            try expect(scenario.reader.known([id]), is: [], "known ids")
            let page = try scenario.reader.scheduledPage(from: .first, limit: 5)
            try expect(page.rows, is: [], "the scheduled page")
            try expect(page.batch, is: 0, "the batch of an empty page")
        },
        Check("every reader sees a batch as soon as its commit returns") { scenario in
            let readers = try (0..<3).map { _ in try scenario.store.makeReader() }
            for batch in 1...5 {
                let row = scenario.insert()
                try scenario.commit()
                for reader in readers + [try scenario.store.makeReader()] {
                    try expect(reader.row(row.id), is: row, "the row")
                    let page = try reader.readyPage(type: row.type, from: .first, limit: 1)
                    try expect(page.batch, is: UInt64(batch), "the batch of a page")
                }
            }
        },
        Check("a reader sees whole batches, and never an older one than before") { scenario in
            // Method: each batch moves every one of ten jobs to its own time; a page must show one time, its batch's.
            var rows = (0..<10).map { _ in scenario.insert(state: .scheduled, runAt: WallTime(milliseconds: 1)) }
            try scenario.commit()
            let store = scenario.store
            let flag = Flag()
            let thread = OtherThread {
                let reader = try store.makeReader()
                var last: UInt64 = 0
                while !flag.isRaised {
                    let page = try reader.scheduledPage(from: .first, limit: 100)
                    try expect(page.batch >= last, "batch \(page.batch) was read after batch \(last)")
                    let times = Set(page.rows.map(\.runAt.milliseconds))
                    try expect(times, is: [Int64(page.batch)], "the times in batch \(page.batch)")
                    try expect(page.rows.count, is: 10, "rows of the page")
                    last = page.batch
                }
            }
            for batch in 2...200 {
                for index in rows.indices {
                    rows[index].runAt = WallTime(milliseconds: Int64(batch))
                    scenario.write(.update, rows[index])
                }
                try scenario.commit()
                if batch.isMultiple(of: 50) { try scenario.maintain() }
            }
            flag.raise()
            try thread.join()
        },
        Check("a batch of nothing counts") { scenario in
            try scenario.commit()
            try expect(scenario.reader.scheduledPage(from: .first, limit: 1).batch, is: 1, "the batch of a page")
        },
    ]
}
