import StintCore
import StintStore

/// Ready and scheduled pages.
extension StoreContract {
    static let lineChecks = [
        Check("a ready page is in line order: higher priority first, then lower rank") { scenario in
            let rows = [3, -100, 0, 100, 3, 0, -1].map { scenario.insert(priority: Int16($0)) }
            scenario.insert(type: 1, priority: 100)
            try scenario.commit()
            let expected = rows.sorted { (-Int($0.priority), $0.rank) < (-Int($1.priority), $1.rank) }
            let page = try scenario.reader.readyPage(type: TypeIndex(0), from: .first, limit: 100)
            try expect(page.rows, is: expected, "the page")
            try expect(page.batch, is: 1, "its batch")
        },
        Check("a ready page begins at its position and ends at its limit, on both sides") { scenario in
            let rows = (0..<12).map { scenario.insert(priority: Int16(2 - $0 / 4)) }
            try scenario.commit()
            for start in rows.indices {
                let position = ReadyPosition(priority: rows[start].priority, rank: rows[start].rank)
                let after = ReadyPosition(priority: rows[start].priority, rank: rows[start].rank + 1)
                for limit in [1, 3, 4, 5, 11, 12, 13] {
                    let page = try scenario.reader.readyPage(type: TypeIndex(0), from: position, limit: limit)
                    try expect(page.rows, is: Array(rows[start...].prefix(limit)), "\(limit) rows from row \(start)")
                    let next = try scenario.reader.readyPage(type: TypeIndex(0), from: after, limit: limit)
                    try expect(
                        next.rows, is: Array(rows[(start + 1)...].prefix(limit)), "\(limit) rows after row \(start)")
                }
            }
        },
        Check("only ready rows stand in line, and a row leaves it with its state, rank or priority") { scenario in
            for state in JobState.allCases where state != .ready && state != .leased { scenario.insert(state: state) }
            var row = scenario.insert()
            let other = scenario.insert()
            try scenario.commit()
            let page = { try scenario.reader.readyPage(type: TypeIndex(0), from: .first, limit: 9).rows }
            try expect(page(), is: [row, other], "the line")
            row.rank = scenario.numbers.nextRank
            scenario.numbers.nextRank += 1
            scenario.write(.update, row)
            try scenario.commit()
            try expect(page(), is: [other, row], "the line after a new rank")
            row.priority = 1
            scenario.write(.update, row)
            try scenario.commit()
            try expect(page(), is: [row, other], "the line after a new priority")
            row.state = .scheduled
            scenario.write(.update, row)
            try scenario.commit()
            try expect(page(), is: [other], "the line without a scheduled job")
            row.state = .ready
            scenario.write(.update, row)
            scenario.finish(other)
            try scenario.commit()
            try expect(page(), is: [row], "the line after one came back and one was finished")
        },
        Check("lines of types and lives do not mix") { scenario in
            let rows = (0..<6).map { scenario.insert(type: $0 % 3) }
            try scenario.commit()
            try scenario.reopen()
            for type in 0..<3 {
                let page = try scenario.reader.readyPage(type: TypeIndex(type), from: .first, limit: 9)
                try expect(page.rows, is: rows.filter { $0.type == TypeIndex(type) }, "the line of type \(type)")
            }
            let page = try scenario.reader.readyPage(type: TypeIndex(3), from: .first, limit: 9)
            try expect(page.rows, is: [], "the line of a type without jobs")
            try expect(page.batch, is: 1, "the batch of an empty page")
        },
        Check("a scheduled page is in order of time, then serial, over all types") { scenario in
            let rows = [5, 1, 3, 1, 5, 3].enumerated().map { index, seconds in
                scenario.insert(type: index % 3, state: .scheduled, runAt: scenario.now + .seconds(seconds))
            }
            scenario.insert()
            try scenario.commit()
            let sorted = rows.sorted { ($0.runAt, $0.serial) < ($1.runAt, $1.serial) }
            for start in sorted.indices {
                let at = SchedulePosition(runAt: sorted[start].runAt, serial: sorted[start].serial)
                for limit in 1...7 {
                    let page = try scenario.reader.scheduledPage(from: at, limit: limit)
                    try expect(page.rows, is: Array(sorted[start...].prefix(limit)), "\(limit) rows from \(start)")
                    let past = SchedulePosition(runAt: at.runAt, serial: at.serial + 1)
                    let next = try scenario.reader.scheduledPage(from: past, limit: limit)
                    try expect(
                        next.rows, is: Array(sorted[(start + 1)...].prefix(limit)), "\(limit) rows after \(start)")
                }
            }
            try expect(scenario.reader.scheduledPage(from: .first, limit: 99).rows, is: sorted, "the whole page")
        },
        Check("a job that becomes due, or is planned anew, moves among the scheduled") { scenario in
            var first = scenario.insert(state: .scheduled, runAt: scenario.now + .seconds(1))
            var second = scenario.insert(state: .scheduled, runAt: scenario.now + .seconds(2))
            try scenario.commit()
            first.runAt = scenario.now + .seconds(3)
            scenario.write(.update, first)
            try scenario.commit()
            try expect(scenario.reader.scheduledPage(from: .first, limit: 9).rows, is: [second, first], "the page")
            second.state = .ready
            scenario.write(.update, second)
            try scenario.commit()
            try expect(scenario.reader.scheduledPage(from: .first, limit: 9).rows, is: [first], "the page after one")
            try expect(
                scenario.reader.readyPage(type: second.type, from: .first, limit: 9).rows, is: [second], "the line")
        },
    ]
}
