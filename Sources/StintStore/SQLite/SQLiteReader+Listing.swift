import StintCore

/// Pages of jobs. Where an order runs through all types, the lines of the types are merged, so that no index is needed
/// for it and a page touches no more rows than it shows, times the number of types.
extension SQLiteReader {
    func list(_ query: JobQuery) throws -> [StoredJob] {
        precondition((1...Limits.listMax).contains(query.limit), "a listing of \(query.limit) jobs")
        return try readTogether { statements in
            let rows =
                switch query.state {
                case nil: try newest(query, statements)
                case .ready: try ready(query, statements)
                case .scheduled: try scheduled(query, statements)
                case .waiting: try waiting(query, statements)
                case .completed, .dead, .cancelled: try finished(query, statements)
                // Not on disk: leased jobs are ready ones that a grant names.
                case .leased: [JobRow]()
                }
            return try rows.map { try summary(of: $0, statements) }
        }
    }

    func finished(_ query: FinishedQuery) throws -> [JobRow] {
        precondition(query.state.isFinal, "jobs that are \(query.state) have not finished")
        return try readTogether { statements in
            let after = FinishedPlace(finishedAt: query.afterTime.milliseconds, serial: query.afterSerial)
            return try finished(
                query.state, query.type, after: after, limit: query.limit, isNewestFirst: false, statements
            ) { $0.finishedAt < query.before.milliseconds }
        }
    }

    // MARK: Jobs that are not final

    private func ready(_ query: JobQuery, _ statements: ReaderStatements) throws -> [JobRow] {
        let types = try query.type.map { [$0] } ?? statements.types(statements.readyTypes)
        return try merged(
            types, query, before: Self.isReadyBefore
        ) { type, after, limit in
            guard let after else { return try statements.ready(type: type, from: .first, limit: limit) }
            // The position is that of `after`; ranks of one type differ, those of two need not.
            let position = ReadyPosition(priority: after.priority, rank: after.rank)
            return try statements.ready(type: type, from: position, limit: limit + 1)
                .filter { Self.isReadyBefore(after, $0) }
        }
    }

    private static func isReadyBefore(_ left: JobRow, _ right: JobRow) -> Bool {
        if left.priority != right.priority { return left.priority > right.priority }
        return left.rank == right.rank ? left.serial < right.serial : left.rank < right.rank
    }

    private func scheduled(_ query: JobQuery, _ statements: ReaderStatements) throws -> [JobRow] {
        guard let after = query.after else {
            return try statements.scheduled(type: query.type, from: .first, limit: query.limit)
        }
        // One past it: serials are whole numbers.
        let position = SchedulePosition(runAt: after.runAt, serial: after.serial + 1)
        return try statements.scheduled(type: query.type, from: position, limit: query.limit)
    }

    private func waiting(_ query: JobQuery, _ statements: ReaderStatements) throws -> [JobRow] {
        let types = try query.type.map { [$0] } ?? statements.types(statements.waitingTypes)
        return try merged(types, query, before: { $0.serial > $1.serial }) { type, after, limit in
            try statements.waiting(type: type, below: after?.serial ?? .max, limit: limit)
        }
    }

    private func merged(
        _ types: [TypeIndex], _ query: JobQuery, before: @escaping (JobRow, JobRow) -> Bool,
        read: @escaping (TypeIndex, JobRow?, Int) throws -> [JobRow]
    ) throws -> [JobRow] {
        let sources = types.map { type -> SortedMerge<JobRow>.Source in
            { after, limit in try read(type, after ?? query.after, limit) }
        }
        var merge = try SortedMerge(sources, limit: query.limit, precedes: before)
        var rows: [JobRow] = []
        while rows.count < query.limit, let row = try merge.next() { rows.append(row) }
        return rows
    }

    // MARK: All jobs by id

