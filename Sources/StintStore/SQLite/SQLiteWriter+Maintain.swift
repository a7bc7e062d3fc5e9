/// Work behind the commits. A step takes a few milliseconds, so that a commit which becomes due meanwhile hardly waits.
extension SQLiteWriter {
    /// While commits are coming, listings may lag this far behind.
    private static let busyTailMax = 50_000

    func isMaintenanceDue(log: WriteAheadLog, isIdle: Bool) -> Bool {
        log.isCheckpointDue(isIdle: isIdle) || isIndexingDue(isIdle: isIdle)
    }

    /// Does one step; true while there is more.
    func maintain(log: WriteAheadLog, isIdle: Bool) throws(StoreError) -> Bool {
        if log.isCheckpointDue(isIdle: isIdle) {
            try log.checkpoint()
            return isIndexingDue(isIdle: isIdle)
        }
        if isIndexingDue(isIdle: isIdle) {
            try transaction { () throws(StoreError) in try listing.step() }
            return isIndexingDue(isIdle: isIdle) || log.isCheckpointDue(isIdle: isIdle)
        }
        return false
    }

    private func isIndexingDue(isIdle: Bool) -> Bool {
        listing.unindexed > (isIdle ? 0 : Self.busyTailMax)
    }
}
