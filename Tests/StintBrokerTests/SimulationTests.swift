import StintTestKit
import Testing

@Suite("Simulated lives") struct SimulationTests {
    // Goal: no rule breaks, whatever happens in whatever order. Method: two hundred random lives, each judged by its
    // ledger; `stint-sim --seeds A..B` runs more.
    @Test("two hundred lives break no rule")
    func lives() throws {
        for seed in 1...200 { _ = try Simulation.run(seed: UInt64(seed)) }
    }

    @Test("the same seed is the same life, another seed is another")
    func determinism() throws {
        let first = try Simulation.run(seed: 77)
        #expect(try Simulation.run(seed: 77) == first)
        #expect(try Simulation(seed: 77, keepsHistory: true).run() == first)
        #expect(try Simulation.run(seed: 78).digest != first.digest)
    }
}
