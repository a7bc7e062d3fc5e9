import StintTestKit
import Testing

@Suite("Simulated lives") struct SimulationTests {
    // Goal: no rule breaks, whatever happens in whatever order. Method: two hundred random lives, each judged by its
    // ledger; `stint-sim --seeds A..B` runs more.
    @Test("two hundred lives break no rule", arguments: 0..<4)
    func lives(part: UInt64) throws {
        for seed in 1...50 { _ = try Simulation.run(seed: part * 50 + UInt64(seed), operations: 200) }
    }

    @Test("the same seed is the same life, another seed is another")
    func determinism() throws {
        let first = try Simulation.run(seed: 77, operations: 300)
        #expect(try Simulation.run(seed: 77, operations: 300) == first)
        #expect(try Simulation(seed: 77, operations: 300, keepsHistory: true).run() == first)
        #expect(try Simulation.run(seed: 78, operations: 300).digest != first.digest)
    }
}