    private func newest(_ query: JobQuery, _ statements: ReaderStatements) throws -> [JobRow] {
        let below = query.after?.id ?? .greatest
        guard let type = query.type else { return try statements.newest(below: below, limit: query.limit) }

        let watermark = try statements.byTypeSerial.first { statements.byTypeSerial.integer(0) } ?? 0
        let tail = statements.unindexedOfType
        tail.bind(1, watermark)
        tail.bind(2, type.value)
        tail.bind(3, high: below.high, low: below.low)
        let indexed = statements.newestOfType
        indexed.bind(1, type.value)
        indexed.bind(2, high: below.high, low: below.low)
        indexed.bind(3, query.limit)
        let found = try [tail, indexed].flatMap { source in
            try source.all { () throws(StoreError) in
                let (high, low) = try source.halves(0)
                return (id: JobID(high: high, low: low), serial: source.integer(1))
            }
        }
        return try found.sorted { $0.id > $1.id }.prefix(query.limit).compactMap {
            try statements.row(serial: $0.serial)
        }
    }

    // MARK: Final jobs

    private func finished(_ query: JobQuery, _ statements: ReaderStatements) throws -> [JobRow] {
        guard let state = query.state else { preconditionFailure("a listing of final jobs names their state") }
        let after = query.after.map { FinishedPlace(finishedAt: $0.finishedAt.milliseconds, serial: $0.serial) }
        return try finished(
            state, query.type, after: after, limit: query.limit, isNewestFirst: true, statements, while: { _ in true })
    }

    /// The index of each type and the tail that it lacks, merged.
    private func finished(
        _ state: JobState, _ type: TypeIndex?, after: FinishedPlace?, limit: Int, isNewestFirst: Bool,
        _ statements: ReaderStatements, while isWanted: (FinishedPlace) -> Bool
    ) throws -> [JobRow] {
        let precedes: (FinishedPlace, FinishedPlace) -> Bool = isNewestFirst ? { $0 > $1 } : { $0 < $1 }
        let tail = try ListingTail(statements, state: state, type: type)
        let unindexed = tail.places(by: precedes).filter { place in after.map { precedes($0, place) } ?? true }
        statements.finishedTypes.bind(1, state.rawValue)
        let types = try type.map { [$0] } ?? statements.types(statements.finishedTypes, parameter: 2)
        var sources = types.map { type -> SortedMerge<FinishedPlace>.Source in
            { last, limit in
                var last = last ?? after
                while true {
                    let places = try statements.finished(
                        state, type, after: last, limit: limit, isNewestFirst: isNewestFirst)
                    let current = places.filter { !tail.mentions($0) }
                    if !current.isEmpty || places.isEmpty { return current }
                    last = places.last
                }
            }
        }
        sources.append { last, limit in
            guard let last else { return Array(unindexed.prefix(limit)) }
            let start = unindexed.partitioningIndex { precedes(last, $0) }
            return Array(unindexed[start...].prefix(limit))
        }
        var merge = try SortedMerge(sources, limit: limit, precedes: precedes)
        var rows: [JobRow] = []
        while rows.count < limit, let place = try merge.next(), isWanted(place) {
            guard let row = try statements.row(serial: place.serial) else {
                throw StoreError.corrupt("the listing names job \(place.serial), which is not there")
            }
            rows.append(row)
        }
        return rows
    }
}

extension ReaderStatements {
    fileprivate func finished(
        _ state: JobState, _ type: TypeIndex, after: FinishedPlace?, limit: Int, isNewestFirst: Bool
    ) throws(StoreError) -> [FinishedPlace] {
        let query = isNewestFirst ? finishedDown : finishedUp
        let end: Int64 = isNewestFirst ? .max : .min
        query.bind(1, state.rawValue)
        query.bind(2, type.value)
        query.bind(3, after?.finishedAt ?? end)
        query.bind(4, after?.serial ?? end)
        query.bind(5, limit)
        return try query.all { FinishedPlace(finishedAt: query.integer(0), serial: query.integer(1)) }
    }
}

extension Array {
    /// Where the elements begin that belong to the second part, when all of the first part stand before it.
    fileprivate func partitioningIndex(where belongsInSecond: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if belongsInSecond(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
