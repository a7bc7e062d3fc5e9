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

    private func finishJobs(_ number: Int) throws {
        for _ in 0..<number { scenario.finish(scenario.insert()) }
        try scenario.commit()
    }

    @Test("a commit writes one row of the log, whatever it finishes")
    func oneRow() throws {
        try finishJobs(100)
        #expect(try count("unindexed") == 1)
        #expect(try count("listing") == 0)
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
        #expect(try count("listing") == 150)
        #expect(try count("listing_by_type") == 150)
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
            #expect(try store.withWriter { writer, _ in writer.listing.unindexedByType } <= 1_000)
        }
        #expect(try count("listing") > 2_000)
        #expect(try scenario.reader.list(JobQuery(state: .completed, limit: 1_000)).count == 1_000)
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
        for table in ["jobs", "payloads", "attempts", "logs", "checkpoints", "listing", "listing_by_type", "unindexed"]
        {
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
            #expect(writer.listing.unindexedByType == 70)
        }
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
