extension BrokerState {
    /// Rebuilds the tables from disk. The rows of grants are the lease table: every lease they name goes on, with a
    /// full fresh period, and is adopted when its worker says HELLO. Entries whose job is settled, or carries a newer
    /// token, are skipped. Every other ready job may be granted at once, under tokens of the new epoch.
    mutating func recover(_ recovered: RecoveredFacts, at now: Moment, into effects: inout Effects) {
        precondition(jobs.count == 0 && lines.count == 0)
        for (name, counts) in zip(recovered.types, recovered.counts) {
            let end: ReadyPosition? = counts.ready > 0 ? .first : nil
            let type = lines.add(
                name, policy: policy(of: name), end: end, changesMax: settings.bounds.pageChanges)
            lines[type].counts = counts
            lines[type].counts.leased = 0
        }
        let hasScheduled = recovered.counts.contains { $0.scheduled > 0 }
        schedule = Window(end: hasScheduled ? .first : nil, changesMax: settings.bounds.pageChanges)
        operations = OperationTable(recovered.operations)
        watchWallClock(since: recovered.numbers.wall, to: now, into: &effects)

        var rows: [Int64: JobRow] = [:]  // for lookup only
        for row in recovered.grantedJobs { rows[row.serial] = row }
        var known: [Int32: WorkerRow] = [:]  // for lookup only
        for row in recovered.workers { known[row.number] = row }
        let current = Self.currentGrants(recovered.grants, rows: rows)
        let alive = Set(current.map(\.first))  // for lookup only
        for grant in recovered.grants where !alive.contains(grant.first) {
            effects.rows.append(.grantEnded(grant.first))
        }
        for grant in current {
            guard let row = known[grant.worker] else { preconditionFailure("a grant names an unknown worker") }
            adopt(grant, worker: row, rows: rows, at: now)
        }
    }

    /// The grants without entries that are over: of several that name a job, the last one counts.
    private static func currentGrants(_ grants: [GrantRow], rows: [Int64: JobRow]) -> [GrantRow] {
        let ordered = grants.sorted { $0.first < $1.first }
        var newest: [Int64: FencingToken] = [:]  // for lookup only
        for grant in ordered {
            for entry in grant.entries { newest[entry.serial] = grant.token(of: entry) }
        }
        return ordered.compactMap { grant in
            var current = grant
            current.entries = grant.entries.filter { entry in
                let token = grant.token(of: entry)
                guard newest[entry.serial] == token, let row = rows[entry.serial] else { return false }
                return row.state == .ready && row.token < token
            }
            return current.entries.isEmpty ? nil : current
        }
    }

    private mutating func adopt(_ grant: GrantRow, worker row: WorkerRow, rows: [Int64: JobRow], at now: Moment) {
        let worker =
            workers.slot(of: row.instance)
            ?? workers.add(
                WorkerTable.Worker(
                    row: row, slots: Int(grant.slots), heardAt: now.instant, connectedAt: row.since))
        var members: [Int32] = []
        for entry in grant.entries {
            guard let row = rows[entry.serial] else { preconditionFailure("filtered before") }
            let slot = jobs.insert(row, .leased)
            jobs[slot].lease.worker = worker
            jobs[slot].lease.token = grant.token(of: entry)
            jobs[slot].lease.grantedAt = grant.grantedAt
            jobs[slot].lease.attempt = entry.attempt
            if row.cancelRequested { jobs[slot].lease.cancelledAt = now.instant }
            linkLease(slot, of: worker)
            workers[worker].leases += 1
            workers[worker].payloadBytes += Int64(row.payloadBytes)
            lines[row.type].counts.leased += 1
            members.append(slot)
        }
        let slot = grants.add(
            GrantTable.Grant(
                first: grant.first, worker: worker, slots: grant.slots, grantedAt: grant.grantedAt, members: members,
                remaining: members.count))
        for member in members { jobs[member].lease.grant = slot }
    }
}

extension GrantRow {
    package func token(of entry: Entry) -> FencingToken {
        FencingToken(epoch: first.epoch, sequence: first.sequence + UInt64(entry.offset))
    }
}
