import StintCore
import StintStore

extension SimulatedBroker {
    /// Everything that must hold at any moment and does not, one sentence each: the invariants of the core, and, while
    /// nothing waits for a commit, those between memory and store.
    package func checkInvariants() -> [String] {
        var problems = StintCore.checkInvariants(turn.state)
        guard committing == nil, turn.isQuiet else { return problems }
        let rows = storedRows()
        checkCounts(rows, &problems)
        checkWindows(rows, &problems)
        checkLeases(rows, &problems)
        return problems
    }

    /// Every row in the store, newest id first.
    package func storedRows() -> [JobRow] {
        var rows: [JobRow] = []
        var query = JobQuery(limit: Limits.listMax)
        do {
            let reader = try store.makeReader()
            while true {
                let page = try reader.list(query)
                rows += page.jobs.map(\.row)
                guard page.last != nil else { return rows }
                query.after = page.last
            }
        } catch {
            preconditionFailure("a store in memory cannot fail: \(error)")
        }
    }

    /// What another broker would find.
    private func recovered() -> RecoveredState {
        do {
            return try MemoryStore(store.image()).recover(at: now.wall)
        } catch {
            preconditionFailure("a store in memory cannot fail: \(error)")
        }
    }

    /// Kept counts are the numbers of rows, in memory and on disk.
    private func checkCounts(_ rows: [JobRow], _ problems: inout [String]) {
        var counted = Array(repeating: Counts(), count: turn.state.lines.count)
        for row in rows { counted[row.type.asInt][row.state] += 1 }
        let stored = recovered().counts
        for index in counted.indices {
            let line = turn.state.lines.all[index]
            var kept = line.counts
            kept.leased = 0
            if kept != counted[index] {
                problems.append("type \(line.name) keeps the counts \(kept), but its rows are \(counted[index])")
            }
            if index < stored.count, stored[index] != counted[index] {
                problems.append("type \(line.name) has stored \(stored[index]), but its rows are \(counted[index])")
            }
        }
    }

    /// A window holds every row of its line up to its end that is not leased, as it is on disk, and none behind.
    private func checkWindows(_ rows: [JobRow], _ problems: inout [String]) {
        var inMemory = 0
        for row in rows {
            let ready = ReadyPosition(priority: row.priority, rank: row.rank)
            let scheduled = SchedulePosition(runAt: row.runAt, serial: row.serial)
            if let entry = turn.state.jobs[row.id] {
                inMemory += 1
                if entry.row != row { problems.append("job \(row.id) is \(entry.row) in memory and \(row) on disk") }
                switch entry.place {
                case .ready:
                    if row.state != .ready { problems.append("job \(row.id) is in a ready line, but \(row.state)") }
                    if !turn.state.lines[row.type].window.covers(ready) {
                        problems.append("job \(row.id) is in a window whose end is before it")
                    }
                case .leased:
                    if row.state != .ready { problems.append("job \(row.id) is leased, but \(row.state)") }
                case .scheduled:
                    if row.state != .scheduled { problems.append("job \(row.id) is scheduled, but \(row.state)") }
                case .free: problems.append("job \(row.id) is in a free slot")
                }
            } else if row.state == .ready, turn.state.lines[row.type].window.covers(ready) {
                problems.append("job \(row.id) is ready and missing in its window")
            } else if row.state == .scheduled, turn.state.schedule.covers(scheduled) {
                problems.append("job \(row.id) is scheduled and missing in the window of the schedule")
            }
        }
        if inMemory != turn.state.jobs.count {
            problems.append("\(turn.state.jobs.count) jobs are in memory, \(inMemory) of them on disk")
        }
    }

    /// The grants on disk are the leases in memory.
    private func checkLeases(_ rows: [JobRow], _ problems: inout [String]) {
        var bySerial: [Int64: JobRow] = [:]
        for row in rows { bySerial[row.serial] = row }
        var granted = 0
        for grant in recovered().grants {
            for entry in grant.entries {
                let token = grant.token(of: entry)
                guard let row = bySerial[entry.serial], row.state == .ready, row.token < token else { continue }
                granted += 1
                if !turn.state.isLeased(row.id, under: token) {
                    problems.append("the store grants \(row.id) under \(token); the broker does not know that lease")
                }
            }
        }
        let leased = turn.state.jobs.entries.count { $0.place == .leased }
        if leased != granted { problems.append("\(leased) jobs are leased, the store grants \(granted)") }
        let kept = turn.state.lines.all.reduce(0) { $0 + $1.counts.leased }
        if kept != Int64(leased) { problems.append("\(leased) jobs are leased, the counts say \(kept)") }
    }
}
