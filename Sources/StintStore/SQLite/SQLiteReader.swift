import GRDB
import StintCore

/// Reads on a read-only connection of its own. No call leaves a transaction open: a reader that did would keep the
/// write-ahead log from starting over. A call of several queries runs them in one transaction, so that they see one
/// batch.
///
/// By verb: point reads and lines here, listings in `SQLiteReader+Listing`, one whole job in `SQLiteReader+Details`.
final class SQLiteReader: StoreReader {
    let queue: DatabaseQueue
    let statements: ReaderStatements

    init(_ queue: DatabaseQueue) throws {
        self.queue = queue
        statements = try queue.unsafeRead { try ReaderStatements($0) }
    }

    /// Runs one query.
    func read<Result>(_ body: (ReaderStatements) throws -> Result) throws -> Result {
        try queue.unsafeRead { _ in try body(statements) }
    }

    /// Runs several queries on one state of the database.
    func readTogether<Result>(_ body: (ReaderStatements) throws -> Result) throws -> Result {
        try queue.unsafeRead { db in
            try statements.begin.run()
            do {
                let result = try body(statements)
                try statements.commit.run()
                return result
            } catch {
                if db.isInsideTransaction { try statements.rollback.run() }
                throw error
            }
        }
    }

    func row(_ id: JobID) throws -> JobRow? { try read { try $0.row(id) } }

    func row(serial: Int64) throws -> JobRow? { try read { try $0.row(serial: serial) } }

    func known(_ ids: [JobID]) throws -> [KnownJob] {
        guard let last = ids.last else { return [] }
        return try readTogether { statements in
            var known: [KnownJob] = []
            for (id, serial) in try statements.serials(of: ids, through: last) {
                let facts = statements.typeAndDigest
                facts.bind(1, serial)
                let job = try facts.first {
                    KnownJob(
                        id: id, type: TypeIndex(Int32(truncatingIfNeeded: facts.integer(0))),
                        digest: UInt64(bitPattern: facts.integer(1)))
                }
                if let job { known.append(job) }
            }
            return known
        }
    }

    func firstID(above id: JobID) throws -> JobID? {
        try read { statements in
            let above = statements.idAbove
            above.bind(1, high: id.high, low: id.low)
            return try above.first { () throws(StoreError) in
                let (high, low) = try above.halves(0)
                return JobID(high: high, low: low)
            }
        }
    }

    func outcome(of token: FencingToken, serial: Int64) throws -> Outcome? {
        if token == .none { return nil }
        return try readTogether { statements in
            for query in [statements.lastOutcome, statements.earlierOutcome] {
                query.bind(1, serial)
                query.bind(2, token.epoch)
                query.bind(3, token.sequence)
                if let code = try query.first({ query.integer(0) }) {
                    guard let outcome = Outcome(rawValue: UInt8(truncatingIfNeeded: code)) else {
                        throw StoreError.corrupt("job \(serial) has outcome \(code)")
                    }
                    return outcome
                }
            }
            return nil
        }
    }

    func readyPage(type: TypeIndex, from position: ReadyPosition, limit: Int) throws -> JobPage {
        try readTogether { statements in
            JobPage(
                batch: try statements.batch(), rows: try statements.ready(type: type, from: position, limit: limit))
        }
    }

    func scheduledPage(from position: SchedulePosition, limit: Int) throws -> JobPage {
        try readTogether { statements in
            JobPage(
                batch: try statements.batch(), rows: try statements.pending(.scheduled, from: position, limit: limit))
        }
    }

    func answer(_ request: RequestID) throws -> [UInt8]? {
        try read { statements in
            statements.answer.bind(1, high: request.high, low: request.low)
            return try statements.answer.first { statements.answer.bytes(0) }
        }
    }

    func audit(after number: Int64, limit: Int) throws -> [AuditRow] {
        try read { statements in
            let audit = statements.audit
            audit.bind(1, number)
            audit.bind(2, limit)
            return try audit.all { () throws(StoreError) in
                guard let kind = AuditKind(rawValue: UInt8(truncatingIfNeeded: audit.integer(2))) else {
                    throw StoreError.corrupt("audit record \(audit.integer(0)) is of kind \(audit.integer(2))")
                }
                return AuditRow(
                    number: audit.integer(0), at: WallTime(milliseconds: audit.integer(1)), kind: kind,
                    who: audit.text(4), what: audit.text(5), count: Int(audit.integer(3)), previous: audit.bytes(6),
                    digest: audit.bytes(7))
            }
        }
    }
}
