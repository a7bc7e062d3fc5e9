import StintCore
import StintStore

/// Long random lives, compared with the simplest store there is.
extension StoreContract {
    static let comparisonChecks = (1...6).map { seed in
        Check("random life \(seed) is told as the memory store tells it") { scenario in
            try RandomLife(scenario, seed: UInt64(seed)).run(batches: 80)
        }
    }
}

/// Writes the same random batches to the store under test and to a ``MemoryStore``, and asks both the same questions.
private final class RandomLife {
    private let scenario: StoreScenario
    private var reference: MemoryStore
    private var answers: any StoreReader
    private var random: SeededRandom
    private var rows: [JobRow] = []
    /// Every token ever used, with its job.
    private var tokens: [(FencingToken, Int64)] = []
    private var gone: [JobRow] = []

    init(_ scenario: StoreScenario, seed: UInt64) throws {
        self.scenario = scenario
        random = SeededRandom(seed: seed)
        scenario.random = SeededRandom(seed: seed + 100)
        reference = MemoryStore()
        answers = try reference.makeReader()
        _ = try reference.recover(at: scenario.now)
    }

    func run(batches: Int) throws {
        for _ in 0..<batches {
            for _ in 0..<chance(40) { write() }
            let batch = scenario.takeOpenBatch()
            try scenario.store.commit(batch)
            try reference.commit(batch)
            if chance(3) == 0 { _ = try scenario.store.maintain(isIdle: chance(2) == 0) }
            if chance(8) == 0 { try scenario.maintain() }
            if chance(10) == 0 { try reopen() }
            for _ in 0..<4 { try compare() }
        }
    }

    private func chance(_ bound: Int) -> Int { Int(random.next(upTo: UInt64(bound - 1))) }

    private func reopen() throws {
        try scenario.reopen()
        reference = MemoryStore(reference.image())
        answers = try reference.makeReader()
        try same(scenario.recovered, try reference.recover(at: scenario.now), "the recovered state")
    }

    private func write() {
        if chance(4) == 0 { scenario.now = scenario.now + .milliseconds(Int64(chance(3))) }
        guard !rows.isEmpty, chance(5) < 3 else {
            let state = [JobState.ready, .ready, .scheduled, .waiting][chance(4)]
            let payload = [UInt8](repeating: UInt8(chance(256)), count: chance(12) == 0 ? 4_000 : chance(60))
            rows.append(
                scenario.insert(
                    type: chance(4), state: state, priority: Int16(chance(3)),
                    runAt: scenario.now + .milliseconds(Int64(chance(20))), payload: payload,
                    extras: [UInt8](repeating: 1, count: chance(3))))
            return
        }
        let index = chance(rows.count)
        let row = rows[index]
        if row.state.isFinal {
            if chance(2) == 0 {
                rows[index] = scenario.replay(row)
            } else {
                scenario.write(.delete, row)
                gone.append(rows.remove(at: index))
            }
            return
        }
        switch chance(5) {
        case 0:
            var changed = row
            changed.state = [JobState.ready, .scheduled, .waiting][chance(3)]
            changed.rank = scenario.numbers.nextRank
            scenario.numbers.nextRank += 1
            changed.runAt = scenario.now + .milliseconds(Int64(chance(20)))
            changed.cancelRequested.toggle()
            scenario.write(.update, changed)
            rows[index] = changed
        case 1:
            rows[index] = scenario.retire(row, error: "e\(chance(9))", log: chance(2) == 0 ? "l" : nil)
            tokens.append((rows[index].token, row.serial))
        case 2: scenario.add(.checkpoint(serial: row.serial, scenario.blob("c\(chance(9))")))
        default:
            let state = [JobState.completed, .dead, .cancelled][chance(3)]
            rows[index] = scenario.finish(row, as: state, .failed, result: "r", error: chance(2) == 0 ? "e" : nil)
            tokens.append((rows[index].token, row.serial))
        }
    }

    private func compare() throws {
        let reader = scenario.reader
        let type = [nil, TypeIndex(chance(5))][chance(2)]
        let states: [JobState?] = [nil, .waiting, .scheduled, .ready, .completed, .dead, .cancelled]
        var query = JobQuery(state: states[chance(7)], type: type, limit: 1 + chance(60))
        // Also after a job that has left the listing since.
        if chance(2) == 0, let after = (chance(3) == 0 ? gone : rows).randomElement(using: &random),
            query.state == nil || query.state == after.state
        {
            query.after = after
        }
        try same(reader.list(query), answers.list(query), "\(query)")

        let finished = FinishedQuery(
            state: [.completed, .dead, .cancelled][chance(3)], type: type,
            before: scenario.now + .milliseconds(Int64(-chance(10))),
            afterTime: scenario.now + .milliseconds(Int64(-chance(60))), afterSerial: Int64(chance(200)),
            limit: 1 + chance(30))
        try same(reader.finished(finished), answers.finished(finished), "\(finished)")

        let place = ReadyPosition(priority: Int16(chance(4)), rank: Int64(chance(100)))
        let limit = 1 + chance(50)
        let line = TypeIndex(chance(5))
        try same(
            reader.readyPage(type: line, from: place, limit: limit),
            answers.readyPage(type: line, from: place, limit: limit), "ready from \(place)")
        let due = SchedulePosition(
            runAt: scenario.now + .milliseconds(Int64(chance(30) - 10)), serial: Int64(chance(200)))
        try same(
            reader.scheduledPage(from: due, limit: limit), answers.scheduledPage(from: due, limit: limit),
            "scheduled from \(due)")

        for row in [rows.randomElement(using: &random), gone.randomElement(using: &random)] {
            guard let row else { continue }
            try same(reader.details(row.id), answers.details(row.id), "the details of job \(row.serial)")
            let bytes = chance(1_200)
            try same(
                reader.details(row.id, attemptBytesMax: bytes), answers.details(row.id, attemptBytesMax: bytes),
                "the details of job \(row.serial) with attempts of \(bytes) bytes")
            try same(
                reader.payload(serial: row.serial), answers.payload(serial: row.serial), "payload of \(row.serial)")
        }
        if let (token, serial) = tokens.randomElement(using: &random) {
            try same(
                reader.outcome(of: token, serial: serial), answers.outcome(of: token, serial: serial),
                "the outcome of attempt \(token)")
        }
        let ids = (rows + gone).filter { _ in chance(4) == 0 }.map(\.id).sorted()
        try same(reader.known(ids), answers.known(ids), "known ids")
    }

    private func same<Value: Equatable>(_ found: Value, _ expected: Value, _ what: @autoclosure () -> String) throws {
        try expect(found, is: expected, what())
    }
}
