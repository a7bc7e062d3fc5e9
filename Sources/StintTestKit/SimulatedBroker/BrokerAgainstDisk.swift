import StintBroker
import StintCore
import StintStore

/// What must hold between the memory of a broker that is not in the middle of anything and its disk; each thing that
/// does not is one sentence.
struct BrokerAgainstDisk {
    let state: BrokerState
    let disk: MemoryImage
    let rows: [JobRow]
    private(set) var problems: [String] = []

    init(_ state: BrokerState, _ disk: MemoryImage) {
        self.state = state
        self.disk = disk
        rows = disk.rows
        checkCounts()
        checkWindows()
        checkLeases()
        checkOperations()
    }

    /// Kept counts are the numbers of rows, in memory and on disk.
    private mutating func checkCounts() {
        var counted = Array(repeating: Counts(), count: state.lines.count)
        for row in rows { counted[row.type.asInt].count(row) }
        let stored = disk.typeCounts
        for index in counted.indices {
            let line = state.lines.all[index]
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
    private mutating func checkWindows() {
        var inMemory = 0
        for row in rows where !row.state.isFinal {
            let ready = ReadyPosition(priority: row.priority, rank: row.rank)
            let scheduled = SchedulePosition(runAt: row.runAt, serial: row.serial)
            if let entry = state.jobs[row.id] {
                inMemory += 1
                if entry.row != row { problems.append("job \(row.id) is \(entry.row) in memory and \(row) on disk") }
                switch entry.place {
                case .ready:
                    if row.state != .ready { problems.append("job \(row.id) is in a ready line, but \(row.state)") }
                    if !state.lines[row.type].window.covers(ready) {
                        problems.append("job \(row.id) is in a window whose end is before it")
                    }
                case .leased:
                    if row.state != .ready { problems.append("job \(row.id) is leased, but \(row.state)") }
                case .scheduled:
                    if row.state != .scheduled { problems.append("job \(row.id) is scheduled, but \(row.state)") }
                case .free: problems.append("job \(row.id) is in a free slot")
                }
            } else if row.state == .ready, state.lines[row.type].window.covers(ready) {
                problems.append("job \(row.id) is ready and missing in its window")
            } else if row.state == .scheduled, state.schedule.covers(scheduled) {
                problems.append("job \(row.id) is scheduled and missing in the window of the schedule")
            }
        }
        if inMemory != state.jobs.count {
            problems.append("\(state.jobs.count) jobs are in memory, \(inMemory) of them unfinished on disk")
        }
    }

    /// The operations on disk are those under way, just as far.
    private mutating func checkOperations() {
        let stored = disk.operationRows.sorted { $0.number < $1.number }
        let known = state.operations.all.sorted { $0.number < $1.number }
        if stored != known {
            problems.append("operations \(known.map(\.number)) are under way, the store has \(stored.map(\.number))")
        }
    }

    /// The grants on disk are the leases in memory.
    private mutating func checkLeases() {
        var bySerial: [Int64: JobRow] = [:]  // for lookup only
        for row in rows where row.state == .ready { bySerial[row.serial] = row }
        var granted = 0
        for grant in disk.grantRows {
            for entry in grant.entries {
                let token = grant.token(of: entry)
                guard let row = bySerial[entry.serial], row.token < token else { continue }
                granted += 1
                if !state.isLeased(row.id, under: token) {
                    problems.append("the store grants \(row.id) under \(token); the broker does not know that lease")
                }
            }
        }
        let leased = state.jobs.entries.count { $0.place == .leased }
        if leased != granted { problems.append("\(leased) jobs are leased, the store grants \(granted)") }
        let kept = state.lines.all.reduce(0) { $0 + $1.counts.leased }
        if kept != Int64(leased) { problems.append("\(leased) jobs are leased, the counts say \(kept)") }
    }
}
