import StintCore
import StintStore

/// Listings: every order, with and without a type, page by page, whether the store has indexed them yet or not.
extension StoreContract {
    static let listingChecks = [
        Check("every state is listed in its order, for one type and for all, in pages of any size") { scenario in
            let rows = try mixedJobs(scenario)
            for isIndexed in [false, true] {
                if isIndexed { try scenario.maintain() }
                try expectListings(of: rows, scenario)
            }
            try scenario.reopen()
            try expectListings(of: rows, scenario)
        },
        Check("listings are right while half of them is indexed") { scenario in
            var rows = try mixedJobs(scenario)
            try scenario.maintain()
            rows += try mixedJobs(scenario)
            try expectListings(of: rows, scenario)
        },
        Check("a job that an update ends is listed like any other, and leaves by a delete") { scenario in
            var row = scenario.insert()
            try scenario.commit()
            row.state = .cancelled
            row.finishedAt = scenario.now
            scenario.write(.update, row)
            try scenario.commit()
            for _ in 0..<2 {
                try expect(
                    scenario.reader.list(JobQuery(state: .cancelled, limit: 9)).jobs.map(\.row), is: [row], "the jobs")
                try scenario.maintain()
            }
            scenario.write(.delete, row)
            try scenario.commit()
            try expectGone(row, scenario)
        },
        Check("leased jobs are not listed, because no row says leased") { scenario in
            scenario.insert()
            try scenario.commit()
            try expect(scenario.reader.list(JobQuery(state: .leased, limit: 10)).jobs.count, is: 0, "leased jobs")
        },
        Check("a listing shows worker, error, progress and extras, and no payload, result or history") { scenario in
            scenario.add(.worker(worker(1, "alice")))
            let dead = scenario.finish(
                scenario.insert(extras: Array("x".utf8)), as: .dead, .failed, result: "r", error: "e", progress: "p",
                log: "l")
            let retried = scenario.retire(scenario.insert(), error: "again")
            try scenario.commit()
            let listed = try scenario.reader.list(JobQuery(limit: 10)).jobs
            try expect(listed.map(\.row), is: [retried, dead].sorted { $0.id > $1.id }, "the rows")
            let job = try require(listed.first { $0.row == dead }, "the dead job")
            try expect([job.error, job.progress, job.extras].map(\.text), is: ["e", "p", "x"], "the bytes shown")
            try expect(job.workerName, is: "alice", "the worker")
            try expect(job.payload.isEmpty && job.result.isEmpty && job.log.isEmpty, "bytes that are not for listings")
            try expect(job.attempts.isEmpty, "a history in a listing")
            let other = try require(listed.first { $0.row == retried }, "the retried job")
            try expect(other.error.text, is: "again", "the error of an attempt in the history")
        },
        Check("a job finished, replayed and finished again stands where it finished last") { scenario in
            // Method: each pattern of indexing between the steps, with a time that moves and one that stands still.
            for pattern in 0..<8 {
                for seconds in [0, 1] {
                    let bystander = scenario.finish(scenario.insert(type: 5), as: .dead, .failed)
                    var row = scenario.insert(type: 5)
                    try scenario.commit()
                    row = scenario.finish(row, as: .dead, .failed)
                    try scenario.commit()
                    if pattern & 1 != 0 { try scenario.maintain() }
                    row = scenario.replay(row)
                    try scenario.commit()
                    let deadRows = [bystander]
                    try expect(
                        scenario.reader.list(JobQuery(state: .dead, type: row.type, limit: 9)).jobs.map(\.row),
                        is: deadRows,
                        "the dead after a replay")
                    if pattern & 2 != 0 { try scenario.maintain() }
                    scenario.now = scenario.now + .seconds(seconds)
                    row = scenario.finish(row, as: .dead, .failed)
                    try scenario.commit()
                    if pattern & 4 != 0 { try scenario.maintain() }
                    for type in [nil, row.type] {
                        try expect(
                            scenario.reader.list(JobQuery(state: .dead, type: type, limit: 9)).jobs.map(\.row),
                            is: [row, bystander], "the dead after the second end, pattern \(pattern)")
                    }
                    scenario.write(.delete, row)
                    scenario.write(.delete, bystander)
                    try scenario.commit()
                    try expect(scenario.reader.list(JobQuery(state: .dead, limit: 9)).jobs.count, is: 0, "dead jobs")
                    scenario.now = scenario.now + .seconds(1)
                }
            }
        },
        Check("finish, replay and finish within one batch leave one place") { scenario in
            var row = scenario.finish(scenario.insert(), as: .dead, .failed)
            row = scenario.replay(row)
            row = scenario.finish(row, as: .dead, .failed)
            try scenario.commit()
            try expect(scenario.reader.list(JobQuery(state: .dead, limit: 9)).jobs.map(\.row), is: [row], "the dead")
            try scenario.maintain()
            try expect(
                scenario.reader.list(JobQuery(state: .dead, limit: 9)).jobs.map(\.row), is: [row], "the dead, indexed")
        },
        Check("finished jobs are read oldest first, after a place and before a time") { scenario in
            var rows: [JobRow] = []
            for index in 0..<12 {
                // Three jobs share each time.
                if index.isMultiple(of: 3) { scenario.now = scenario.now + .seconds(1) }
                rows.append(scenario.finish(scenario.insert(type: index % 2), as: .dead, .failed))
                scenario.finish(scenario.insert(type: index % 2))
                try scenario.commit()
                if index == 5 { try scenario.maintain() }
            }
            for type in [nil, TypeIndex(0), TypeIndex(1)] {
                let all = rows.filter { type == nil || $0.type == type }
                for start in -1..<all.count {
                    for limit in [1, 2, 5, 50] {
                        var query = FinishedQuery(
                            state: .dead, type: type, before: .distantFuture,
                            afterTime: start < 0 ? .none : all[start].finishedAt,
                            afterSerial: start < 0 ? 0 : all[start].serial, limit: limit)
                        try expect(
                            scenario.reader.finished(query), is: Array(all[(start + 1)...].prefix(limit)),
                            "\(limit) after \(start)")
                        query.before = all[all.count - 1].finishedAt
                        let early = all.filter { $0.finishedAt < query.before }
                        try expect(
                            scenario.reader.finished(query), is: Array(early.dropFirst(start + 1).prefix(limit)),
                            "\(limit) after \(start) before the last time")
                    }
                }
            }
        },
    ]

