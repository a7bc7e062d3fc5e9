import GRDB
import GRDBSQLite
import StintCore

/// The writes of a batch, as a table that SQL can select from, so that one statement writes them all:
///
///     INSERT INTO jobs (serial, state, …) SELECT serial, state, … FROM batch
///
/// A statement that is bound and stepped once a row opens and closes the table and each of its indexes every time. Run
/// this way, inserting a job and finishing it takes SQLite 3.40 24,000 instructions instead of 44,000.
///
/// The columns have the names and meanings of those of `jobs`. The table holds something only while ``with`` runs; it
/// is eponymous (no CREATE, nothing on disk) and exists on the writing connection alone.
final class BatchTable {
    /// What the table shows, where the callbacks of SQLite find it.
    struct Contents {
        var writes = UnsafeBufferPointer<JobWrite>(start: nil, count: 0)
        var blobs = UnsafeBufferPointer<Bytes>(start: nil, count: 0)
        var kinds: Kinds = []
    }

    /// Which writes of the batch are rows of the table.
    struct Kinds: OptionSet {
        let rawValue: UInt8
        init(rawValue: UInt8) { self.rawValue = rawValue }
        init(_ kind: JobWrite.Kind) { rawValue = 1 << kind.rawValue }

        static let insert = Kinds(JobWrite.Kind.insert)
        static let finish = Kinds(JobWrite.Kind.finish)
        static let retire = Kinds(JobWrite.Kind.retire)
        static let replay = Kinds(JobWrite.Kind.replay)
        /// Writes that change the facts of a row and nothing else of it.
        static let change: Kinds = [Kinds(JobWrite.Kind.update), .retire]
    }

    private let contents: UnsafeMutablePointer<Contents>

    /// Must outlive every run of a statement that names the table.
    init(_ db: Database) throws {
        contents = .allocate(capacity: 1)
        contents.initialize(to: Contents())
        let code = sqlite3_create_module_v2(db.sqliteConnection, "batch", BatchModule.shared, contents, nil)
        guard code == SQLITE_OK else { throw StoreError(sqlite: code, message: "the table of a batch was refused") }
    }

    deinit { contents.deallocate() }

    /// Shows those of these writes that are of these kinds, in their order, while `body` runs.
    func with(
        _ writes: Slice<UnsafeBufferPointer<JobWrite>>, _ kinds: Kinds, of batch: Batch,
        _ body: () throws(StoreError) -> Void
    ) throws(StoreError) {
        try batch.blobs.withUnsafeBufferPointer { (blobs) throws(StoreError) in
            contents.pointee = Contents(writes: UnsafeBufferPointer(rebasing: writes), blobs: blobs, kinds: kinds)
            defer { contents.pointee = Contents() }
            try body()
        }
    }
}

/// The columns of the table, in the order of its declaration.
enum BatchColumn: String, CaseIterable {
    case serial, state, lane, priority, rank, epoch, sequence, worker, attempt, crashes, outcome, flags, type, id
    case digest, error, progress, result, extras, payload
    case runAt = "run_at"
    case finishedAt = "finished_at"
    case startedAt = "started_at"
    case attemptsMax = "attempts_max"
    case attemptNumber = "attempt_number"
    case createdAt = "created_at"
    case payloadBytes = "payload_bytes"

    static let all = allCases
    static var declaration: String { "CREATE TABLE batch (\(all.map(\.rawValue).joined(separator: ", ")))" }
}

extension BatchTable.Contents {
    /// Hands the value of one column of one write to SQLite; nothing is NULL.
    func show(_ column: BatchColumn, of write: UnsafePointer<JobWrite>, _ context: OpaquePointer?) {
        func number(_ value: some BinaryInteger) { sqlite3_result_int64(context, Int64(truncatingIfNeeded: value)) }
        switch column {
        case .serial: number(write.pointee.row.serial)
        case .state: number(write.pointee.row.state.rawValue)
        case .lane, .type: number(write.pointee.row.type.value)
        case .priority: number(write.pointee.row.priority)
        case .rank: number(write.pointee.row.rank)
        case .runAt: number(write.pointee.row.runAt.milliseconds)
        case .finishedAt: number(write.pointee.row.finishedAt.milliseconds)
        case .startedAt: number(write.pointee.row.startedAt.milliseconds)
        case .epoch: number(write.pointee.row.token.epoch)
        case .sequence: number(write.pointee.row.token.sequence)
        case .worker: number(write.pointee.row.worker)
        case .attempt: number(write.pointee.row.attempt)
        case .attemptsMax: number(write.pointee.row.attemptsMax)
        case .crashes: number(write.pointee.row.crashes)
        case .outcome: number(write.pointee.row.outcome.rawValue)
        case .flags: number(JobFlags.of(write.pointee.row))
        case .attemptNumber: number(write.pointee.attemptNumber)
        case .createdAt: number(write.pointee.row.createdAt.milliseconds)
        case .digest: number(write.pointee.row.digest)
        case .payloadBytes: number(write.pointee.row.payloadBytes)
        case .id:
            let id = write.pointee.row.id
            withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) { show($0, context) }
        case .error: show(write.pointee.error, context)
        case .progress: show(write.pointee.progress, context)
        case .result: show(write.pointee.result, context)
        case .extras: if isInline(write) { show(write.pointee.extras, context) }
        case .payload:
            guard isInline(write) else { return }
            if count(write.pointee.payload) == 0 { sqlite3_result_zeroblob(context, 0) }
            show(write.pointee.payload, context)
        }
    }

    /// Whether payload and extras lie in the row of the job.
    private func isInline(_ write: UnsafePointer<JobWrite>) -> Bool {
        count(write.pointee.payload) + count(write.pointee.extras) <= SQLiteSchema.inlineBytesMax
    }

    private func count(_ blob: Blob) -> Int { blob.isNone ? 0 : blobs[Int(blob.place) - 1].count }

    private func show(_ blob: Blob, _ context: OpaquePointer?) {
        if !blob.isNone { blobs[Int(blob.place) - 1].withUnsafeBytes { show($0, context) } }
    }

    private func show(_ bytes: UnsafeRawBufferPointer, _ context: OpaquePointer?) {
        if bytes.isEmpty { return }
        sqlite3_result_blob(context, bytes.baseAddress, Int32(bytes.count), Prepared.transient)
    }
}
