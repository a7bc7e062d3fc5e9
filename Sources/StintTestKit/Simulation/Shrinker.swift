import StintCore

/// Makes a life that fails shorter, as long as it fails: fewer operations, fewer faults, fewer requests. What is left
/// behaves as before wherever it does not depend on what is gone, because each part has a chance of its own.
package struct Shrinker {
    package private(set) var best: Simulation.Failure
    /// Lives that were tried.
    package private(set) var tries = 0
    private let triesMax: Int
    private let live: (LifePlan) -> Simulation.Failure?

    /// - Parameter live: Runs a life and tells how it failed, if it did.
    package init(
        _ failure: Simulation.Failure, triesMax: Int = 2_000,
        live: @escaping (LifePlan) -> Simulation.Failure? = Simulation.failure
    ) {
        best = failure
        self.triesMax = triesMax
        self.live = live
    }

    /// Looks for the shortest life that fails; it is ``best`` then.
    package mutating func shrink() {
        shortenToFailure()
        dropFaults()
        dropRequests()
        dropFaults()
    }

    private mutating func fails(_ plan: LifePlan) -> Bool {
        guard tries < triesMax else { return false }
        tries += 1
        guard let failure = live(plan) else { return false }
        best = failure
        return true
    }

    /// The fewest operations, by halving; not every number below fails, so it ends where halving leads.
    private mutating func shortenToFailure() {
        var low = 0
        var high = best.plan.operations
        while high - low > max(1, high / 20) {
            let middle = (low + high) / 2
            var plan = best.plan
            plan.operations = middle
            if fails(plan) { high = middle } else { low = middle }
        }
    }

    private mutating func dropFaults() {
        drop(best.plan.faults.map(\.number)) { plan, numbers in
            let kept = Set(numbers)
            plan.faults.removeAll { !kept.contains($0.number) }
        }
    }

    private mutating func dropRequests() {
        let all = (0..<best.plan.operations).filter { !best.plan.skippedRequests.contains($0) }
        let skipped = best.plan.skippedRequests
        drop(all) { plan, numbers in
            let kept = Set(numbers)
            plan.skippedRequests = skipped.union(all.filter { !kept.contains($0) })
        }
    }

    /// Leaves out ever smaller parts of a list, for as long as the life fails without them.
    private mutating func drop(_ all: [Int], _ keep: (inout LifePlan, [Int]) -> Void) {
        var kept = all
        var part = max(1, kept.count / 2)
        while part >= 1, !kept.isEmpty {
            var start = 0
            var dropped = false
            while start < kept.count {
                var fewer = kept
                fewer.removeSubrange(start..<min(start + part, kept.count))
                var plan = best.plan
                keep(&plan, fewer)
                if fails(plan) {
                    kept = fewer
                    dropped = true
                } else {
                    start += part
                }
                guard tries < triesMax else { return }
            }
            if part == 1, !dropped { return }
            part = max(1, part / 2)
            if part == 1, kept.count > 200 { return }
        }
    }
}

extension Simulation {
    /// How a life fails, if it does.
    package static func failure(of plan: LifePlan) -> Failure? { failure(of: plan, keepsHistory: false) }

    /// - Parameter keepsHistory: With everything that happens written down.
    package static func failure(of plan: LifePlan, keepsHistory: Bool) -> Failure? {
        do {
            _ = try Simulation(plan, keepsHistory: keepsHistory).run()
            return nil
        } catch let failure as Failure {
            return failure
        } catch {
            return Failure(plan: plan, problems: ["\(error)"], history: [])
        }
    }
}
