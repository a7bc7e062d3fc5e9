import StintCore

/// Answers to mutating requests that may not be on disk yet. Those on disk are read from there.
struct RecentAnswers {
    private var open: [RequestID: [UInt8]] = [:]
    private var committing: [RequestID: [UInt8]] = [:]
    private var batch: UInt64 = 0

    subscript(request: RequestID) -> [UInt8]? { open[request] ?? committing[request] }

    mutating func add(_ request: RequestID, _ answer: [UInt8], batch: UInt64) {
        if batch != self.batch {
            committing.merge(open) { _, new in new }
            open.removeAll()
            self.batch = batch
        }
        open[request] = answer
    }

    mutating func committed(_ number: UInt64) {
        if number < batch {
            committing.removeAll()
        } else {
            open.removeAll()
            committing.removeAll()
        }
    }
}
