/// A job on its way in, decoded and looked up: what the rules need of it.
package struct Submission: Hashable, Sendable {
    package enum Known: UInt8, Sendable {
        case new
        /// A job with this id, type and payload exists, or came earlier in the same message.
        case duplicate
        /// The id is taken by a job with another type or payload.
        case conflict
    }
    package var id: JobID
    package var type: TypeIndex
    package var digest: UInt64
    package var payloadBytes: UInt32
    package var payload: Blob
    package var extras: Blob = .none
    /// `.none`: as soon as possible.
    package var runAt: WallTime = .none
    package var priority: Int16 = 0
    /// 0: the type's policy.
    package var attempts: UInt16 = 0
    package var known: Known = .new

    package init(id: JobID, type: TypeIndex, digest: UInt64, payloadBytes: UInt32, payload: Blob) {
        self.id = id
        self.type = type
        self.digest = digest
        self.payloadBytes = payloadBytes
        self.payload = payload
    }
}

extension BrokerState {
    /// Stores jobs, all that are new. The caller has refused what conflicts and what breaks a limit, so nothing can be
    /// refused here: an enqueue is stored whole or was refused whole.
    ///
    /// Whoever can run now is granted in the same turn: insert and grant share one commit.
    package mutating func enqueue(_ submissions: [Submission], at now: Moment, into effects: inout Effects) {
        precondition(submissions.count <= Limits.enqueueJobsMax)
        for submission in submissions where submission.known == .new {
            insert(submission, at: now, into: &effects)
        }
    }

    mutating func insert(_ submission: Submission, at now: Moment, into effects: inout Effects) {
        precondition(submission.known == .new && Limits.priorities.contains(Int(submission.priority)))
        precondition(jobs.slot(of: submission.id) == nil, "a new job is already in memory")

        let isDue = submission.runAt <= now.wall
        let attemptsMax =
            submission.attempts > 0 ? submission.attempts : UInt16(lines[submission.type].policy.attempts)
        var row = JobRow(
            id: submission.id, serial: numbers.nextSerial, type: submission.type, state: .scheduled,
            priority: submission.priority, rank: 0, runAt: isDue ? now.wall : submission.runAt, createdAt: now.wall,
            attemptsMax: attemptsMax, payloadBytes: submission.payloadBytes, digest: submission.digest)
        numbers.nextSerial += 1
        if submission.id.isOfThePresent(at: now.wall) { numbers.highestID = max(numbers.highestID, submission.id) }
        if isDue { makeReady(&row) }

        var write = JobWrite(.insert, row)
        write.payload = submission.payload
        write.extras = submission.extras
        effects.jobs.append(write)
        lines.move(row, from: nil, to: row.state)
        place(row)
    }
}

extension JobID {
    /// Whether the id is a version 7 UUID made before tomorrow. Only such ids raise the mark "highest id ever stored":
    /// above it an id is known to be new without a look at the disk, and one id from the far future would put every
    /// other below it.
    package func isOfThePresent(at now: WallTime) -> Bool {
        (high >> 12) & 15 == 7 && Int64(high >> 16) <= now.milliseconds + 86_400_000
    }
}
