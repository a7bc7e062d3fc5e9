import Stint

/// Follows the jobs of one run, and only those: others may share the cluster.
///
/// Asking the broker for every open job ten times a second would make the watcher its busiest client. So each look
/// asks for the counts of all types, one small message, and then for as many jobs of a type as its counts have
/// moved and as were not asked for yet, plus a few, because the jobs that moved may have been somebody else's. A
/// job that is found to have ended is never asked for again, and its children are known from it
/// (``Run/jobID(_:document:)``); one that is still open goes to the back of its line. In all that is three or four
/// questions per job, whatever order they end in.
///
///     for job in tracker.toAsk(counts) { tracker.note(job, state: …) }   until tracker.isDone
public struct RunTracker: Sendable {
    public struct Job: Hashable, Sendable {
        public let step: Run.Step
        public let document: Int
        public let id: JobID
    }

    /// How many jobs of a type are in which state, in the whole cluster.
    public struct Counts: Hashable, Sendable {
        public var scheduled = 0
        public var leased = 0
        /// Completed, dead or cancelled.
        public var ended = 0
        /// Connected workers that serve the type.
        public var workers = 0

        public init(scheduled: Int = 0, leased: Int = 0, ended: Int = 0, workers: Int = 0) {
            self.scheduled = scheduled
            self.leased = leased
            self.ended = ended
            self.workers = workers
        }
    }

    /// What became of one step.
    public struct Progress: Hashable, Sendable {
        public var step: Run.Step
        /// Jobs that exist or will exist if all goes well.
        public var total = 0
        public var completed = 0
        public var failed = 0
        /// Attempts beyond the first, of jobs that have ended.
        public var retries = 0
        /// Running now, and waiting to be tried again: what the cluster has more of than when the run began.
        public var running = 0
        public var retrying = 0

        public var ended: Int { completed + failed }
    }

    /// A job that is in the dead letters, or was cancelled.
    public struct Failure: Hashable, Sendable {
        public let job: Job
        public let error: String
    }

    public let run: Run
    public let documents: Int
    public private(set) var failures: [Failure] = []
    private var lines: [Run.Step: Line] = [:]
    private var progress: [Run.Step: Progress] = [:]
    private let countsAtStart: [Run.Step: Counts]
    private var lastCounts: [Run.Step: Counts]

    /// The open jobs of one step, the one to ask for next in front.
    private struct Line: Sendable {
        var open: [Job] = []
        /// Jobs of this type that ended, by the counts, and were not found yet.
        var unclaimed = 0
        /// Open jobs that were never asked for.
        var fresh = 0
    }

    /// Questions of one look and type.
    static let questionsMax = 1_000

    /// - Parameter counts: From before the first job of the run was enqueued.
    public init(run: Run, documents: Int, counts: [Run.Step: Counts]) {
        precondition(documents > 0)
        self.run = run
        self.documents = documents
        countsAtStart = counts
        lastCounts = counts
        for step in Run.Step.allCases { progress[step] = Progress(step: step, total: step == .report ? 1 : documents) }
        for document in 1...documents { add(.parse, document) }
    }

    private mutating func add(_ step: Run.Step, _ document: Int) {
        lines[step, default: Line()].open.append(
            Job(step: step, document: document, id: run.jobID(step, document: document)))
        lines[step, default: Line()].fresh += 1
    }

    /// Whether all documents have ended, one way or the other.
    public var isDone: Bool { lines.values.allSatisfy(\.open.isEmpty) }

    public var steps: [Progress] { Run.Step.allCases.compactMap { progress[$0] } }

    /// Jobs that have ended. Two equal answers far apart mean that nothing moves.
    public var ended: Int { progress.values.reduce(0) { $0 + $1.ended } }
    public var retries: Int { progress.values.reduce(0) { $0 + $1.retries } }

    /// What to say when nothing moves: the type that nobody serves, if that is why.
    public var hint: String? {
        for step in Run.Step.allCases where !(lines[step]?.open.isEmpty ?? true) && lastCounts[step]?.workers == 0 {
            return "no worker serves \"\(step.type)\"; its jobs wait for one. Start the pool that does: stint up"
        }
        return nil
    }

    /// Takes new counts and says which jobs to ask for. Each must be answered with ``note(_:state:attempts:error:)``.
    public mutating func toAsk(_ counts: [Run.Step: Counts]) -> [Job] {
        var jobs: [Job] = []
        for step in Run.Step.allCases {
            let (now, before) = (counts[step] ?? Counts(), lastCounts[step] ?? Counts())
            let start = countsAtStart[step] ?? Counts()
            var line = lines[step] ?? Line()
            let open = line.open.count
            progress[step]?.running = min(max(0, now.leased - start.leased), open)
            progress[step]?.retrying = min(max(0, now.scheduled - start.scheduled), open)

            line.unclaimed += max(0, now.ended - before.ended)
            // At the least a sixty-fourth, so that all are asked for in time even when every count is foreign.
            let wanted = line.unclaimed + line.fresh + 1 + open / 64
            let asked = min(open, wanted, Self.questionsMax)
            jobs += line.open.prefix(asked)
            line.open.removeFirst(asked)
            line.fresh = max(0, line.fresh - asked)
            // When all are asked for, what these do not claim was never ours.
            if asked == open { line.unclaimed = 0 }
            lines[step] = line
        }
        lastCounts = counts
        return jobs
    }

    /// Takes what the broker said about a job.
    ///
    /// - Parameter attempts: How many there were.
    public mutating func note(_ job: Job, state: JobState, attempts: Int, error: String? = nil) {
        switch state {
        case .waiting, .scheduled, .ready, .leased:
            lines[job.step, default: Line()].open.append(job)
        case .completed:
            end(job, attempts: attempts, completed: true)
            for step in job.step.next { add(step, job.document) }
        case .dead, .cancelled:
            end(job, attempts: attempts, completed: false)
            failures.append(Failure(job: job, error: error ?? "it was \(state.name)"))
            forget(job.step.next)
        }
    }

    private mutating func end(_ job: Job, attempts: Int, completed: Bool) {
        if completed { progress[job.step]?.completed += 1 } else { progress[job.step]?.failed += 1 }
        progress[job.step]?.retries += max(0, attempts - 1)
        if let unclaimed = lines[job.step]?.unclaimed, unclaimed > 0 { lines[job.step]?.unclaimed = unclaimed - 1 }
    }

    /// Steps that a document will not reach any more.
    private mutating func forget(_ steps: [Run.Step]) {
        for step in steps {
            progress[step]?.total -= 1
            forget(step.next)
        }
    }

    /// Counts the last job of the run, which is enqueued when ``isDone``.
    public mutating func noteReport(completed: Bool, attempts: Int = 1) {
        end(Job(step: .report, document: 0, id: run.jobID(.report)), attempts: attempts, completed: completed)
    }
}
