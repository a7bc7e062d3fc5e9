import StintCore
import StintStore

/// The images of every kind of job write.
extension StoreContract {
    static let writeChecks = [
        Check("every fact of an inserted row comes back, at the edges of its range") { scenario in
            let rows = extremeRows()
            for row in rows { scenario.write(.insert, row) }
            try scenario.commit()
            for row in rows {
                try expect(scenario.reader.row(row.id), is: row, "the row by id")
                try expect(scenario.reader.row(serial: row.serial), is: row, "the row by serial")
            }
            try scenario.reopen()
            for row in rows { try expect(scenario.reader.row(row.id), is: row, "the row after a restart") }
        },
        Check("an update writes the facts and leaves the bytes") { scenario in
            let row = scenario.insert(payload: Array("[1]".utf8), extras: Array("x".utf8))
            let finished = scenario.finish(row, as: .dead, .failed, result: "r", error: "e", progress: "p", log: "l")
            try scenario.commit()
            var changed = finished
            changed.cancelRequested = true
            changed.crashes = 3
            changed.priority = -7
            changed.attemptsMax = 9
            scenario.write(.update, changed)
            try scenario.commit()
            let job = try require(scenario.reader.details(row.id), "the job")
            try expect(job.row, is: changed, "the row")
            try expect(
                [job.payload, job.extras, job.result, job.error, job.progress, job.log].map(\.text),
                is: ["[1]", "x", "r", "e", "p", "l"], "the bytes")
        },
        Check("writes of one job within one batch are applied in order") { scenario in
            var row = scenario.insert()
            row.attempt = 1
            scenario.write(.update, row)
            row = scenario.retire(row)
            row.state = .ready
            scenario.write(.update, row)
            row = scenario.finish(row, result: "done")
            try scenario.commit()
            let job = try require(scenario.reader.details(row.id), "the job")
            try expect(job.row, is: row, "the row")
            try expect(job.attempts.map(\.outcome), is: [.failed, .completed], "the attempts")
            try expect(scenario.reader.readyPage(type: row.type, from: .first, limit: 9).rows, is: [], "ready rows")
            try expect(scenario.reader.scheduledPage(from: .first, limit: 9).rows, is: [], "scheduled rows")
        },
        Check("a job may be inserted and deleted in one batch") { scenario in
            let row = scenario.insert(payload: Array(repeating: 7, count: 5_000))
            scenario.add(.checkpoint(serial: row.serial, scenario.blob("state")))
            scenario.write(.delete, row)
            let other = scenario.insert()
            try scenario.commit()
            try expectGone(row, scenario)
            try expect(scenario.reader.list(JobQuery(limit: 10)).jobs.map(\.row), is: [other], "the jobs")
        },
        Check("payloads and extras of every size come back unchanged") { scenario in
            var rows: [(JobRow, [UInt8], [UInt8])] = []
            for size in [0, 1, 100, 2_047, 2_048, 2_049, 4_095, 4_096, 70_000, Limits.payloadBytesMax] {
                for extras in [0, 1, 3_000] {
                    let payload = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ size) }
                    let extras = [UInt8](repeating: 9, count: extras)
                    rows.append((scenario.insert(payload: payload, extras: extras), payload, extras))
                }
            }
            try scenario.commit()
            for (row, payload, extras) in rows {
                scenario.finish(row, result: "r")
                let stored = try require(scenario.reader.payload(serial: row.serial), "the payload")
                try expect(stored.payload == payload, "a payload of \(payload.count) bytes came back otherwise")
                try expect(stored.extras == extras, "extras of \(extras.count) bytes came back otherwise")
                try expect(stored.digest, is: row.digest, "the digest")
                try expect(stored.checkpoint, is: [], "the checkpoint")
            }
            try scenario.commit()
            for (row, payload, extras) in rows {
                let job = try require(scenario.reader.details(row.id), "the job")
                try expect(job.payload == payload && job.extras == extras, "settling changed the bytes of the job")
            }
            let listed = try scenario.reader.list(JobQuery(limit: 1_000)).jobs
            try expect(listed.count, is: rows.count, "listed jobs")
            for job in listed {
                let row = try require(rows.first { $0.0.serial == job.row.serial }, "the job listed")
                try expect(job.extras == row.2, "a listing shows other extras")
                try expect(job.payload.isEmpty && job.result.isEmpty, "a listing carries payloads or results")
            }
        },
        Check("a part of a shared buffer is stored, not the buffer") { scenario in
            let frame = Array("head{\"a\":1}tail".utf8)
            var row = scenario.insert()
            row = scenario.attempted(row, .completed, .completed)
            let blob = scenario.blob(frame, 4..<11)
            scenario.write(.finish, row) { $0.result = blob }
            try scenario.commit()
            try expect(scenario.reader.details(row.id)?.result.text, is: "{\"a\":1}", "the result")
        },
        Check("a delete removes all that hangs on the job, and nothing of its neighbours") { scenario in
            for final in [JobState.completed, .dead, .cancelled] {
                var rows = (0..<3).map { index in
                    scenario.insert(type: 2, payload: [UInt8](repeating: UInt8(index), count: 3_000))
                }
                for (index, row) in rows.enumerated() {
                    scenario.add(.checkpoint(serial: row.serial, scenario.blob("c")))
                    rows[index] = scenario.finish(
                        scenario.retire(row, error: "e", log: "l"), as: final, .failed, result: "r", error: "f",
                        log: "m")
                }
                try scenario.commit()
                if final == .dead { try scenario.maintain() }
                scenario.write(.delete, rows[1])
                try scenario.commit()
                try expectGone(rows[1], scenario)
                for row in [rows[0], rows[2]] {
                    let job = try require(scenario.reader.details(row.id), "the neighbour")
                    try expect(job.attempts.count, is: 2, "attempts of the neighbour")
                    try expect(job.payload.count, is: 3_000, "bytes of the payload of the neighbour")
                    try expect(job.log.text, is: "m", "the log of the neighbour")
                    let payload = try require(scenario.reader.payload(serial: row.serial), "its payload")
                    try expect(payload.checkpoint.text, is: "c", "the checkpoint of the neighbour")
                }
                let listed = try scenario.reader.list(JobQuery(state: final, limit: 10)).jobs.map(\.row)
                try expect(listed, is: [rows[2], rows[0]], "the \(final) jobs")
            }
        },
        Check("a deleted id can be used again by another job") { scenario in
            let row = scenario.finish(scenario.insert())
            try scenario.commit()
            scenario.write(.delete, row)
            try scenario.commit()
            let again = scenario.insert(type: 1, id: row.id)
            try scenario.commit()
            try expect(scenario.reader.row(row.id), is: again, "the row")
            try expect(scenario.reader.row(serial: row.serial), is: nil, "the old row")
            try expect(scenario.reader.details(row.id)?.attempts.count, is: 0, "attempts")
        },
    ]

    /// Rows with each fact at an end of its range.
    private static func extremeRows() -> [JobRow] {
        var rows: [JobRow] = []
        for (index, state) in JobState.allCases.enumerated() where state != .leased {
            let isHigh = index.isMultiple(of: 2)
            let farTime = WallTime(milliseconds: isHigh ? WallTime.distantFuture.milliseconds : -1)
            var row = JobRow(
                id: JobID(high: isHigh ? .max : UInt64(index), low: isHigh ? .max - UInt64(index) : 0),
                serial: Int64(index) + 1, type: TypeIndex(isHigh ? Limits.typesMax : 0), state: state,
                priority: isHigh ? .max : .min, rank: isHigh ? .max - Int64(index) : .min + Int64(index),
                runAt: farTime,
                createdAt: farTime, attemptsMax: isHigh ? .max : 0, payloadBytes: isHigh ? .max : 0,
                digest: isHigh ? .max : 1 << 63)
            row.finishedAt = farTime
            row.startedAt = farTime
            row.token = FencingToken(epoch: UInt64(Int64.max), sequence: isHigh ? UInt64(Int64.max) : 1)
            row.worker = isHigh ? .max : 0
            row.attempt = isHigh ? .max : 0
            row.crashes = isHigh ? .max : 0
            row.outcome = Outcome.allCases[index % Outcome.allCases.count]
            row.cancelRequested = isHigh
            row.isBackoff = !isHigh
            rows.append(row)
        }
        return rows
    }

    static func expectGone(_ row: JobRow, _ scenario: StoreScenario) throws {
        let reader = scenario.reader
        try expect(reader.row(row.id), is: nil, "the row by id")
        try expect(reader.row(serial: row.serial), is: nil, "the row by serial")
        try expect(reader.details(row.id) == nil, "details of a deleted job")
        try expect(reader.payload(serial: row.serial) == nil, "a payload of a deleted job")
        try expect(reader.known([row.id]), is: [], "known ids")
        try expect(reader.outcome(of: row.token, serial: row.serial), is: nil, "the outcome of its last attempt")
        for state in [nil, row.state] {
            for type in [nil, row.type] {
                let listed = try reader.list(JobQuery(state: state, type: type, limit: 1_000)).jobs
                try expect(!listed.contains { $0.row.serial == row.serial }, "a deleted job is listed")
            }
        }
    }
}
