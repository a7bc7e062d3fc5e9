/// The operations under way: work on more rows than one turn may touch, one durable row each, resumed after a restart.
package struct OperationTable: Sendable {
    /// In the order in which they were begun; few.
    package var all: [OperationRow] = []
    /// Removal of what is older, or more, than the policy keeps. Not durable: the rows themselves say what is left.
    package var retention: [OperationRow] = []
    /// The batch that began an operation in this life. For lookup only.
    var begunIn: [Int64: UInt64] = [:]
    /// Which of `all` took the last step.
    var turn = 0

    package init(_ rows: [OperationRow] = []) { all = rows.sorted { $0.number < $1.number } }
}
