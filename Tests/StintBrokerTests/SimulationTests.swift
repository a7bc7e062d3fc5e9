import StintTestKit
import Testing

@Suite("Simulated lives") struct SimulationTests {
    // Goal: no rule breaks, whatever happens in whatever order. Method: a few short lives, each judged by ledger and
    // auditor; `make test` runs 2 000 whole ones in an optimised build, `make sim` as many as one likes.
    @Test("forty short lives break no rule", arguments: 0..<4)
    func lives(part: UInt64) throws {
        for seed in 1...10 { _ = try Simulation(LifePlan(seed: part * 10 + UInt64(seed), operations: 300)).run() }
    }

    @Test("the same seed is the same life, another seed is another")
    func determinism() throws {
        let first = try Simulation(LifePlan(seed: 77, operations: 300)).run()
        #expect(try Simulation(LifePlan(seed: 77, operations: 300)).run() == first)
        #expect(try Simulation(LifePlan(seed: 77, operations: 300), keepsHistory: true).run() == first)
        #expect(try Simulation(LifePlan(seed: 78, operations: 300)).run().digest != first.digest)
    }

    @Test("lives on a real SQLite store break no rule, whatever a power cut leaves")
    func livesOnSQLite() throws {
        for seed in 1...4 as ClosedRange<UInt64> {
            _ = try Simulation(LifePlan(seed: seed, operations: 500, disk: .sqlite)).run()
        }
    }

    @Test("a disk that lies about its syncs is found out")
    func lyingDisk() throws {
        let failures = (1...6 as ClosedRange<UInt64>).compactMap {
            Simulation.failure(of: LifePlan(seed: $0, operations: 500, disk: .lying))
        }
        #expect(!failures.isEmpty)
    }

    @Test("a life has at least as many operations and faults as are promised")
    func size() throws {
        for seed in 1...20 as ClosedRange<UInt64> {
            let plan = LifePlan(seed: seed)
            #expect(plan.operations >= 2_000)
            #expect(plan.faults.count >= 20)
        }
        let long = LifePlan(seed: 1_000)
        #expect(long.length == .long)
        #expect(long.faults.count == 200)
    }
}

@Suite("Shrinking") struct ShrinkerTests {
    // Goal: what has nothing to do with a failure is left out, what is needed stays. Method: lives that "fail" when two
    // faults and three requests are in them.
    @Test("only what is needed for the failure is left")
    func shrinks() throws {
        let plan = LifePlan(seed: 5)
        let faults: Set<Int> = [3, 11]
        let requests: Set<Int> = [7, 100, 101]
        func live(_ plan: LifePlan) -> Simulation.Failure? {
            let hasFaults = faults.isSubset(of: plan.faults.map(\.number))
            let hasRequests = requests.isDisjoint(with: plan.skippedRequests) && plan.operations > 101
            return hasFaults && hasRequests
                ? Simulation.Failure(plan: plan, problems: ["it fails"], history: []) : nil
        }
        let failure = try #require(live(plan))
        var shrinker = Shrinker(failure, live: live)
        shrinker.shrink()
        #expect(Set(shrinker.best.plan.faults.map(\.number)) == faults)
        #expect(shrinker.best.plan.operations < 140)
        #expect(shrinker.best.plan.operations - shrinker.best.plan.skippedRequests.count < 20)
    }
}
