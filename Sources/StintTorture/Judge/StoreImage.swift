import Foundation
import GRDB
import Stint
import StintCore

/// What the store holds once its cluster has stopped, read with SQL of the torture's own and without a right to write.
struct StoreImage {
    struct Job {
        var kind: String
        var state: JobState
        /// Of its last attempt.
        var token: FencingToken
        var outcome: Outcome
        var attempt: Int
        /// What the accepted answer says about itself.
        var answeredUnder: FencingToken?
    }

    struct Attempt {
        var job: JobID
        var token: FencingToken
        var number: Int
        var outcome: Outcome
    }

    var jobs: [JobID: Job] = [:]
    /// Attempts before the last, oldest first within a job.
    var earlier: [Attempt] = []
    /// What the store says it holds, by type and state, and what it does hold.
    var kept: [String: Int] = [:]
    var counted: [String: Int] = [:]
    var grants = 0
    /// `ok`, unless the file is damaged.
    var integrity = ""

    init(path: String) throws {
        var configuration = Configuration()
        configuration.readonly = true
        let database = try DatabaseQueue(path: path, configuration: configuration)
        try database.read { db in
            try readJobs(db)
            try readAttempts(db)
            try readCounts(db)
            grants = try Int.fetchOne(db, sql: "SELECT count(*) FROM grants") ?? 0
            integrity = try String.fetchAll(db, sql: "PRAGMA integrity_check").joined(separator: "; ")
        }
        try database.close()
    }

    private mutating func readJobs(_ db: Database) throws {
        jobs.reserveCapacity(try Int.fetchOne(db, sql: "SELECT count(*) FROM jobs") ?? 0)
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT id, name, state, epoch, sequence, outcome, attempt, result
                FROM jobs JOIN types ON types.number = jobs.type
                """)
        while let row = try rows.next() {
            guard let id = JobID(bytes: row[0]), let state = JobState(rawValue: row[2]),
                let outcome = Outcome(rawValue: row[5])
            else { throw Broken("the store has a row that is no job: \(row)") }
            jobs[id] = Job(
                kind: row[1], state: state, token: FencingToken(signedEpoch: row[3], sequence: row[4]),
                outcome: outcome,
                attempt: row[6], answeredUnder: Self.fence(inAnswer: row[7]))
        }
    }

    private mutating func readAttempts(_ db: Database) throws {
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT jobs.id, attempts.epoch, attempts.sequence, attempts.number, attempts.outcome
                FROM attempts JOIN jobs USING (serial) ORDER BY serial, attempts.epoch, attempts.sequence
                """)
        while let row = try rows.next() {
            guard let id = JobID(bytes: row[0]), let outcome = Outcome(rawValue: row[4]) else {
                throw Broken("the store has a row that is no attempt: \(row)")
            }
            earlier.append(
                Attempt(
                    job: id, token: FencingToken(signedEpoch: row[1], sequence: row[2]), number: row[3],
                    outcome: outcome))
        }
    }

    private mutating func readCounts(_ db: Database) throws {
        let states = [JobState.waiting, .scheduled, .ready, .completed, .dead, .cancelled]
        for row in try Row.fetchAll(db, sql: "SELECT counts.*, name FROM counts JOIN types ON number = counts.type") {
            let name: String = row["name"]
            for state in states { kept["\(name) \(state.name)"] = row[state.name] }
        }
        for job in jobs.values { counted["\(job.kind) \(job.state.name)", default: 0] += 1 }
    }

    /// The token in `{"fence":"…"}`.
    private static func fence(inAnswer answer: Data?) -> FencingToken? {
        guard let answer, let text = try? JSONDecoder().decode(JobAnswer.self, from: answer).fence else { return nil }
        return FencingToken(text)
    }
}

extension JobID {
    /// Sixteen bytes, the greatest first.
    init?(bytes: Data) {
        guard bytes.count == 16 else { return nil }
        let words = [bytes.prefix(8), bytes.suffix(8)].map { $0.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
        self.init(high: words[0], low: words[1])
    }
}

extension FencingToken {
    /// SQLite has signed numbers only; the bits are those of the token.
    init(signedEpoch epoch: Int64, sequence: Int64) {
        self.init(epoch: UInt64(bitPattern: epoch), sequence: UInt64(bitPattern: sequence))
    }
}
