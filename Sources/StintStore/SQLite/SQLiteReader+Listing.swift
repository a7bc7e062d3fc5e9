import StintCore

/// Pages of jobs. Where an order runs through all types, the lines of the types are merged, so that no index is needed
/// for it and a page touches no more rows than it shows, times the number of types. Where only one type is wanted of an
/// order that has no index by type (all jobs by id, those that are scheduled or waiting), the order is walked.
extension SQLiteReader {
    func list(_ query: JobQuery) throws -> JobListing {
        precondition((1...Limits.listMax).contains(query.limit), "a listing of \(query.limit) jobs")
        return try readTogether { statements in
            let (rows, last) =
                switch query.state {
                case nil: try newest(query, statements)
                case .ready: try page(query, ready(query, statements))
                case .scheduled, .waiting: try pending(query, statements)
                case .completed, .dead, .cancelled: try page(query, finished(query, statements))
                // Not on disk: leased jobs are ready ones that a grant names.
                case .leased: page(query, [])
                }
            return JobListing(jobs: try rows.map { try summary(of: $0, statements) }, last: last)
        }
    }

    /// Rows of which there are more only if the page is full.
    private func page(_ query: JobQuery, _ rows: [JobRow]) -> (rows: [JobRow], last: JobRow?) {
        (rows, rows.count == query.limit ? rows.last : nil)
    }

    /// Goes through an order until enough rows of the type wanted are found, or the walk has been long enough.
    private func walk(
        _ query: JobQuery, read: (_ after: JobRow?, _ limit: Int) throws -> [JobRow]
    ) throws -> (rows: [JobRow], last: JobRow?) {
        guard let type = query.type else { return try page(query, read(query.after, query.limit)) }
        var found: [JobRow] = []
        var last = query.after
        var rest = JobListing.walkMax
        while rest > 0 {
            let limit = min(rest, Limits.listMax)
            let rows = try read(last, limit)
            for row in rows {
                last = row
                if row.type == type { found.append(row) }
                if found.count == query.limit { return (found, row) }
            }
            if rows.count < limit { return (found, nil) }
            rest -= rows.count
        }
        return (found, last)
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

    private func pending(_ query: JobQuery, _ statements: ReaderStatements) throws -> (rows: [JobRow], last: JobRow?) {
        guard let state = query.state else { preconditionFailure("a listing of pending jobs names their state") }
        return try walk(query) { after, limit in
            // One past it: serials are whole numbers.
            let position = after.map { SchedulePosition(runAt: $0.runAt, serial: $0.serial + 1) }
            return try statements.pending(state, from: position ?? .first, limit: limit)
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

    private func newest(_ query: JobQuery, _ statements: ReaderStatements) throws -> (rows: [JobRow], last: JobRow?) {
        try walk(query) { after, limit in try statements.newest(below: after?.id ?? .greatest, limit: limit) }
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
        let query = isNewestFirst ? runsBefore : runsFrom
        // Newest first the place itself is the bound; oldest first, the run that it lies in.
        var start = after ?? (isNewestFirst ? .greatest : .least)
        if !isNewestFirst, let after { start = try run(of: after, state, type) ?? after }
        bind(state, type, start, to: query)
        defer { query.reset() }
        var places: [FinishedPlace] = []
        while places.count < limit, try query.next() {
            let run = try ListingRun.places(in: query.bytes(1), entries: query.integer(0))
            let wanted = run.filter { place in after.map { isNewestFirst ? place < $0 : $0 < place } ?? true }
            places += (isNewestFirst ? wanted.reversed() : wanted).prefix(limit - places.count)
        }
        return places
    }

    /// Where the run begins in which this place would be.
    private func run(
        of place: FinishedPlace, _ state: JobState, _ type: TypeIndex
    ) throws(StoreError) -> FinishedPlace? {
        bind(state, type, place, to: runOf)
        return try runOf.first { FinishedPlace(finishedAt: runOf.integer(0), serial: runOf.integer(1)) }
    }

    private func bind(_ state: JobState, _ type: TypeIndex, _ place: FinishedPlace, to query: Prepared) {
        query.bind(1, state.rawValue)
        query.bind(2, type.value)
        query.bind(3, place.finishedAt)
        query.bind(4, place.serial)
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
