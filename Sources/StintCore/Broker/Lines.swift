/// One line per type: the ready jobs of that type in order, and what is known of the type.
///
/// The order is priority descending, then rank, a number issued at each entry into ready; it is stored in the row, so
/// that the order of the index on disk and the order here are the same by construction.
package struct Lines: Sendable {
    package struct Line: Sendable {
        package let name: String
        package var policy: Policy
        package var window: Window<ReadyPosition>
        package var counts = Counts()
        package var countsChanged = false
        /// Mean run time in microseconds, exponentially weighted; nil until measured.
        package var meanMicroseconds: Double?
        /// Pools (by slot) whose workers serve it.
        package var pools: [Int32] = []
        /// A page is wanted.
        package var isLow = false
    }

    package private(set) var all: ContiguousArray<Line> = []
    /// For lookup only.
    private var indexes: [String: TypeIndex] = [:]
    /// Types whose counts changed since they were last written.
    package private(set) var changed: [TypeIndex] = []
    /// Entries of all windows together.
    package var entries = 0

    package init() {}

    package var count: Int { all.count }
    /// Lines that are not whole in memory. Looked at before a page is asked for, which is rare.
    package var partial: Int { all.count { !$0.window.isWhole } }
    package func index(of name: String) -> TypeIndex? { indexes[name] }

    package subscript(type: TypeIndex) -> Line {
        get { all[type.asInt] }
        _modify { yield &all[type.asInt] }
    }

    /// Adds the next type.
    package mutating func add(
        _ name: String, policy: Policy, end: ReadyPosition?, changesMax: Int = Limits.pageChangesMax
    ) -> TypeIndex {
        precondition(indexes[name] == nil && all.count < Limits.typesMax)
        let type = TypeIndex(all.count)
        indexes[name] = type
        all.append(Line(name: name, policy: policy, window: Window(end: end, changesMax: changesMax)))
        return type
    }

    /// A row moved from one state to another, came into being (from nil), or was removed (to nil).
    package mutating func move(_ row: JobRow, from: JobState?, to: JobState?) {
        precondition(from != .leased && to != .leased, "rows are never leased")
        let type = row.type
        if let from { all[type.asInt].counts[from] -= 1 }
        if let to { all[type.asInt].counts[to] += 1 }
        let (wasInLine, isInLine) = (from.map { !$0.isFinal } ?? false, to.map { !$0.isFinal } ?? false)
        if wasInLine != isInLine {
            all[type.asInt].counts.unfinishedBytes += isInLine ? Int64(row.payloadBytes) : -Int64(row.payloadBytes)
            precondition(all[type.asInt].counts.unfinishedBytes >= 0, "the bytes of a line fell below zero")
        }
        guard !all[type.asInt].countsChanged else { return }
        all[type.asInt].countsChanged = true
        changed.append(type)
    }

    /// Writes the counts that changed; called once per batch.
    package mutating func writeCounts(into effects: inout Effects) {
        for type in changed {
            effects.rows.append(.counts(type, all[type.asInt].counts))
            all[type.asInt].countsChanged = false
        }
        changed.removeAll(keepingCapacity: true)
    }

    /// Takes a measured run time into the mean. The weight of 1/16 follows a change of load within some dozen jobs.
    package mutating func measured(_ type: TypeIndex, microseconds: UInt32) {
        let value = Double(microseconds)
        let mean = all[type.asInt].meanMicroseconds
        all[type.asInt].meanMicroseconds = mean.map { $0 + (value - $0) / 16 } ?? value
    }
}
