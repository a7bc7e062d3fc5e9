import StintCore
import StintStore

/// A broker's worth of random batches, all kinds of writes and with counts that are kept as a broker keeps them, and the
/// truth about the state after each of them.
///
/// Batches are made against a ``MemoryStore``, whose image after every batch is kept: a batch is all or nothing, so a
/// store that holds batch k must say what that image says, to the letter.
package final class StoreLoad {
    private let scenario: StoreScenario
    private let memory: MemoryStore
    private var random: SeededRandom
    private var images: [UInt64: MemoryImage] = [:]
    private var truths: [UInt64: StoreReading.Truth] = [:]
    private var rows: [JobRow] = []
    private var counts: [TypeIndex: Counts] = [:]
    private var grants: [GrantRow] = []
    private var operations: [OperationRow] = []
    private var workers: Int32 = 0
    private var used = Used()
    /// Writes so far.
    package private(set) var operationsDone = 0

    private struct Used {
        var ids: [JobID] = []
        var serials: [Int64] = []
        var tokens: [(token: FencingToken, serial: Int64)] = []
        var requests: [RequestID] = []
    }

    package init(seed: UInt64) throws {
        let memory = MemoryStore()
        self.memory = memory
        scenario = try StoreScenario(StoreFactory { memory })
        scenario.random = SeededRandom(seed: seed &+ 1)
        random = SeededRandom(seed: seed)
        images[0] = memory.image()
    }

    /// The wall clock of the load.
    package var now: WallTime { scenario.now }
    /// The last batch that was made.
    package var last: UInt64 { scenario.open.number - 1 }

    private func chance(_ bound: Int) -> Int { Int(random.next(upTo: UInt64(bound - 1))) }

    /// The next batch, of up to so many writes, in the epoch of the store under test.
    package func batch(epoch: UInt64, writesMax: Int = 24) throws -> Batch {
        scenario.now = scenario.now + .milliseconds(Int64(chance(4)))
        if scenario.open.number == 1 { addTypes() }
        for _ in 0...chance(writesMax) { write() }
        if chance(3) == 0 { writeOtherRows() }
        for (type, values) in counts.sorted(by: { $0.key < $1.key }) { scenario.add(.counts(type, values)) }
        scenario.numbers.highestID = max(scenario.numbers.highestID, used.ids.last ?? .least)
        var batch = scenario.takeOpenBatch()
        try memory.commit(batch)
        images[batch.number] = memory.image()
        batch.numbers.epoch = epoch
        return batch
    }

    /// What a store says that holds everything up to this batch.
    func truth(at batch: UInt64) throws -> StoreReading.Truth {
        if let truth = truths[batch] { return truth }
        guard let image = images[batch] else { preconditionFailure("there was no batch \(batch)") }
        let store = MemoryStore(image)
        let truth = StoreReading.Truth(
            recovered: try store.recover(at: .none), reader: try store.makeReader(), ids: used.ids.sorted(),
            serials: used.serials, tokens: used.tokens, requests: used.requests)
        truths[batch] = truth
        return truth
    }

    // MARK: Writing

    private static let types = 4

    private func addTypes() {
        for type in 0..<Self.types {
            scenario.add(.type(TypeIndex(type), name: "type\(type)"))
            counts[TypeIndex(type)] = Counts()
        }
    }

    private func count(_ row: JobRow, _ difference: Int64) { counts[row.type]?[row.state] += difference }

    private func replace(_ index: Int, with row: JobRow) {
        count(rows[index], -1)
        count(row, 1)
        rows[index] = row
    }

    private func write() {
        operationsDone += 1
        guard !rows.isEmpty, chance(10) < 6 else { return insert() }
        let index = chance(rows.count)
        let row = rows[index]
        guard !row.state.isFinal else {
            if row.state == .dead, chance(2) == 0 {
                replace(index, with: scenario.replay(row))
            } else {
                scenario.write(.delete, row)
                count(row, -1)
                rows.remove(at: index)
            }
            return
        }
        switch chance(6) {
        case 0:
            var changed = row
            changed.state = [JobState.ready, .scheduled, .waiting][chance(3)]
            changed.rank = scenario.numbers.nextRank
            scenario.numbers.nextRank += 1
            changed.runAt = scenario.now + .milliseconds(Int64(chance(20)))
            changed.cancelRequested.toggle()
            scenario.write(.update, changed)
            replace(index, with: changed)
        case 1:
            let retired = scenario.retire(row, error: text(200), log: chance(2) == 0 ? text(3_000) : nil)
            replace(index, with: retired)
            used.tokens.append((retired.token, row.serial))
        case 2: scenario.add(.checkpoint(serial: row.serial, scenario.blob(text(600))))
        default:
            let state = [JobState.completed, .completed, .dead, .cancelled][chance(4)]
            let finished = scenario.finish(
                row, as: state, state == .completed ? .completed : .failed, result: text(300),
                error: chance(2) == 0 ? text(90) : nil)
            replace(index, with: finished)
            used.tokens.append((finished.token, row.serial))
        }
    }

    private func insert() {
        let state = [JobState.ready, .ready, .ready, .scheduled, .waiting][chance(5)]
        // Some in the row, some aside, some over many pages.
        let size = [20, 100, 100, 400, 2_500, 9_000][chance(6)]
        let row = scenario.insert(
            type: chance(Self.types), state: state, priority: Int16(chance(3)),
            runAt: scenario.now + .milliseconds(Int64(chance(20))), payload: Array(text(size).utf8),
            extras: [UInt8](repeating: 1, count: chance(3)))
        rows.append(row)
        count(row, 1)
        used.ids.append(row.id)
        used.serials.append(row.serial)
    }

    private func writeOtherRows() {
        switch chance(6) {
        case 0:
            workers += 1
            scenario.numbers.nextWorker = workers + 1
            scenario.add(
                .worker(
                    WorkerRow(
                        number: workers, instance: InstanceID(high: random.next(), low: UInt64(workers)),
                        name: "worker\(workers)", pool: "pool", since: scenario.now)))
        case 1, 2:
            let entries = rows.filter { $0.state == .ready }.prefix(1 + chance(8)).enumerated().map { offset, row in
                GrantRow.Entry(serial: row.serial, offset: UInt32(offset), attempt: row.attempt + 1)
            }
            var first = scenario.nextToken()
            for _ in entries { first = scenario.nextToken() }
            let grant = GrantRow(
                first: first, worker: max(1, workers), slots: 4, grantedAt: scenario.now, entries: entries)
            for _ in entries { _ = scenario.nextToken() }
            grants.append(grant)
            scenario.add(.grant(grant))
        case 3:
            guard !grants.isEmpty else { return }
            scenario.add(.grantEnded(grants.remove(at: chance(grants.count)).first))
        case 4:
            let request = RequestID(high: random.next(), low: random.next())
            used.requests.append(request)
            scenario.add(.answer(request, scenario.blob(text(40)), at: scenario.now))
            if chance(6) == 0 { scenario.add(.answersForgotten(before: scenario.now + .milliseconds(-60))) }
        default:
            if !operations.isEmpty, chance(2) == 0 {
                scenario.add(.operationEnded(operations.removeLast().number))
            } else {
                var operation = OperationRow(
                    number: scenario.numbers.nextOperation, kind: .replay, state: .dead, type: nil, before: scenario.now
                )
                operation.done = Int64(chance(50))
                scenario.numbers.nextOperation += 1
                operations.append(operation)
                scenario.add(.operation(operation))
            }
        }
    }

    private func text(_ count: Int) -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyz")
        let seed = chance(26)
        return String((0..<count).map { letters[(seed + $0 * $0) % 26] })
    }
}
