import StintCore
import StintStore

/// The images of every row that is not a job.
extension StoreContract {
    static let rowChecks = [
        Check("types come back in order of their number, with their counts") { scenario in
            scenario.add(.type(TypeIndex(0), name: "mail"))
            scenario.add(.type(TypeIndex(1), name: "parse_paper"))
            try scenario.commit()
            scenario.add(.type(TypeIndex(2), name: "a"))
            var counts = Counts()
            (counts.waiting, counts.scheduled, counts.ready) = (1, 2, 3)
            (counts.completed, counts.dead, counts.cancelled) = (4, 5, Int64.max)
            counts.unfinishedBytes = 6
            scenario.add(.counts(TypeIndex(1), Counts()))
            scenario.add(.counts(TypeIndex(1), counts))
            try scenario.commit()
            try scenario.reopen()
            try expect(scenario.recovered.types, is: ["mail", "parse_paper", "a"], "the types")
            try expect(scenario.recovered.counts, is: [Counts(), counts, Counts()], "the counts")
        },
        Check("the count of leased jobs is not kept") { scenario in
            scenario.add(.type(TypeIndex(0), name: "mail"))
            var counts = Counts()
            (counts.ready, counts.leased) = (5, 3)
            scenario.add(.counts(TypeIndex(0), counts))
            try scenario.commit()
            try scenario.reopen()
            counts.leased = 0
            try expect(scenario.recovered.counts, is: [counts], "the counts")
        },
        Check("workers come back by number, as last written") { scenario in
            var workers = [3, 1, 2].map { worker($0, "worker \($0)") }
            for row in workers { scenario.add(.worker(row)) }
            workers[0].name = "renamed"
            scenario.add(.worker(workers[0]))
            try scenario.commit()
            try scenario.reopen()
            try expect(scenario.recovered.workers, is: [workers[1], workers[2], workers[0]], "the workers")
        },
        Check("grants come back by first token, as last written, until they end") { scenario in
            let rows = (0..<6).map { _ in scenario.insert() }
            let tokens = (0..<4).map { _ in scenario.nextToken() }
            func grant(_ token: FencingToken, _ entries: [GrantRow.Entry]) -> GrantRow {
                GrantRow(first: token, worker: 7, slots: 65_535, grantedAt: scenario.now, entries: entries)
            }
            let wide: [GrantRow.Entry] = [
                .init(serial: rows[3].serial, offset: .max, attempt: .max),
                .init(serial: 1 << 60, offset: 0, attempt: 1),
                .init(serial: rows[0].serial, offset: 5, attempt: 0),
            ]
            scenario.add(.grant(grant(tokens[2], wide)))
            scenario.add(.grant(grant(tokens[0], [.init(serial: rows[1].serial, offset: 0, attempt: 2)])))
            scenario.add(.grant(grant(tokens[1], [.init(serial: rows[4].serial, offset: 0, attempt: 1)])))
            scenario.add(.grant(grant(tokens[3], [])))
            try scenario.commit()
            scenario.add(.grantEnded(tokens[1]))
            scenario.add(.grant(grant(tokens[0], [.init(serial: rows[2].serial, offset: 1, attempt: 2)])))
            try scenario.commit()
            try scenario.reopen()
            try expect(
                scenario.recovered.grants,
                is: [
                    grant(tokens[0], [.init(serial: rows[2].serial, offset: 1, attempt: 2)]), grant(tokens[2], wide),
                    grant(tokens[3], []),
                ], "the grants")
            let granted = scenario.recovered.grantedJobs.sorted { $0.serial < $1.serial }
            try expect(granted, is: [rows[0], rows[2], rows[3]], "the granted jobs, as far as they exist")
        },
        Check("a grant that begins and ends in one batch leaves nothing") { scenario in
            let row = scenario.insert()
            let token = scenario.nextToken()
            scenario.add(
                .grant(
                    GrantRow(
                        first: token, worker: 1, slots: 1, grantedAt: scenario.now,
                        entries: [.init(serial: row.serial, offset: 0, attempt: 1)])))
            scenario.add(.grantEnded(token))
            try scenario.commit()
            try scenario.reopen()
            try expect(scenario.recovered.grants, is: [], "the grants")
            try expect(scenario.recovered.grantedJobs, is: [], "the granted jobs")
        },
        Check("grants of an older epoch come before those of a younger one") { scenario in
            let old = scenario.nextToken()
            _ = scenario.nextToken()
            scenario.add(.grant(GrantRow(first: old, worker: 1, slots: 1, grantedAt: scenario.now, entries: [])))
            try scenario.commit()
            try scenario.reopen()
            let young = scenario.nextToken()
            scenario.add(.grant(GrantRow(first: young, worker: 1, slots: 1, grantedAt: scenario.now, entries: [])))
            try scenario.commit()
            try scenario.reopen()
            try expect(scenario.recovered.grants.map(\.first), is: [old, young], "the grants")
        },
        Check("a checkpoint is handed on, replaced, and kept through the end of the job") { scenario in
            let row = scenario.insert()
            // In the batch of the insert, before and after it in the order of decisions.
            scenario.add(.checkpoint(serial: row.serial, scenario.blob("one")))
            try scenario.commit()
            try expect(scenario.reader.payload(serial: row.serial)?.checkpoint.text, is: "one", "the checkpoint")
            let large = [UInt8](repeating: 3, count: Limits.checkpointBytesMax)
            scenario.add(.checkpoint(serial: row.serial, scenario.blob(large)))
            scenario.finish(row, as: .dead, .failed)
            try scenario.commit()
            try expect(scenario.reader.payload(serial: row.serial)?.checkpoint, is: large, "the checkpoint at the end")
        },
        Check("the answer to a request is found until it is forgotten") { scenario in
            let requests = (1...3).map { RequestID(high: .max, low: UInt64($0)) }
            for (index, request) in requests.enumerated() {
                let at = scenario.now + .seconds(index)
                scenario.add(.answer(request, index == 0 ? .none : scenario.blob("answer \(index)"), at: at))
            }
            try scenario.commit()
            func answers() throws -> [String?] { try requests.map { try scenario.reader.answer($0)?.text } }
            try expect(answers(), is: ["", "answer 1", "answer 2"], "the answers")
            try expect(scenario.reader.answer(RequestID(high: 0, low: 1)), is: nil, "the answer to no request")
            scenario.add(.answersForgotten(before: scenario.now + .seconds(1)))
            try scenario.commit()
            try expect(answers(), is: [nil, "answer 1", "answer 2"], "the answers before that time are gone")
            scenario.add(.answersForgotten(before: scenario.now + .milliseconds(1_001)))
            try scenario.commit()
            try scenario.reopen()
            try expect(answers(), is: [nil, nil, "answer 2"], "the answers")
        },
        Check("operations come back by number with every field, until they end") { scenario in
            var first = OperationRow(
                number: 4, kind: .replay, state: .dead, type: TypeIndex(2), before: scenario.now, amount: -9)
            var second = OperationRow(number: 2, kind: .replan, state: .scheduled, type: nil, before: .distantFuture)
            let third = OperationRow(number: 3, kind: .discard, state: .dead, type: nil, before: .none)
            for row in [first, second, third] { scenario.add(.operation(row)) }
            try scenario.commit()
            first.cursorTime = scenario.now
            first.cursorSerial = 77
            first.done = 1_000
            second.isPaused = true
            second.kind = .retention
            for row in [first, second] { scenario.add(.operation(row)) }
            scenario.add(.operationEnded(3))
            try scenario.commit()
            try scenario.reopen()
            try expect(scenario.recovered.operations, is: [second, first], "the operations")
        },
        Check("audit records come back in order, and the oldest go when they are forgotten") { scenario in
            let rows = (1...5).map { number in
                AuditRow(
                    number: Int64(number), at: scenario.now + .seconds(number),
                    kind: AuditKind.allCases[number % AuditKind.allCases.count], who: "key \(number) \u{1F511}",
                    what: String(repeating: "w", count: number * 100), count: number * 1_000,
                    previous: [UInt8](repeating: UInt8(number - 1), count: 32),
                    digest: [UInt8](repeating: UInt8(number), count: 32))
            }
            try expect(scenario.reader.audit(after: 0, limit: 10), is: [], "the records of an empty log")
            for row in rows { scenario.add(.audit(row)) }
            try scenario.commit()
            try expect(scenario.reader.audit(after: 0, limit: 10), is: rows, "all records")
            try expect(scenario.reader.audit(after: 1, limit: 2), is: Array(rows[1...2]), "two after the first")
            try expect(scenario.reader.audit(after: 5, limit: 10), is: [], "records after the last")
            try expect(scenario.reader.audit(after: .max - 1, limit: 10), is: [], "records after any number")
            scenario.add(.auditForgotten(upTo: 3))
            try scenario.commit()
            try scenario.reopen()
            try expect(scenario.reader.audit(after: 0, limit: 10), is: Array(rows[3...]), "records that are left")
            try expect(scenario.recovered.audit, is: AuditHead(number: 5, digest: rows[4].digest), "the end of the log")
        },
    ]
}
