import StintCore
import StintStore

/// Row images of batches that the loop has not yet seen committed, in front of the rows on disk, so that no read
/// misses a write.
///
/// Most turns never ask, so nothing is copied when a batch grows; an index of a batch is brought up to date at the first
/// question that needs it. An entry is dropped only when the loop has seen its commit.
struct Overlay {
    private var open = BatchIndex()
    private var committing = BatchIndex()

    private struct BatchIndex {
        /// The last write of each job, by its place in the batch; of that many writes.
        var places: [JobID: Int32] = [:]  // for lookup only
        var placed = 0
        /// How attempts ended; of that many writes.
        var outcomes: [LeaseReference: Outcome] = [:]  // for lookup only
        var ended = 0

        mutating func row(_ id: JobID, in jobs: [JobWrite]) -> JobRow?? {
            if placed < jobs.count {
                places.reserveCapacity(jobs.count)
                for place in placed..<jobs.count { places[jobs[place].row.id] = Int32(place) }
                placed = jobs.count
            }
            guard let place = places[id] else { return nil }
            let write = jobs[Int(place)]
            return .some(write.kind == .delete ? nil : write.row)
        }

        mutating func outcome(of lease: LeaseReference, in jobs: [JobWrite]) -> Outcome? {
            for write in jobs[ended...] where write.kind == .finish || write.kind == .retire {
                outcomes[LeaseReference(id: write.row.id, token: write.row.token)] = write.row.outcome
            }
            ended = jobs.count
            return outcomes[lease]
        }
    }

    /// The open batch was handed out.
    mutating func handedOut() {
        precondition(committing.placed == 0 && committing.ended == 0)
        swap(&open, &committing)
    }

    /// The batch that was handed out is durable, and the loop knows it.
    mutating func committed() { committing = BatchIndex() }

    /// What the batches say of a job: nil when they say nothing, `.some(nil)` when it was removed.
    mutating func row(_ id: JobID, open openJobs: [JobWrite], committing committingJobs: [JobWrite]) -> JobRow?? {
        open.row(id, in: openJobs) ?? committing.row(id, in: committingJobs)
    }

    mutating func outcome(
        of lease: LeaseReference, open openJobs: [JobWrite], committing committingJobs: [JobWrite]
    ) -> Outcome? {
        open.outcome(of: lease, in: openJobs) ?? committing.outcome(of: lease, in: committingJobs)
    }
}
