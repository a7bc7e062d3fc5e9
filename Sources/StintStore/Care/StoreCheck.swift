import Foundation
import GRDB
import StintCore

/// Reads all of a database and says what is wrong with it: the pages, the rows against each other, and every payload
/// against its digest. It reads each page once and takes its time with a large database.
///
/// Not what a start does: that must not take longer with the backlog. It is for backups, restores, `stint doctor` and
/// tests.
enum StoreCheck {
    private static let problemsMax = 20

    /// Sentences; none when all is well.
    static func problems(in db: Database) throws -> [String] {
        var problems = try String.fetchAll(db, sql: "PRAGMA integrity_check(\(problemsMax))").filter { $0 != "ok" }
        // What SQLite cannot walk, it cannot answer from either.
        guard problems.isEmpty else { return problems }
        problems += try counts(db)
        problems += try listing(db)
        problems += try payloads(db)
        problems += try numbers(db)
        return Array(problems.prefix(problemsMax))
    }

    static func throwFirst(in db: Database, path: String) throws {
        if let problem = try problems(in: db).first {
            throw StoreError(
                .corrupt,
                "\(path) is damaged (\(problem)). Nothing was changed: use another backup, or see the section \"Damage\" "
                    + "of docs/OPERATING.md.")
        }
    }

    /// Kept counts against the rows.
    private static func counts(_ db: Database) throws -> [String] {
        var kept: [Int64: [Int64: Int64]] = [:]
        let states: [JobState] = JobState.allCases.filter { $0 != .leased }
        for row in try Row.fetchAll(db, sql: "SELECT * FROM counts") {
            for state in states { kept[row["type"], default: [:]][Int64(state.rawValue)] = row[state.name] }
        }
        for row in try Row.fetchAll(db, sql: "SELECT type, state, count(*) AS n FROM jobs GROUP BY type, state") {
            kept[row["type"], default: [:]][row["state"], default: 0] -= row["n"]
        }
        return kept.sorted { $0.key < $1.key }.flatMap { type, states in
            states.sorted { $0.key < $1.key }.filter { $0.value != 0 }.map { state, difference in
                "the count of jobs of type \(type) in state \(state) is off by \(difference)"
            }
        }
    }

    /// The listing of final jobs names each of them once, and nothing else.
    private static func listing(_ db: Database) throws -> [String] {
        var listed: [FinishedPlace: Int64] = [:]
        func key(_ state: JobState, _ type: TypeIndex) -> Int64 { Int64(state.rawValue) << 32 | Int64(type.value) }
        for row in try Row.fetchAll(db, sql: "SELECT state, type, entries, bytes FROM runs") {
            guard let state = JobState(rawValue: row["state"]) else { return ["a run of finished jobs has no state"] }
            let type = TypeIndex(Int32(truncatingIfNeeded: row["type"] as Int64))
            for place in try ListingRun.places(in: [UInt8](row["bytes"] as Data), entries: row["entries"]) {
                listed[place] = key(state, type)
            }
        }
        for row in try Row.fetchAll(db, sql: "SELECT batch, bytes FROM unindexed ORDER BY batch") {
            try ListingLog.forEach(in: [UInt8](row["bytes"] as Data), batch: row["batch"]) { entry in
                listed[entry.place] = entry.isRemoval ? nil : key(entry.state, entry.type)
            }
        }
        let rows = try Row.fetchCursor(db, sql: "SELECT serial, state, type, finished_at FROM jobs WHERE state >= 5")
        while let row = try rows.next() {
            let place = FinishedPlace(finishedAt: row["finished_at"], serial: row["serial"])
            let expected = (row["state"] as Int64) << 32 | (row["type"] as Int64)
            if listed.removeValue(forKey: place) != expected { return ["job \(place.serial) is not listed as it is"] }
        }
        return listed.isEmpty ? [] : ["\(listed.count) finished jobs are listed and are not there"]
    }

    private static func payloads(_ db: Database) throws -> [String] {
        let rows = try Prepared(
            db,
            """
            SELECT jobs.serial, jobs.digest, jobs.payload_bytes, coalesce(jobs.payload, payloads.payload)
            FROM jobs LEFT JOIN payloads ON payloads.serial = jobs.serial AND jobs.payload IS NULL
            """)
        var problems: [String] = []
        _ = try rows.all { () throws(StoreError) in
            let payload = rows.bytes(3)
            if payload.withUnsafeBytes(Digest.of) != UInt64(bitPattern: rows.integer(1))
                || Int64(payload.count) != rows.integer(2), problems.count < problemsMax
            {
                problems.append("the payload of job \(rows.integer(0)) is not the one that was enqueued")
            }
        }
        return problems
    }

    /// Numbers that are still to be given stand above those that were.
    private static func numbers(_ db: Database) throws -> [String] {
        let checks = [
            ("a serial", "SELECT next_serial <= (SELECT ifnull(max(serial), 0) FROM jobs) FROM broker"),
            ("an epoch", "SELECT epoch < (SELECT ifnull(max(epoch), 0) FROM grants) FROM broker"),
            ("a type", "SELECT count(*) > 0 FROM jobs WHERE type NOT IN (SELECT number FROM types)"),
        ]
        return try checks.compactMap { name, sql in
            try Bool.fetchOne(db, sql: sql) == true ? "\(name) is in use that was not given yet" : nil
        }
    }
}
