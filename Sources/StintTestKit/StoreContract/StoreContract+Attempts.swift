import StintCore
import StintStore

/// Attempts: in the row, in the history, with their errors and logs; what a repeated settlement is answered from.
extension StoreContract {
    static let attemptChecks = [
        Check("a finished job shows its last attempt with result, error, progress and log") { scenario in
            scenario.add(.worker(worker(1, "alice")))
            let row = scenario.finish(
                scenario.insert(), as: .dead, .errored, result: "r", error: "e", progress: "p", log: "l")
            try scenario.commit()
            let job = try require(scenario.reader.details(row.id), "the job")
            try expect(job.row, is: row, "the row")
            try expect(
                [job.result, job.error, job.progress, job.log].map(\.text), is: ["r", "e", "p", "l"], "the bytes")
            try expect(job.workerName, is: "alice", "the worker")
            try expect(job.attempts.count, is: 1, "the number of attempts")
            let attempt = job.attempts[0]
            try expect(attempt.number, is: 1, "the number of the attempt")
            try expect(attempt.token, is: row.token, "its token")
            try expect(attempt.worker, is: "alice", "its worker")
            try expect(attempt.startedAt, is: row.startedAt, "its start")
            try expect(attempt.finishedAt, is: row.finishedAt, "its end")
            try expect(attempt.outcome, is: .errored, "its outcome")
            try expect([attempt.error, attempt.log].map(\.text), is: ["e", "l"], "its error and log")
        },
        Check("every retired attempt stays in the history, oldest first") { scenario in
            scenario.add(.worker(worker(1, "alice")))
            scenario.add(.worker(worker(2, "bob")))
            var row = scenario.insert()
            var rows: [JobRow] = []
            for number in 1...3 {
                row = scenario.retire(row, error: "error \(number)", log: "log \(number)")
                rows.append(row)
                scenario.now = scenario.now + .seconds(1)
                try scenario.commit()
                let job = try require(scenario.reader.details(row.id), "the job")
                try expect(job.row, is: row, "the row")
                try expect(job.error.text, is: "error \(number)", "the error of the last attempt")
                try expect(job.log.text, is: "log \(number)", "the log of the last attempt")
                try expect(job.attempts.count, is: number, "the number of attempts")
            }
            row = scenario.attempted(row, .completed, .completed, worker: 2)
            scenario.write(.finish, row) { $0.attemptNumber = 4 }
            try scenario.commit()
            let job = try require(scenario.reader.details(row.id), "the job")
            try expect(job.attempts.map(\.number), is: [1, 2, 3, 4], "the numbers")
            try expect(job.attempts.map(\.token), is: rows.map(\.token) + [row.token], "the tokens")
            try expect(job.attempts.map(\.worker), is: ["alice", "alice", "alice", "bob"], "the workers")
            try expect(
                job.attempts.map(\.error.text), is: ["error 1", "error 2", "error 3", ""], "the errors")
            try expect(job.attempts.map(\.log.text), is: ["log 1", "log 2", "log 3", ""], "the logs")
            try expect(
                job.attempts.map(\.finishedAt), is: rows.map(\.finishedAt) + [row.finishedAt], "the ends")
            try expect(job.error, is: [], "the error of the last attempt, which had none")
        },
        Check("of a long history only the newest attempts that fit are read, oldest of them first") { scenario in
            var row = scenario.insert()
            for number in 1...4 { row = scenario.retire(row, error: "error \(number)", log: "log \(number)") }
            row = scenario.attempted(row, .completed, .completed)
            scenario.write(.finish, row) { $0.attemptNumber = 5 }
            try scenario.commit()
            let job = try require(scenario.reader.details(row.id), "the job")
            try expect(job.attempts.map(\.number), is: [1, 2, 3, 4, 5], "all numbers")
            let sizes = job.attempts.map(\.bytes)
            for count in 0...5 {
                let bytes = sizes.suffix(count).reduce(0, +)
                for (bound, isEnough) in [(bytes, true), (bytes - 1, false)] where bound >= 0 {
                    let part = try require(scenario.reader.details(row.id, attemptBytesMax: bound), "the job")
                    try expect(
                        part.attempts, is: Array(job.attempts.suffix(isEnough ? count : count - 1)),
                        "the attempts of \(bound) bytes")
                    try expect(part.error, is: job.error, "the error of the last attempt")
                    try expect(part.log, is: job.log, "its log")
                }
            }
        },
        Check("outcomes are found in the row and in the history, by token") { scenario in
            let first = scenario.retire(scenario.insert(), to: .ready, .expired)
            let second = scenario.finish(first)
            let other = scenario.insert()
            try scenario.commit()
            let reader = scenario.reader
            try expect(reader.outcome(of: first.token, serial: first.serial), is: .expired, "the retired attempt")
            try expect(reader.outcome(of: second.token, serial: first.serial), is: .completed, "the last attempt")
            let later = scenario.nextToken()
            try expect(reader.outcome(of: later, serial: first.serial), is: nil, "a token of no attempt")
            try expect(reader.outcome(of: first.token, serial: other.serial), is: nil, "a token of another job")
            try expect(reader.outcome(of: .none, serial: other.serial), is: nil, "no token")
            try expect(reader.outcome(of: first.token, serial: 99), is: nil, "a job that is not there")
            try scenario.reopen()
            try expect(
                scenario.reader.outcome(of: first.token, serial: first.serial), is: .expired, "after a restart")
        },
        Check("every outcome is kept") { scenario in
            var expected: [(JobRow, Outcome)] = []
            for outcome in Outcome.allCases where outcome != .none {
                expected.append((scenario.retire(scenario.insert(), to: .ready, outcome), outcome))
                expected.append((scenario.finish(scenario.insert(), as: .dead, outcome), outcome))
            }
            try scenario.commit()
            for (row, outcome) in expected {
                try expect(
                    scenario.reader.outcome(of: row.token, serial: row.serial), is: outcome, "outcome of \(row.state)")
            }
        },
        Check("a replay moves the last attempt into the history and clears what it left") { scenario in
            var row = scenario.retire(scenario.insert(), error: "first", log: "a")
            row = scenario.finish(row, as: .dead, .failed, result: "r", error: "second", progress: "p", log: "b")
            try scenario.commit()
            let dead = row
            row = scenario.replay(row)
            try scenario.commit()
            var job = try require(scenario.reader.details(row.id), "the job")
            try expect(job.row, is: row, "the row")
            try expect(job.result + job.progress, is: [], "result and progress")
            try expect(job.attempts.map(\.error.text), is: ["first", "second"], "the errors in the history")
            try expect(job.attempts.map(\.log.text), is: ["a", "b"], "the logs in the history")
            try expect(job.attempts.map(\.number), is: [1, 2], "the numbers")
            try expect(job.attempts[1].finishedAt, is: dead.finishedAt, "the end of the moved attempt")
            try expect(job.error.text, is: "second", "the error of the last attempt on record")
            try expect(
                scenario.reader.outcome(of: dead.token, serial: row.serial), is: .failed, "the moved attempt's outcome")
            try expect(scenario.reader.list(JobQuery(state: .dead, limit: 9)).jobs.count, is: 0, "dead jobs")
            try expect(scenario.reader.readyPage(type: row.type, from: .first, limit: 9).rows, is: [row], "ready rows")

            row = scenario.finish(row, result: "done")
            try scenario.commit()
            job = try require(scenario.reader.details(row.id), "the job")
            try expect(job.attempts.map(\.outcome), is: [.failed, .failed, .completed], "the outcomes")
            try expect(job.result.text, is: "done", "the result")
        },
        Check("a replay may clear the token of the row; the history keeps the attempt") { scenario in
            var row = scenario.finish(scenario.insert(), as: .dead, .crashed, error: "e")
            let token = row.token
            try scenario.commit()
            row.token = .none
            row = scenario.replay(row)
            try scenario.commit()
            try expect(scenario.reader.outcome(of: token, serial: row.serial), is: .crashed, "the outcome")
            let job = try require(scenario.reader.details(row.id), "the job")
            try expect(job.attempts.map(\.token), is: [token], "the tokens")
            try expect(job.error, is: [], "the error of no attempt")
        },
        Check("a job that ends between two attempts keeps one record of the attempt before") { scenario in
            var row = scenario.retire(scenario.insert(), error: "first")
            row.state = .cancelled
            row.finishedAt = scenario.now
            scenario.write(.finish, row)
            try scenario.commit()
            var job = try require(scenario.reader.details(row.id), "the job")
            try expect(job.attempts.map(\.token), is: [row.token], "the attempts")
            try expect(job.error.text, is: "first", "the error of the last attempt on record")
            row = scenario.replay(row)
            try scenario.commit()
            job = try require(scenario.reader.details(row.id), "the job")
            try expect(job.attempts.map(\.error.text), is: ["first"], "the attempts after a replay")
        },
        Check("a job that ends without any attempt has none, also after a replay") { scenario in
            var row = scenario.insert()
            row.state = .cancelled
            row.finishedAt = scenario.now
            scenario.write(.finish, row)
            try scenario.commit()
            try expect(scenario.reader.details(row.id)?.attempts.count, is: 0, "attempts")
            try expect(scenario.reader.outcome(of: .none, serial: row.serial), is: nil, "the outcome of no token")
            row = scenario.replay(row)
            try scenario.commit()
            try expect(scenario.reader.details(row.id)?.attempts.count, is: 0, "attempts after a replay")
        },
        Check("a worker that is not on record has no name") { scenario in
            let row = scenario.finish(scenario.insert())
            try scenario.commit()
            try expect(scenario.reader.details(row.id)?.workerName, is: "", "the worker")
        },
    ]

    static func worker(_ number: Int32, _ name: String) -> WorkerRow {
        WorkerRow(
            number: number, instance: InstanceID(high: .max - UInt64(number), low: UInt64(number)), name: name,
            pool: "pool", since: WallTime(milliseconds: 5))
    }
}
