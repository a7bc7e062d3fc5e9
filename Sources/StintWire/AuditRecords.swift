import Foundation
import StintCore

// Audit records, on the way out and in.

extension Stint_V1_AuditRecord {
    package init(_ row: AuditRow) {
        self.init()
        number = UInt64(row.number)
        atMs = row.at.milliseconds
        kind = UInt32(row.kind.rawValue)
        who = row.who
        what = row.what
        count = UInt32(clamping: row.count)
        previous = Data(row.previous)
        digest = Data(row.digest)
    }

    package func row() throws(WireError) -> AuditRow {
        guard let number = Int64(exactly: number), number > 0 else {
            throw .outOfRange(field: "audit_record.number", value: Int(clamping: self.number), allowed: 1...(.max - 1))
        }
        guard let known = UInt8(exactly: kind).flatMap(AuditKind.init) else {
            throw .outOfRange(
                field: "audit_record.kind", value: Int(kind), allowed: 1...Int(AuditKind.allCases.last?.rawValue ?? 1))
        }
        guard previous.count == 32, digest.count == 32 else {
            throw .invalid(field: "audit_record.digest", "expected 32 bytes")
        }
        guard max(who.utf8.count, what.utf8.count) <= AuditRow.textBytesMax else {
            throw .outOfRange(
                field: "audit_record.what", value: max(who.utf8.count, what.utf8.count),
                allowed: 0...AuditRow.textBytesMax)
        }
        return AuditRow(
            number: number, at: WallTime(milliseconds: atMs), kind: known, who: who, what: what, count: Int(count),
            previous: [UInt8](previous), digest: [UInt8](digest))
    }
}
