/// The operations under way: work on more rows than one turn may touch, one durable row each, resumed after a restart.
package struct OperationTable: Sendable {
    /// In the order in which they were begun; few.
    package var all: [OperationRow] = []
    /// The operation whose rows are being read.
    package var readingFor: Int64?

    package init(_ rows: [OperationRow] = []) { all = rows.sorted { $0.number < $1.number } }
}
