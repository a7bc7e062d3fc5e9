import StintCore
import StintStore

/// One store under test with the numbers that a broker would keep: what is written goes to an open batch, and
/// ``commit()`` hands that to the store.
package final class StoreScenario {
    private let factory: StoreFactory
    package private(set) var store: any Store
    package private(set) var reader: any StoreReader
    package private(set) var recovered: RecoveredState
    package var numbers: BrokerNumbers
    /// Wall time, moved by hand.
    package var now = WallTime(milliseconds: 1_700_000_000_000)
    package var random = SeededRandom(seed: 7)
    package private(set) var open: Batch
    private var sequence: UInt64 = 0
    private var counter: UInt16 = 0

    package init(_ factory: StoreFactory) throws {
        self.factory = factory
        store = try factory.open()
        recovered = try store.recover(at: now)
        reader = try store.makeReader()
        numbers = recovered.numbers
        open = Batch(number: recovered.batch + 1, numbers: numbers)
    }

    package func close() { store.close() }

    /// Ends this life of the store and begins the next.
    package func reopen() throws {
        store.close()
        store = try factory.open()
        recovered = try store.recover(at: now)
        reader = try store.makeReader()
        numbers = recovered.numbers
        sequence = 0
        open = Batch(number: recovered.batch + 1, numbers: numbers)
    }

    /// Opens the same place once more, while it is open.
    package func openSecond() throws -> any Store { try factory.open() }

    package func commit() throws { try store.commit(takeOpenBatch()) }

    /// The open batch, to be committed by someone else.
    package func takeOpenBatch() -> Batch {
        open.numbers = numbers
        defer { open = Batch(number: open.number + 1, numbers: numbers) }
        return open
    }

    package func maintain() throws {
        while try store.maintain(isIdle: true) {}
    }

    // MARK: Writing

    package func add(_ row: RowWrite) { open.rows.append(row) }

    package func blob(_ bytes: [UInt8]) -> Blob { open.add(Bytes(bytes)) }

    package func blob(_ buffer: [UInt8], _ range: Range<Int>) -> Blob { open.add(Bytes(buffer, range)) }

    package func blob(_ text: String) -> Blob { blob(Array(text.utf8)) }

    package func nextID() -> JobID {
        counter = (counter + 1) % 4_096
        return JobID(
            milliseconds: UInt64(now.milliseconds) + UInt64(numbers.nextSerial), counter: counter, random: random.next()
        )
    }

    package func nextToken() -> FencingToken {
        sequence += 1
        return FencingToken(epoch: numbers.epoch, sequence: sequence)
    }

    /// Inserts a job.
    @discardableResult
    package func insert(
        type: Int = 0, state: JobState = .ready, priority: Int16 = 0, runAt: WallTime? = nil, id: JobID? = nil,
        payload: [UInt8] = Array("{}".utf8), extras: [UInt8] = []
    ) -> JobRow {
        let digest = payload.withUnsafeBytes { Digest.of($0) }
        let row = JobRow(
            id: id ?? nextID(), serial: numbers.nextSerial, type: TypeIndex(type), state: state, priority: priority,
            rank: numbers.nextRank, runAt: runAt ?? now, createdAt: now, attemptsMax: 4,
            payloadBytes: UInt32(payload.count), digest: digest)
        numbers.nextSerial += 1
        numbers.nextRank += 1
        var write = JobWrite(.insert, row)
        write.payload = blob(payload)
        if !extras.isEmpty { write.extras = blob(extras) }
        open.jobs.append(write)
        return row
    }

    package func write(_ kind: JobWrite.Kind, _ row: JobRow, _ change: (inout JobWrite) -> Void = { _ in }) {
        var write = JobWrite(kind, row)
        change(&write)
        open.jobs.append(write)
    }

    /// The row after one more attempt, which ended now.
    package func attempted(_ row: JobRow, _ state: JobState, _ outcome: Outcome, worker: Int32 = 1) -> JobRow {
        var row = row
        row.state = state
        row.outcome = outcome
        row.token = nextToken()
        row.worker = worker
        row.startedAt = now
        row.finishedAt = now + .milliseconds(5)
        row.attempt += 1
        return row
    }

    /// Ends a job by an attempt.
    @discardableResult
    package func finish(
        _ row: JobRow, as state: JobState = .completed, _ outcome: Outcome = .completed, result: String? = nil,
        error: String? = nil, progress: String? = nil, log: String? = nil
    ) -> JobRow {
        let row = attempted(row, state, outcome)
        write(.finish, row) { write in
            write.attemptNumber = row.attempt
            if let result { write.result = blob(result) }
            if let error { write.error = blob(error) }
            if let progress { write.progress = blob(progress) }
            if let log { write.log = blob(log) }
        }
        return row
    }

    /// Ends an attempt; the job goes on.
    @discardableResult
    package func retire(
        _ row: JobRow, to state: JobState = .scheduled, _ outcome: Outcome = .failed, runAt: WallTime? = nil,
        error: String? = nil, log: String? = nil
    ) -> JobRow {
        var row = attempted(row, state, outcome)
        row.runAt = runAt ?? now + .seconds(1)
        row.isBackoff = state == .scheduled
        write(.retire, row) { write in
            write.attemptNumber = row.attempt
            if let error { write.error = blob(error) }
            if let log { write.log = blob(log) }
        }
        return row
    }

    /// Starts a final job anew.
    @discardableResult
    package func replay(_ row: JobRow) -> JobRow {
        var row = row
        row.state = .ready
        row.rank = numbers.nextRank
        numbers.nextRank += 1
        row.attempt = 0
        row.outcome = .none
        row.finishedAt = .none
        write(.replay, row)
        return row
    }
}

extension [UInt8] {
    /// Readable in the sentence of a failure.
    var text: String { String(decoding: self, as: UTF8.self) }
}
