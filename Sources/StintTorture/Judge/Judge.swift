import Foundation
import Glibc
import Stint
import StintCore

/// Holds what the cluster acknowledged and what its handlers did against what the store says, after everything has
/// stopped.
///
/// The rules, each checked for every job:
/// - What was acknowledged is stored, once; what is stored was enqueued, by a loader or by an accepted run.
/// - Every job is over, in a way its kind allows: dead only when it was doomed, cancelled only when that was asked for.
/// - A completed job has one accepted answer, and that answer carries the token of the row and of a run of the handler.
/// - A child is there if and only if the run that made it is the one whose answer was accepted.
/// - Tokens rise within a job, attempts do not fall, no lease is run twice.
/// - The kept counts are the counted ones, no grant is left, the file is sound, nothing else lies beside it.
struct Judge {
    private let ledger: Ledger
    private let runs: Runs
    private let store: StoreImage
    private(set) var violations: [String]
    /// For the line of figures.
    private(set) var figures = Figures()

    init(_ rig: Rig) throws { try self.init(folder: rig.folder, store: rig.storePath) }

    /// - Parameter folder: A rig's, in which nothing runs any more.
    init(folder: String, store path: String) throws {
        ledger = try Ledger(folder: "\(folder)/ledger")
        runs = try Runs(folder: "\(folder)/effects")
        store = try StoreImage(path: path)
        violations = ledger.violations
        judgeExistence()
        judgeEndings()
        judgeAnswers()
        judgeChildren()
        judgeTokens()
        judgeStore()
        judgeLeftovers(in: folder, beside: path)
        count()
    }

    /// How often the handler of each job ran.
    var runsByJob: [JobID: Int] { runs.all.reduce(into: [:]) { $0[$1.job, default: 0] += 1 } }

    /// How long the jobs of killed workers waited: from the kill to the start of the next run, in milliseconds, sorted.
    ///
    /// - Parameter kills: When each process was killed, on the monotonic clock.
    func requeueMilliseconds(after kills: [pid_t: Int64]) -> [Double] {
        var waits: [Double] = []
        runs.forEachPair { lost, next in
            guard let killed = kills[lost.process], next.nanoseconds > killed else { return }
            waits.append(Double(next.nanoseconds - killed) / 1e6)
        }
        return waits.sorted()
    }

    /// Runs whose end nobody took: of killed workers, and of those that had lost their lease. Sentences about them.
    private(set) var runsInVain: [String] = []

    private mutating func expect(_ holds: Bool, _ sentence: @autoclosure () -> String) {
        guard !holds else { return }
        // The first ones tell the story; a store that lost a thousand jobs needs no thousand lines.
        if violations.count < 50 { violations.append(sentence()) }
    }

    private mutating func judgeExistence() {
        let children = Set(runs.all.compactMap(\.child))
        for id in ledger.acknowledged { expect(store.jobs[id] != nil, "job \(id) was acknowledged and is gone") }
        for (id, job) in store.jobs where !ledger.intended.contains(id) {
            expect(children.contains(id), "\(job.kind) job \(id) is stored, but nobody enqueued it")
        }
    }

    private mutating func judgeEndings() {
        for (id, job) in store.jobs {
            let allowed: Bool
            switch job.state {
            case .completed: allowed = job.kind != JobKind.doomed.rawValue
            case .dead: allowed = job.kind == JobKind.doomed.rawValue
            case .cancelled: allowed = ledger.cancelled.contains(id)
            case .waiting, .scheduled, .ready, .leased: allowed = false
            }
            expect(allowed, "\(job.kind) job \(id) is \(job.state.name) after attempt \(job.attempt)")
        }
    }

    private mutating func judgeAnswers() {
        for (id, job) in store.jobs where job.state == .completed {
            expect(job.outcome == .completed, "job \(id) is completed, and its last attempt \(job.outcome.name)")
            expect(
                job.answeredUnder == job.token,
                "job \(id) is completed under \(job.token) with the answer of \(job.answeredUnder?.description ?? "nobody")"
            )
            expect(
                runs.contains(id, job.token), "job \(id) is completed under \(job.token), where no handler ever ran")
        }
        for attempt in store.earlier {
            expect(
                attempt.outcome != .completed,
                "job \(attempt.job) went on after its attempt \(attempt.number) was completed")
        }
    }

