import StintCore
import Testing

extension TestBroker {
    /// Every invariant of the state, and what the state must have in common with the disk: *a window holds every row
    /// of the line that comes before its end and is not leased*, and what is in memory is as it was decided.
    func check(sourceLocation: SourceLocation = #_sourceLocation) {
        let violations = checkInvariants(state) + mismatches()
        #expect(violations.isEmpty, sourceLocation: sourceLocation)
    }

    private func mismatches() -> [String] {
        var found: [String] = []
        var counts = [Counts](repeating: Counts(), count: state.lines.count)
        for row in decided.rows.values {
            counts[row.type.asInt].count(row)
            let entry = state.jobs[row.id]
            if let entry, entry.row != row { found.append("job \(row.id) is not in memory as it was decided") }
            let belongs =
                switch row.state {
                case .ready: state.lines[row.type].window.covers(row.readyPosition)
                case .scheduled: state.schedule.covers(row.schedulePosition)
                case .waiting, .leased, .completed, .dead, .cancelled: false
                }
            if belongs, entry == nil { found.append("job \(row.id) belongs into its window and is not in memory") }
            if !belongs, let entry, entry.place != .leased { found.append("job \(row.id) lies behind the end") }
        }
        for entry in state.jobs.entries where entry.place != .free && decided.rows[entry.row.id] == nil {
            found.append("job \(entry.row.id) is in memory and does not exist")
        }
        for index in counts.indices {
            counts[index].leased = state.lines.all[index].counts.leased
            if counts[index] != state.lines.all[index].counts { found.append("counts of type \(index) are wrong") }
        }
        found += grantMismatches()
        return found
    }

    /// The rows of grants, read as a restart reads them, are the lease table.
    private func grantMismatches() -> [String] {
        var bySerial: [Int64: JobRow] = [:]
        for row in decided.rows.values { bySerial[row.serial] = row }
        var leases: [JobID: FencingToken] = [:]
        for grant in decided.grants.values.sorted(by: { $0.first < $1.first }) {
            for entry in grant.entries {
                let token = grant.token(of: entry)
                guard let row = bySerial[entry.serial], row.state == .ready, row.token < token else { continue }
                leases[row.id] = token
            }
        }
        var held: [JobID: FencingToken] = [:]
        for entry in state.jobs.entries where entry.place == .leased { held[entry.row.id] = entry.lease.token }
        return leases == held ? [] : ["grants on disk name \(leases.count) leases and \(held.count) are held"]
    }
}
