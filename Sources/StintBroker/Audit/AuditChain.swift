import CSodium
import StintCore

/// The chain of the audit log: each record's digest covers what it says and the digest of the one before, so that no
/// record can be changed, taken out or put in without every later digest being wrong.
///
/// That its beginning was cut off shows as well: it may lack only what makes it longer than ``AuditLog/recordsMax``. What
/// a chain cannot show is that its end was cut off while no broker ran, or that all of it was written anew by somebody who
/// owns the file: note the last digest elsewhere, and compare (`stint audit --verify` prints it).
package enum AuditChain {
    package static let digestBytes = 32
    /// Of the record before the first.
    package static let start = [UInt8](repeating: 0, count: digestBytes)

    /// SHA-256 over the record before, then every field: numbers as eight bytes, the greatest first; texts as their
    /// number of bytes and then their UTF-8, so that no two records read alike.
    package static func digest(_ row: AuditRow) -> [UInt8] {
        precondition(row.previous.count == digestBytes)
        var bytes = row.previous
        func add(_ number: Int64) { withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) } }
        func add(_ text: String) {
            add(Int64(text.utf8.count))
            bytes.append(contentsOf: text.utf8)
        }
        add(row.number)
        add(row.at.milliseconds)
        add(Int64(row.kind.rawValue))
        add(Int64(row.count))
        add(row.who)
        add(row.what)
        var digest = [UInt8](repeating: 0, count: digestBytes)
        crypto_hash_sha256(&digest, bytes, UInt64(bytes.count))
        return digest
    }

    /// Checks where a log begins and ends, whatever is between. Nil: where it should.
    ///
    /// - Parameters:
    ///   - first: The first and the last record that is there; nil for both: none.
    ///   - written: The number of the last one that the broker has written.
    package static func fault(from first: AuditRow?, to last: AuditRow?, written: Int64) -> String? {
        let found = last?.number ?? 0
        guard found >= written else {
            return "records \(found + 1) to \(written) are missing at its end"
        }
        guard let first, first.number > 1, found - first.number + 1 < AuditLog.recordsMax else { return nil }
        return "the records before \(first.number) are missing: of fewer than \(AuditLog.recordsMax) none is removed"
    }

    /// Checks records that follow each other. Nil: whole.
    ///
    /// - Parameter previous: The record before the first of them, if it was seen.
    package static func fault(in rows: some Sequence<AuditRow>, after previous: AuditRow?) -> String? {
        var last = previous
        for row in rows {
            if let last {
                guard row.number == last.number + 1 else {
                    return "record \(last.number + 1) is missing: record \(row.number) follows \(last.number)"
                }
                guard row.previous == last.digest else {
                    return "record \(row.number) does not continue record \(last.number): one of them was changed"
                }
            } else if row.number == 1, row.previous != start {
                return "record 1 continues another chain"
            }
            guard digest(row) == row.digest else { return "record \(row.number) was changed: its digest is another" }
            last = row
        }
        return nil
    }
}
