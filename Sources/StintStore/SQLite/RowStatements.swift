import GRDB
import StintCore

/// The writes of all rows but jobs. Each is an image: there or not before, it is as given afterwards.
final class RowStatements {
    private var packed = PackedWriter()
    private let type: Prepared
    private let worker: Prepared
    private let grant: Prepared
    private let grantEnded: Prepared
    private let counts: Prepared
    private let checkpoint: Prepared
    private let answer: Prepared
    private let answersForgotten: Prepared
    private let operation: Prepared
    private let operationEnded: Prepared
    private let audit: Prepared
    private let auditForgotten: Prepared

    init(_ db: Database) throws {
        func replacing(_ table: String, _ columns: Int) throws -> Prepared {
            let parameters = (1...columns).map { "?\($0)" }.joined(separator: ", ")
            return try Prepared(db, "INSERT OR REPLACE INTO \(table) VALUES (\(parameters))")
        }
        // Not OR REPLACE, which would make room by removing another type of the same name: that conflict is to trap.
        type = try Prepared(
            db, "INSERT INTO types (number, name) VALUES (?1, ?2) ON CONFLICT (number) DO UPDATE SET name = ?2")
        worker = try replacing("workers", 5)
        grant = try replacing("grants", 6)
        grantEnded = try Prepared(db, "DELETE FROM grants WHERE epoch = ?1 AND sequence = ?2")
        counts = try replacing("counts", 8)
        checkpoint = try replacing("checkpoints", 2)
        answer = try replacing("answers", 3)
        answersForgotten = try Prepared(db, "DELETE FROM answers WHERE at < ?1")
        operation = try replacing("operations", 10)
        operationEnded = try Prepared(db, "DELETE FROM operations WHERE number = ?1")
        // Never OR REPLACE: a record does not change.
        audit = try Prepared(db, "INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
        auditForgotten = try Prepared(db, "DELETE FROM audit WHERE number <= ?1")
    }

    func apply(_ write: RowWrite, of batch: Batch) throws(StoreError) {
        switch write {
        case .type(let index, let name):
            type.bind(1, index.value)
            type.bind(2, text: name)
            try type.run()
        case .worker(let row):
            worker.bind(1, row.number)
            worker.bind(2, high: row.instance.high, low: row.instance.low)
            worker.bind(3, text: row.name)
            worker.bind(4, text: row.pool)
            worker.bind(5, row.since.milliseconds)
            try worker.run()
        case .grant(let row): try apply(row)
        case .grantEnded(let first):
            grantEnded.bind(1, first.epoch)
            grantEnded.bind(2, first.sequence)
            try grantEnded.run()
        case .counts(let type, let values):
            counts.bind(1, type.value)
            counts.bind(2, values.waiting)
            counts.bind(3, values.scheduled)
            counts.bind(4, values.ready)
            counts.bind(5, values.completed)
            counts.bind(6, values.dead)
            counts.bind(7, values.cancelled)
            counts.bind(8, values.unfinishedBytes)
            try counts.run()
        case .checkpoint(let serial, let blob):
            checkpoint.bind(1, serial)
            try batch.withBytes(of: blob, .none) { (bytes, _) throws(StoreError) in
                checkpoint.bind(2, bytes)
                try checkpoint.run()
            }
        case .answer(let request, let blob, let at):
            answer.bind(1, high: request.high, low: request.low)
            answer.bind(2, at.milliseconds)
            try batch.withBytes(of: blob, .none) { (bytes, _) throws(StoreError) in
                answer.bind(3, bytes)
                try answer.run()
            }
        case .answersForgotten(let before):
            answersForgotten.bind(1, before.milliseconds)
            try answersForgotten.run()
        case .operation(let row): try apply(row)
        case .operationEnded(let number):
            operationEnded.bind(1, number)
            try operationEnded.run()
        case .audit(let row): try apply(row)
        case .auditForgotten(let last):
            auditForgotten.bind(1, last)
            try auditForgotten.run()
        }
    }

    private func apply(_ row: GrantRow) throws(StoreError) {
        grant.bind(1, row.first.epoch)
        grant.bind(2, row.first.sequence)
        grant.bind(3, row.worker)
        grant.bind(4, row.slots)
        grant.bind(5, row.grantedAt.milliseconds)
        GrantRow.pack(row.entries, into: &packed)
        try packed.bytes.withUnsafeBufferPointer { (bytes) throws(StoreError) in
            grant.bind(6, UnsafeRawBufferPointer(bytes))
            try grant.run()
        }
    }

    private func apply(_ row: AuditRow) throws(StoreError) {
        audit.bind(1, row.number)
        audit.bind(2, row.at.milliseconds)
        audit.bind(3, row.kind.rawValue)
        audit.bind(4, row.count)
        audit.bind(5, text: row.who)
        audit.bind(6, text: row.what)
        audit.bind(7, copying: row.previous)
        audit.bind(8, copying: row.digest)
        try audit.run()
    }

    private func apply(_ row: OperationRow) throws(StoreError) {
        operation.bind(1, row.number)
        operation.bind(2, row.kind.rawValue)
        operation.bind(3, row.state.rawValue)
        if let type = row.type { operation.bind(4, type.value) } else { operation.bindNull(4) }
        operation.bind(5, row.before.milliseconds)
        operation.bind(6, row.cursorTime.milliseconds)
        operation.bind(7, row.cursorSerial)
        operation.bind(8, row.done)
        operation.bind(9, row.isPaused ? 1 : 0)
        operation.bind(10, row.amount)
        try operation.run()
    }
}
