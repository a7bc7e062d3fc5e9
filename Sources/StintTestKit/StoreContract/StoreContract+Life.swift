import StintCore
import StintStore

/// Opening, recovering, the epoch, the numbers.
extension StoreContract {
    static let lifeChecks = [
        Check("an empty place recovers as nothing at all") { scenario in
            let state = scenario.recovered
            try expect(state.batch, is: 0, "the last batch")
            try expect(state.types.isEmpty && state.workers.isEmpty && state.counts.isEmpty, "rows in an empty store")
            try expect(state.grants.isEmpty && state.grantedJobs.isEmpty, "grants in an empty store")
            try expect(state.operations.isEmpty, "operations in an empty store")
            try expect(state.numbers.nextSerial, is: 1, "the next serial")
            try expect(state.numbers.nextRank, is: 1, "the next rank")
            try expect(state.numbers.nextWorker, is: 1, "the next worker")
            try expect(state.numbers.nextOperation, is: 1, "the next operation")
            try expect(state.numbers.highestID, is: .least, "the highest id")
        },
        Check("the epoch is the wall clock in seconds, when that is ahead") { scenario in
            scenario.now = WallTime(milliseconds: 1_800_000_000_999)
            try scenario.reopen()
            try expect(scenario.numbers.epoch, is: 1_800_000_000, "the epoch")
        },
        Check("the epoch rises by one, when the wall clock stands still or goes back") { scenario in
            let first = scenario.numbers.epoch
            try scenario.reopen()
            try expect(scenario.numbers.epoch, is: first + 1, "the epoch within the same second")
            scenario.now = WallTime(milliseconds: -5)
            try scenario.reopen()
            try expect(scenario.numbers.epoch, is: first + 2, "the epoch before 1970")
        },
        Check("the epoch of a life in which nothing was committed is used up all the same") { scenario in
            let first = scenario.numbers.epoch
            for life in 1...3 {
                try scenario.reopen()
                try expect(scenario.numbers.epoch, is: first + UInt64(life), "the epoch of life \(life)")
                try expect(scenario.recovered.batch, is: 0, "the last batch")
            }
        },
        Check("the numbers and the last batch come back as the last commit wrote them") { scenario in
            scenario.numbers.nextSerial = 900
            scenario.numbers.nextRank = -4
            scenario.numbers.nextWorker = 12
            scenario.numbers.nextOperation = .max
            scenario.numbers.highestID = JobID(high: .max - 1, low: 0xFEDC_BA98_7654_3210)
            try scenario.commit()
            try scenario.commit()
            var expected = scenario.numbers
            expected.epoch += 1
            try scenario.reopen()
            try expect(scenario.recovered.batch, is: 2, "the last batch")
            try expect(scenario.recovered.numbers, is: expected, "the numbers")
        },
        Check("batches go on where the last life ended") { scenario in
            scenario.insert()
            try scenario.commit()
            try scenario.reopen()
            scenario.insert()
            try scenario.commit()
            let page = try scenario.reader.readyPage(type: TypeIndex(0), from: .first, limit: 10)
            try expect(page.batch, is: 2, "the batch of the page")
            try expect(page.rows.count, is: 2, "ready rows")
        },
        Check("a place that is open is not opened a second time") { scenario in
            do {
                let second = try scenario.openSecond()
                second.close()
            } catch let error as StoreError {
                try expect(error.code, is: .inUse, "the code of the error")
                scenario.insert()
                try scenario.commit()
                return
            }
            throw Failure(description: "the place was opened by two stores at once")
        },
        Check("commits may come from two threads in turn") { scenario in
            // A broker commits on its loop when that is idle, and on a thread of the store when it is not.
            for _ in 0..<4 {
                scenario.insert()
                try scenario.commit()
                scenario.insert()
                let batch = scenario.takeOpenBatch()
                let store = scenario.store
                try onAnotherThread { try store.commit(batch) }
            }
            let page = try scenario.reader.readyPage(type: TypeIndex(0), from: .first, limit: 99)
            try expect(page.batch, is: 8, "the batch of the page")
            try expect(page.rows.count, is: 8, "ready rows")
        },
    ]
}
