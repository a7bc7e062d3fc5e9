import GRDB
import StintCore
import StintTestKit
import Testing

@testable import StintStore

// Goal: what is indexed behind is bounded, complete and costs a commit nothing. Method: the tables themselves.
@Suite("Listing index") struct ListingIndexTests {
    private let folder: TemporaryFolder
    private let store: SQLiteStore
    private let scenario: StoreScenario

    init() throws {
        folder = try TemporaryFolder()
        let opened = try SQLiteStore(path: folder.path("stint.db"))
        store = opened
        scenario = try StoreScenario(StoreFactory { opened })
    }

    private func count(_ table: String) throws -> Int {
        try store.withWriter { writer, _ in try Int.fetchOne(writer.db, sql: "SELECT count(*) FROM \(table)") ?? 0 }
    }

    private func indexed() throws -> Int {
        try store.withWriter { writer, _ in try Int.fetchOne(writer.db, sql: "SELECT total(entries) FROM runs") ?? 0 }
    }

    private func finishJobs(_ number: Int) throws {
        for _ in 0..<number { scenario.finish(scenario.insert()) }
        try scenario.commit()
    }

    @Test("a commit writes one row of the log, whatever it finishes")
    func oneRow() throws {
        try finishJobs(100)
        #expect(try count("unindexed") == 1)
        #expect(try count("runs") == 0)
        #expect(try store.statistics().unindexed == 100)
        scenario.insert()
        try scenario.commit()
        #expect(try count("unindexed") == 1)
    }

    @Test("idle upkeep indexes everything and empties the log")
    func idleUpkeep() throws {
        for _ in 0..<3 { try finishJobs(50) }
        while try store.maintain(isIdle: true) {}
        #expect(try count("unindexed") == 0)
        #expect(try count("runs") == 1)
        #expect(try indexed() == 150)
        #expect(try store.statistics().unindexed == 0)
    }

    @Test("past its bound the tail is indexed by the commits themselves")
    func boundedTail() throws {
        try store.withWriter { writer, _ in writer.listing.tailMax = 1_000 }
        for _ in 0..<10 { try finishJobs(99) }
        #expect(try store.statistics().unindexed == 990)
        for _ in 0..<30 {
            try finishJobs(99)
            #expect(try store.statistics().unindexed <= 1_000)
        }
        #expect(try indexed() > 2_000)
        #expect(try scenario.reader.list(JobQuery(state: .completed, limit: 1_000)).jobs.count == 1_000)
    }

    @Test("nothing is left in the indexes of jobs that were deleted")
    func deleted() throws {
        var rows = (0..<40).map { _ in scenario.finish(scenario.insert(), as: .dead, .failed) }
        try scenario.commit()
        while try store.maintain(isIdle: true) {}
        rows += (0..<40).map { _ in scenario.finish(scenario.insert(), as: .dead, .failed) }
        try scenario.commit()
        for row in rows { scenario.write(.delete, row) }
        try scenario.commit()
        while try store.maintain(isIdle: true) {}
        for table in ["jobs", "payloads", "attempts", "logs", "checkpoints", "runs", "unindexed"] {
            #expect(try count(table) == 0, "\(table)")
        }
        #expect(try store.statistics().unindexed == 0)
    }

    @Test("the tails are counted anew when a database is opened")
    func countedAtOpen() throws {
        try finishJobs(70)
        store.close()
        let again = try SQLiteStore(path: folder.path("stint.db"))
        defer { again.close() }
        try again.withWriter { writer, _ in
            #expect(writer.listing.unindexed == 70)
        }
    }

    // Method: more jobs than a run holds, one of them in each state the listing can be asked for, some taken out of the
    // middle and one put back before all others, as a wall clock that steps back does.
    @Test("runs stay whole and in order when jobs leave them and come between them")
    func runs() throws {
        var rows: [JobRow] = []
        for _ in 0..<3 * ListingRun.entriesMax {
            scenario.now = scenario.now + .milliseconds(1)
            rows.append(scenario.finish(scenario.insert(), as: .dead, .failed))
        }
        try scenario.commit()
        while try store.maintain(isIdle: true) {}
        #expect(try count("runs") == 3)
        for place in (0..<rows.count).reversed() where place % 5 == 2 || (300..<600).contains(place) {
            scenario.write(.delete, rows.remove(at: place))
        }
        scenario.now = rows[40].finishedAt
        rows.append(scenario.finish(scenario.insert(), as: .dead, .failed))
        scenario.now = rows[0].finishedAt + .seconds(-60)
        rows.append(scenario.finish(scenario.insert(), as: .dead, .failed))
        try scenario.commit()
        while try store.maintain(isIdle: true) {}
        #expect(try indexed() == rows.count)
        let expected = rows.sorted { ($0.finishedAt, $0.serial) < ($1.finishedAt, $1.serial) }
        for limit in [1, 7, 256, 1_000] {
            var query = JobQuery(state: .dead, limit: limit)
            var found: [JobRow] = []
            repeat {
                let listing = try scenario.reader.list(query)
                found += listing.jobs.map(\.row)
                query.after = listing.last
            } while query.after != nil
            #expect(found == expected.reversed())
        }
    }

    @Test("a listing of one type among many others ends after a bounded walk, and goes on from there")
    func walk() throws {
        let few = (0..<3).map { _ in scenario.insert(type: 1) }
        for _ in 0..<2 {
            for _ in 0..<JobListing.walkMax * 3 / 5 { scenario.insert() }
            try scenario.commit()
        }
        var query = JobQuery(type: TypeIndex(1), limit: 2)
        let first = try scenario.reader.list(query)
        #expect(first.jobs.isEmpty)
        query.after = try #require(first.last)
        let second = try scenario.reader.list(query)
        #expect(second.jobs.map(\.row) == [few[2], few[1]])
        query.after = try #require(second.last)
        #expect(try scenario.reader.list(query).jobs.map(\.row) == [few[0]])
    }

    @Test("the last word on a place is the one that counts")
    func net() {
        func entry(_ serial: Int64, _ state: JobState = .dead, type: Int = 0, isRemoval: Bool = false) -> ListingEntry {
            ListingEntry(
                state: state, type: TypeIndex(type), place: FinishedPlace(finishedAt: 5, serial: serial),
                isRemoval: isRemoval)
        }
        let entries = [
            entry(3), entry(1), entry(3, isRemoval: true), entry(2, isRemoval: true), entry(2), entry(1, .completed),
            entry(9, type: 1), entry(1),
        ]
        #expect(
            ListingEntry.net(entries) == [
                entry(1, .completed), entry(1), entry(2), entry(3, isRemoval: true), entry(9, type: 1),
            ])
    }

    @Test("no query walks a whole table")
    func queryPlans() throws {
        try store.withWriter { writer, _ in
            let statements = try ReaderStatements(writer.db)
            for case (_, let statement as Prepared) in Mirror(reflecting: statements).children {
                let query = statement.sql
                guard query.hasPrefix("SELECT") else { continue }
                let explanation = try Prepared(writer.db, "EXPLAIN QUERY PLAN " + query)
                let plan = try explanation.all { explanation.text(3) }.joined(separator: "\n")
                // `broker` has one row, `unindexed` is bounded.
                let isBounded = query.contains("FROM broker") || query.contains("FROM unindexed")
                #expect(isBounded || !plan.contains("SCAN"), "\(query)\n\(plan)")
                #expect(!plan.contains("TEMP B-TREE"), "\(query)\n\(plan)")
            }
        }
    }
}
