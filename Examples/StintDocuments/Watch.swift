import Papers
import Stint

/// Follows a run to its end and shows it. What to ask and what to draw is decided in `Papers`, where it is tested; here
/// are the client, the clock and the terminal.
struct Watch {
    private(set) var tracker: RunTracker
    private let started = ContinuousClock.now
    private var display = LiveDisplay(redraws: Terminal.redraws)
    private var lastMove = ContinuousClock.now

    init(tracker: RunTracker) { self.tracker = tracker }

    var seconds: Double { started.duration(to: .now) / .seconds(1) }

    mutating func untilDone(_ client: StintClient) async throws {
        while !tracker.isDone {
            let before = tracker.ended
            let jobs = tracker.toAsk(try await client.counts())
            for (job, details) in try await client.details(of: jobs) {
                tracker.note(job, state: details.state, attempts: details.attempt, error: details.error)
            }
            if tracker.ended != before { lastMove = .now }
            show()
            // A pause between two looks at the screen. The jobs themselves wait for nobody's pause.
            if !tracker.isDone { try await Task.sleep(for: display.interval) }
        }
    }

    /// Enqueues the last job of the run and waits for its result.
    ///
    /// - Returns: Where the report lies, or nil when it could not be written.
    mutating func report(_ client: StintClient) async throws -> String? {
        let run = tracker.run
        let failures = tracker.failures.map {
            ReportContent.Failure(
                document: $0.job.document, job: "\($0.job.id)", type: $0.job.step.type, message: $0.error)
        }
        let handle = try await client.enqueue(
            WriteReport.self, .init(run: run, failures: failures), id: run.jobID(.report))
        defer { show(isLast: true) }
        do {
            let result = try await handle.value
            tracker.noteReport(completed: true)
            return result.path
        } catch {
            Terminal.say("the report was not written: \(error)")
            tracker.noteReport(completed: false)
            return nil
        }
    }

    private mutating func show(isLast: Bool = false) {
        let style = Terminal.style
        var lines = ProgressLines(style: style).lines(tracker.steps, seconds: seconds)
        if lastMove.duration(to: .now) > .seconds(5), let hint = tracker.hint {
            lines.append(String(hint.prefix(max(1, style.width - 1))))
        }
        Terminal.write(display.show(lines, elapsed: started.duration(to: .now), isLast: isLast))
    }
}

extension StintClient {
    /// Asks for all at once: the answers share their way instead of waiting for each other.
    func details(of jobs: [RunTracker.Job]) async throws -> [(RunTracker.Job, JobDetails)] {
        try await withThrowingTaskGroup(of: (RunTracker.Job, JobDetails).self) { group in
            for job in jobs { group.addTask { (job, try await self.job(job.id)) } }
            var answers: [(RunTracker.Job, JobDetails)] = []
            for try await answer in group { answers.append(answer) }
            return answers
        }
    }

    /// The counts of the types of this pipeline.
    func counts() async throws -> [Run.Step: RunTracker.Counts] {
        let types = try await status().types
        return Dictionary(
            uniqueKeysWithValues: Run.Step.allCases.map { step in
                let type = types[step.type]
                let ended = type.map { $0.counts.completed + $0.counts.dead + $0.counts.cancelled } ?? 0
                return (
                    step,
                    RunTracker.Counts(
                        scheduled: type?.counts.scheduled ?? 0, leased: type?.counts.leased ?? 0, ended: ended,
                        workers: type?.workers ?? 0)
                )
            })
    }
}
