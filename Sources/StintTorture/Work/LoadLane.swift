import Foundation
import Stint
import StintCore

/// One of the lanes of a ``Load``: it has one request under way at a time.
struct LoadLane {
    /// Its share of the load.
    let plan: LoadPlan
    let client: StintClient
    let ledger: LedgerWriter
    let stop: StopFlag
    private var random: SeededRandom
    /// Some batches that were acknowledged, to come back to.
    private var remembered: [[NewJob]] = []
    private var counts: [String: Int] = [:]

    init(plan: LoadPlan, client: StintClient, ledger: LedgerWriter, stop: StopFlag) {
        (self.plan, self.client, self.ledger, self.stop) = (plan, client, ledger, stop)
        random = SeededRandom(seed: plan.seed)
    }

    func run() async throws {
        var lane = self
        try await lane.runToTheEnd()
    }

    private mutating func runToTheEnd() async throws {
        var due = ContinuousClock.now
        while !stop.isRaised {
            let jobs = try makeBatch()
            let ids = jobs.compactMap(\.id)
            ledger.intend(ids)
            if try await send(jobs) != nil {
                ledger.acknowledge(ids)
                remember(jobs)
            }
            try await lookBack()
            // Its share of the rate. What was missed while no broker was there is not made up for.
            due += .seconds(Double(jobs.count) / Double(max(1, plan.rate)))
            due = max(due, .now - .milliseconds(200))
            if due > .now { try await Task.sleep(until: due, clock: .continuous) }
        }
        for (name, number) in counts.sorted(by: { $0.key < $1.key }) { ledger.count(name, number) }
    }

    private mutating func makeBatch() throws -> [NewJob] {
        let count = 1 + Int(random.next(upTo: 39))
        return try (0..<count).map { _ in
            let kind = plan.kind ?? .ofMix(Int(random.next(upTo: 999)))
            let isHeld = kind == .held
            let payload = JobPayload(
                milliseconds: isHeld ? plan.milliseconds : 200 + Int(random.next(upTo: UInt64(plan.milliseconds))),
                padding: String(repeating: "x", count: Int(random.next(upTo: 200))))
            var options = JobOptions(priority: Int(random.next(upTo: 4)) - 2)
            if kind == .later { options.start = .after(.milliseconds(random.next(upTo: 3_000))) }
            return try NewJob(type: kind.rawValue, payload: payload, id: client.nextJobID(), options: options)
        }
    }

    /// Sends until there is an answer.
    ///
    /// - Returns: Nil when the end came first.
    private mutating func send(_ jobs: [NewJob]) async throws -> [StintClient.Enqueued]? {
        while !stop.isOverdue {
            do {
                return try await client.enqueueAll(jobs, timeout: .seconds(3))
            } catch let error as StintError {
                guard error.isRetryable else {
                    ledger.violation("an enqueue was refused for good: \(error)")
                    return nil
                }
                counts["resent", default: 0] += 1
                try await Task.sleep(for: .milliseconds(5 + random.next(upTo: 45)))
            }
        }
        return nil
    }

    private mutating func remember(_ jobs: [NewJob]) {
        if remembered.count < 200 {
            remembered.append(jobs)
        } else {
            remembered[Int(random.next(upTo: 199))] = jobs
        }
    }

    /// Now and then: is what was acknowledged still there?
    private mutating func lookBack() async throws {
        let draw = random.next(upTo: 99)
        guard draw < 9, !remembered.isEmpty, !stop.isRaised else { return }
        let jobs = remembered[Int(random.next(upTo: UInt64(remembered.count - 1)))]
        guard let id = jobs[Int(random.next(upTo: UInt64(jobs.count - 1)))].id else { return }
        switch draw {
        case 0..<5:
            counts["repeated", default: 0] += jobs.count
            for answer in try await send(jobs) ?? [] where !answer.isDuplicate {
                ledger.violation("job \(answer.id) was acknowledged, and made anew when it was sent again")
            }
        case 5..<8:
            counts["looked_up", default: 0] += 1
            await expectKnown(id, "asked for") { _ = try await client.job(id, timeout: .seconds(3)) }
        default:
            guard plan.kind == nil else { return }
            counts["cancels", default: 0] += 1
            ledger.intendCancel(id)
            await expectKnown(id, "cancelled") { _ = try await client.cancel(id, timeout: .seconds(3)) }
        }
    }

    private func expectKnown(_ id: JobID, _ what: String, _ ask: () async throws -> Void) async {
        do {
            try await ask()
        } catch let error as StintError where error.code == .notFound {
            ledger.violation("job \(id) was acknowledged, and not found when it was \(what)")
        } catch {
            // No answer, or over already: neither says that the job is gone.
        }
    }
}
