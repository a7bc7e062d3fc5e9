import Stint
import Testing

@testable import Papers

// Goal: the watcher finds out what became of every job of its run with a few questions per job, whatever else happens
// in the cluster. Method: a cluster of dictionaries, moved by hand; no client, no clock.
@Suite("Following a run") struct RunTrackerTests {
    private let run = Run(inside: "/runs")

    /// States by job id, and the counts a broker would keep of them.
    private struct Cluster {
        var states: [JobID: (step: Run.Step, state: JobState)] = [:]
        var foreign: [Run.Step: Int] = [:]
        var questions = 0

        var counts: [Run.Step: RunTracker.Counts] {
            var counts: [Run.Step: RunTracker.Counts] = [:]
            for (step, state) in states.values {
                if state.isFinal { counts[step, default: .init()].ended += 1 }
                if state == .leased { counts[step, default: .init()].leased += 1 }
                if state == .scheduled { counts[step, default: .init()].scheduled += 1 }
            }
            for (step, count) in foreign { counts[step, default: .init()].ended += count }
            return counts
        }

        mutating func end(_ run: Run, _ step: Run.Step, _ document: Int, _ state: JobState = .completed) {
            states[run.jobID(step, document: document)] = (step, state)
            guard state == .completed else { return }
            for next in step.next { states[run.jobID(next, document: document)] = (next, .ready) }
        }

        /// One look.
        mutating func look(_ tracker: inout RunTracker) {
            for job in tracker.toAsk(counts) {
                questions += 1
                let state = states[job.id]?.state
                #expect(state != nil, "asked for a job that does not exist yet")
                tracker.note(
                    job, state: state ?? .ready, attempts: state == .dead ? 3 : 1, error: state == .dead ? "why" : nil)
            }
        }
    }

    private func start(_ documents: Int, foreign: [Run.Step: Int] = [:]) -> (Cluster, RunTracker) {
        var cluster = Cluster(foreign: foreign)
        let tracker = RunTracker(run: run, documents: documents, counts: cluster.counts)
        for document in 1...documents { cluster.states[run.jobID(.parse, document: document)] = (.parse, .ready) }
        return (cluster, tracker)
    }

    @Test("a run is followed to its end with a few questions per job", arguments: [false, true])
    func toTheEnd(isReversed: Bool) {
        var (cluster, tracker) = start(200)
        for step in [Run.Step.parse, .checksum, .claims, .entities] {
            // The last ones first is the worst order for a line that is asked from the front.
            for document in isReversed ? Array((1...200).reversed()) : Array(1...200) {
                cluster.end(run, step, document)
                if document % 10 == 0 { cluster.look(&tracker) }
            }
        }
        var looks = 0
        while !tracker.isDone, looks < 100 {
            cluster.look(&tracker)
            looks += 1
        }
        #expect(tracker.isDone)
        #expect(looks <= 64)
        #expect(tracker.ended == 800)
        #expect(tracker.failures.isEmpty)
        #expect(cluster.questions <= 5 * 800)
    }

    @Test("nothing moves, little is asked")
    func quiet() {
        var (cluster, tracker) = start(1_000)
        cluster.look(&tracker)
        let first = cluster.questions
        for _ in 1...10 { cluster.look(&tracker) }
        #expect(first <= 1_000)
        #expect(cluster.questions - first <= 10 * (1 + 1_000 / 64))
    }

    @Test("jobs of others neither count nor hide ours")
    func foreignJobs() {
        var (cluster, tracker) = start(3, foreign: [.parse: 500, .entities: 7])
        for round in 1...40 {
            cluster.foreign[.parse, default: 0] += 100
            if round == 5 { for document in 1...3 { cluster.end(run, .parse, document, .dead) } }
            cluster.look(&tracker)
        }
        #expect(tracker.isDone)
        #expect(tracker.steps.first?.failed == 3)
        #expect(tracker.ended == 3)
    }

    @Test("a document that dies takes its later steps off the totals, and is named")
    func failure() {
        var (cluster, tracker) = start(2)
        cluster.end(run, .parse, 1, .dead)
        cluster.end(run, .parse, 2)
        cluster.end(run, .checksum, 2)
        cluster.end(run, .claims, 2, .dead)
        for _ in 1...5 { cluster.look(&tracker) }
        #expect(tracker.isDone)
        let totals = Dictionary(uniqueKeysWithValues: tracker.steps.map { ($0.step, $0.total) })
        #expect(totals == [.parse: 2, .checksum: 1, .claims: 1, .entities: 0, .report: 1])
        #expect(
            Set(tracker.failures.map(\.job.id)) == [run.jobID(.parse, document: 1), run.jobID(.claims, document: 2)])
        #expect(tracker.failures.allSatisfy { $0.error == "why" })
        #expect(tracker.retries == 4)
        tracker.noteReport(completed: true)
        #expect(tracker.ended == 5)
    }

    @Test("running and retrying are what the cluster has more of than at the start, and never more than is open")
    func live() {
        let before: [Run.Step: RunTracker.Counts] = [.parse: .init(scheduled: 5, leased: 2, ended: 10)]
        var tracker = RunTracker(run: run, documents: 3, counts: before)
        _ = tracker.toAsk([.parse: .init(scheduled: 6, leased: 4, ended: 10)])
        #expect(tracker.steps.first.map { [$0.running, $0.retrying] } == [2, 1])
        for document in 1...3 {
            let id = run.jobID(.parse, document: document)
            tracker.note(.init(step: .parse, document: document, id: id), state: .leased, attempts: 1)
        }
        _ = tracker.toAsk([.parse: .init(scheduled: 0, leased: 90, ended: 10)])
        #expect(tracker.steps.first.map { [$0.running, $0.retrying] } == [3, 0])
    }

    @Test("a cancelled job ends its document")
    func cancelled() {
        var (cluster, tracker) = start(1)
        cluster.end(run, .parse, 1, .cancelled)
        cluster.look(&tracker)
        #expect(tracker.isDone)
        #expect(tracker.failures.first?.error == "it was cancelled")
    }

    @Test("a type that nobody serves is named while its jobs wait")
    func hint() {
        var tracker = RunTracker(run: run, documents: 1, counts: [:])
        _ = tracker.toAsk([.parse: .init(workers: 1)])
        let job = RunTracker.Job(step: .parse, document: 1, id: run.jobID(.parse, document: 1))
        tracker.note(job, state: .completed, attempts: 1)
        for job in tracker.toAsk([.parse: .init(ended: 1), .claims: .init(workers: 2), .checksum: .init(workers: 0)]) {
            tracker.note(job, state: .ready, attempts: 0)
        }
        #expect(tracker.hint?.contains("no worker serves \"checksum\"") == true)
        for job in tracker.toAsk([.claims: .init(workers: 2), .checksum: .init(workers: 1)]) {
            tracker.note(job, state: .ready, attempts: 0)
        }
        #expect(tracker.hint == nil)
    }
}
