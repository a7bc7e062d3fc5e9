import ArgumentParser
import Foundation
import Stint
import StintBroker
import StintCore

struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows who cancelled, replayed and discarded, and who was refused; checks that nothing was changed.",
        discussion: """
            Each record holds the digest of the one before. --verify reads all of them and prints the last digest: keep \
            it elsewhere, because a chain whose end was cut off is whole in itself.

            EXAMPLES
              stint audit --limit 20
              stint audit --verify
            """)

    @OptionGroup var connection: ConnectionOptions
    @Option(parsing: .unconditional, help: "How many of the last records, 1 to 1000.") var limit = 50
    @Option(parsing: .unconditional, help: "Instead of the last: those after this number.") var after: Int?
    @Flag(help: "Read the whole log and check its chain.") var verify = false
    @Flag(help: "One JSON object a line.") var json = false

    func validate() throws {
        guard (1...Limits.listMax).contains(limit) else {
            throw ValidationError("--limit is \(limit); expected 1 to \(Limits.listMax)")
        }
        if let after, after < 0 { throw ValidationError("--after is \(after); expected 0 or more") }
        if verify, after != nil { throw ValidationError("--verify reads the whole log; leave --after out") }
    }

    func run() async throws {
        try await connection.withClient { client in
            if verify { return try await check(client) }
            let start: Int
            if let after {
                start = after
            } else {
                start = max(0, try await client.audit(after: 0, limit: 1).last - limit)
            }
            let rows = try await client.audit(after: start, limit: limit).rows
            if json {
                for row in rows { try StandardOutput.write(row.line.description) }
                return
            }
            var table = Table("NUMBER", "WHEN", "WHO", "DID", "TIMES", "WHAT")
            for row in rows {
                table.add("\(row.number)", row.at.rfc3339, row.who, row.kind.name, "\(row.count)", row.what)
            }
            if table.isEmpty {
                StandardError.write("stint: no records")
            } else {
                try StandardOutput.write(table.printed())
            }
        }
    }

    private func check(_ client: StintClient) async throws {
        var (first, previous): (AuditRow?, AuditRow?)
        var count = 0
        // As of the first question; what is written meanwhile may or may not be read. Its answer came when the record was
        // on disk, and read before that: so whoever misses the end asks once more.
        var written: Int64?
        var hasAskedAgain = false
        func check(_ fault: String?) throws {
            if let fault { throw CommandError(.failure, "the audit log is not whole: \(fault)") }
        }
        while true {
            let (rows, last) = try await client.audit(after: Int(previous?.number ?? 0), limit: Limits.listMax)
            written = written ?? Int64(last)
            try check(AuditChain.fault(in: rows, after: previous))
            count += rows.count
            first = first ?? rows.first
            previous = rows.last ?? previous
            guard rows.count < Limits.listMax else { continue }
            if hasAskedAgain || previous?.number ?? 0 >= written ?? 0 { break }
            hasAskedAgain = true
        }
        try check(AuditChain.fault(from: first, to: previous, written: written ?? 0))
        guard let first, let last = previous else { return StandardError.write("stint: no records") }
        if json {
            var line = JSONLine()
            line.add("records", count)
            line.add("first", Int(first.number))
            line.add("last", Int(last.number))
            line.add("digest", last.digest.hexadecimal)
            line.add("whole", true)
            return try StandardOutput.write(line.description)
        }
        try StandardOutput.write(
            "\(count) records, \(first.number) to \(last.number), whole; digest of the last: \(last.digest.hexadecimal)"
        )
    }
}

extension AuditRow {
    fileprivate var line: JSONLine {
        var line = JSONLine()
        line.add("number", Int(number))
        line.add("at", at)
        line.add("who", who)
        line.add("did", kind.name)
        line.add("what", what)
        line.add("count", count)
        line.add("previous", previous.hexadecimal)
        line.add("digest", digest.hexadecimal)
        return line
    }
}

extension [UInt8] {
    fileprivate var hexadecimal: String { map { String(format: "%02x", $0) }.joined() }
}