    /// Jobs in every state and of three types, in several batches, many at one time.
    private static func mixedJobs(_ scenario: StoreScenario) throws -> [JobRow] {
        var rows: [JobRow] = []
        for index in 0..<60 {
            let type = Int(scenario.random.next(upTo: 2))
            if scenario.random.next(upTo: 3) == 0 { scenario.now = scenario.now + .milliseconds(10) }
            let state = JobState.allCases[index % 7]
            switch state {
            case .leased: continue
            case .waiting, .scheduled, .ready:
                let priority = Int16(scenario.random.next(upTo: 4)) - 2
                let runAt = scenario.now + .milliseconds(Int64(scenario.random.next(upTo: 3)))
                rows.append(scenario.insert(type: type, state: state, priority: priority, runAt: runAt))
            case .completed, .dead, .cancelled:
                rows.append(scenario.finish(scenario.insert(type: type), as: state, .failed))
            }
            if index % 5 == 0 { try scenario.commit() }
        }
        try scenario.commit()
        return rows
    }

    private static func expectListings(of rows: [JobRow], _ scenario: StoreScenario) throws {
        let states: [JobState?] = [nil] + JobState.allCases.filter { $0 != .leased }
        for state in states {
            for type in [nil, TypeIndex(0), TypeIndex(1), TypeIndex(2), TypeIndex(3)] {
                let expected = rows.filter { (state == nil || $0.state == state) && (type == nil || $0.type == type) }
                    .sorted { comesFirst($0, $1, in: state) }
                for limit in [1, 4, 1_000] {
                    var found: [JobRow] = []
                    var query = JobQuery(state: state, type: type, limit: limit)
                    while true {
                        let listing = try scenario.reader.list(query)
                        let page = listing.jobs.map(\.row)
                        try expect(page.count <= limit, "a page of \(page.count) jobs where \(limit) were asked for")
                        found += page
                        query.after = listing.last
                        if query.after == nil { break }
                    }
                    let name = "\(state?.name ?? "all") of \(type.map { "type \($0.value)" } ?? "all types")"
                    try expect(
                        found.map(\.serial), is: expected.map(\.serial), "jobs listed: \(name), in pages of \(limit)")
                }
            }
        }
    }

    private static func comesFirst(_ left: JobRow, _ right: JobRow, in state: JobState?) -> Bool {
        switch state {
        case nil: left.id > right.id
        case .waiting, .scheduled: (left.runAt, left.serial) < (right.runAt, right.serial)
        case .ready, .leased: (-Int(left.priority), left.rank) < (-Int(right.priority), right.rank)
        case .completed, .dead, .cancelled: (left.finishedAt, left.serial) > (right.finishedAt, right.serial)
        }
    }
}