    private mutating func judgeChildren() {
        for run in runs.all {
            guard let child = run.child else { continue }
            let parent = store.jobs[run.job]
            let isAccepted = parent?.state == .completed && parent?.token == run.token
            expect(
                (store.jobs[child] != nil) == isAccepted,
                isAccepted
                    ? "child \(child) is missing, though the run of \(run.job) under \(run.token) was accepted"
                    : "child \(child) is stored, though the run of \(run.job) under \(run.token) was not accepted")
        }
    }

    private mutating func judgeTokens() {
        var findings: [String] = []
        runs.forEachPair { earlier, later in
            if earlier.token == later.token {
                findings.append("job \(earlier.job) ran twice under one lease, \(earlier.token)")
            } else if earlier.attempt > later.attempt {
                findings.append(
                    "job \(earlier.job): attempt \(earlier.attempt) has a lower token than \(later.attempt)")
            }
        }
        for (earlier, later) in zip(store.earlier, store.earlier.dropFirst()) where earlier.job == later.job {
            if earlier.number > later.number {
                findings.append("job \(earlier.job): its attempts fall with its tokens")
            }
        }
        for attempt in store.earlier {
            let job = store.jobs[attempt.job]
            // Cancelled between two attempts, a job still names the one before as its last.
            if job?.state == .cancelled, job?.token == attempt.token { continue }
            guard (job?.token ?? .none) <= attempt.token else { continue }
            findings.append("job \(attempt.job): an attempt of its past has the token of the last one, or a higher one")
        }
        for finding in findings { expect(false, finding) }
    }

    private mutating func judgeStore() {
        for (name, number) in store.kept.sorted(by: { $0.key < $1.key }) {
            let counted = store.counted[name] ?? 0
            expect(number == counted, "the store keeps the count \(number) of \(name) jobs and has \(counted)")
        }
        let (grants, integrity) = (store.grants, store.integrity)
        expect(grants == 0, "the store has \(grants) grants, though no job is under way")
        expect(integrity == "ok", "SQLite finds the file damaged: \(integrity)")
    }

    private mutating func judgeLeftovers(in folder: String, beside path: String) {
        for id in ProcessTable.inside(folder) {
            expect(false, "process \(id) is left over: \(ProcessTable.arguments(of: id))")
        }
        let known = Set(["", "-wal", "-shm", ".lock", ".reserve"].map { "stint.db" + $0 })
        let place = URL(fileURLWithPath: path).deletingLastPathComponent().path
        for name in (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? [] {
            expect(known.contains(name), "\(name) is left over beside the store")
        }
    }

    private mutating func count() {
        func number(_ state: JobState) -> Int { store.jobs.values.count { $0.state == state } }
        var answered = Set<FencingToken>(store.jobs.values.map(\.token))
        let reported: Set<Outcome> = [.completed, .failed, .errored, .timedOut, .cancelled, .snoozed]
        answered.formUnion(store.earlier.lazy.filter { reported.contains($0.outcome) }.map(\.token))
        figures["jobs"] = .number(store.jobs.count)
        figures["acknowledged"] = .number(ledger.acknowledged.count)
        figures["completed"] = .number(number(.completed))
        figures["dead"] = .number(number(.dead))
        figures["cancelled"] = .number(number(.cancelled))
        figures["runs"] = .number(runs.all.count)
        runsInVain = runs.all.lazy.filter { !answered.contains($0.token) }.map {
            "\(store.jobs[$0.job]?.kind ?? "?") job \($0.job) ran in vain: attempt \($0.attempt) under \($0.token)"
        }
        figures["runs_in_vain"] = .number(runsInVain.count)
        for (name, number) in ledger.counts.sorted(by: { $0.key < $1.key }) { figures[name] = .number(number) }
    }
}
