import StintCore

// What is on the disk, for those who judge it.

extension MemoryDisk {
    package var image: MemoryImage { contents.withLock { $0.image } }
}

extension MemoryImage {
    /// Every job, in the order in which they came.
    package var rows: [JobRow] {
        var rows: [JobRow] = []
        rows.reserveCapacity(jobs.count)
        jobs.visit { rows.append($1.row) }
        return rows
    }

    /// By type.
    package var typeCounts: [Counts] { types.entries.map { counts[$0.key] ?? Counts() } }
    package var grantRows: [GrantRow] { grants.entries.map(\.value) }
    package var operationRows: [OperationRow] { operations.entries.map(\.value) }

    /// Of the attempt that completed the job; empty when there is none.
    package func result(of id: JobID) -> [UInt8] { places[.ofID(id)].flatMap { jobs[$0] }?.result ?? [] }
}
