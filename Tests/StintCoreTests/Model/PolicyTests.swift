import StintCore
import Testing

@Suite("Policy and backoff") struct PolicyTests {
    @Test(
        "the longest wait grows by the factor and stops at the most",
        arguments: [
            (1, 1_000), (2, 2_000), (3, 4_000), (12, 2_048_000), (13, 3_600_000), (14, 3_600_000), (1_000, 3_600_000),
        ])
    func ceilings(_ retry: Int, _ milliseconds: Int64) {
        #expect(Backoff().ceiling(beforeRetry: retry) == .milliseconds(milliseconds))
    }

    @Test("a first wait above the most is cut to it")
    func firstAboveMost() {
        let backoff = Backoff(first: .seconds(10), factor: 2, most: .seconds(3))
        #expect(backoff.ceiling(beforeRetry: 1) == .seconds(3))
    }

    // The number of a retry is a number of a peer or an old row: nothing may overflow or take long.
    @Test(
        "huge retry numbers cost nothing and overflow nothing",
        arguments: [
            Backoff(), Backoff(first: .milliseconds(1), factor: 1, most: .seconds(1)), .none,
            Backoff(first: .milliseconds(1), factor: 100, most: .seconds(30 * 86_400)),
            Backoff(first: .milliseconds(1), factor: 1.000_000_1, most: .seconds(1)),
        ])
    func hugeRetries(_ backoff: Backoff) {
        let ceiling = backoff.ceiling(beforeRetry: .max)
        #expect(ceiling >= .zero && ceiling <= backoff.most)
        #expect(ceiling >= backoff.ceiling(beforeRetry: 1_000))
    }

    @Test("full jitter reaches from zero to the ceiling, both included, and never beyond")
    func jitter() {
        let backoff = Backoff(first: .milliseconds(4), factor: 2, most: .seconds(1))
        var random = SeededRandom(seed: 9)
        var seen: Set<Duration> = []
        for _ in 0..<1_000 { seen.insert(backoff.wait(beforeRetry: 1, random: &random)) }
        #expect(seen == Set((0...4).map { .milliseconds($0) }))
        #expect(Backoff.none.wait(beforeRetry: 5, random: &random) == .zero)
    }
}

@Suite("SeededRandom") struct SeededRandomTests {
    @Test("the same seed gives the same numbers, in this process and in every other")
    func determinism() {
        var random = SeededRandom(seed: 0)
        // The first outputs of SplitMix64 with seed 0, as published.
        #expect(random.next() == 0xE220_A839_7B1D_CDAF)
        #expect(random.next() == 0x6E78_9E6A_A1B9_65F4)
        #expect(random.next() == 0x06C4_5D18_8009_454F)
        var one = SeededRandom(seed: 42)
        var other = SeededRandom(seed: 42)
        var third = SeededRandom(seed: 43)
        let numbers = (0..<100).map { _ in one.next() }
        #expect(numbers == (0..<100).map { _ in other.next() })
        #expect(numbers != (0..<100).map { _ in third.next() })
    }

    @Test("a bounded number includes zero and the bound; the largest bound does not overflow")
    func bounds() {
        var random = SeededRandom(seed: 3)
        #expect((0..<50).allSatisfy { _ in random.next(upTo: 0) == 0 })
        #expect(Set((0..<200).map { _ in random.next(upTo: 2) }) == [0, 1, 2])
        _ = random.next(upTo: .max)
        #expect(random.next(upTo: .max - 1) <= .max - 1)
    }
}
