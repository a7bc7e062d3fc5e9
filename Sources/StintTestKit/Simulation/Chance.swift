import StintCore

/// A stream of chance of its own for each thing that decides something, so that leaving one of them out of a life
/// changes little in the others. That is what makes shrinking work.
struct Chance {
    var random: SeededRandom

    init(_ seed: UInt64, _ stream: Stream, _ number: Int = 0) {
        random = SeededRandom(
            seed: Digest.mixed(Digest.mixed(seed, stream.rawValue), UInt64(bitPattern: Int64(number))))
    }

    enum Stream: UInt64 {
        case world, requests, faults, network, workers, handlers, broker, clients, disk
    }

    mutating func next() -> UInt64 { random.next() }

    /// True in so many of a hundred cases.
    mutating func percent(_ share: Int) -> Bool { random.next(upTo: 99) < UInt64(share) }

    mutating func int(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(random.next(upTo: UInt64(range.upperBound - range.lowerBound)))
    }

    /// Every order of magnitude is as likely.
    mutating func magnitude(_ range: ClosedRange<Int>) -> Int {
        var most = range.lowerBound
        while most < range.upperBound, percent(70) { most = min(range.upperBound, max(most + 1, most * 3)) }
        return int(range.lowerBound...most)
    }

    mutating func microseconds(_ range: ClosedRange<Int>) -> Duration { .microseconds(int(range)) }
    mutating func milliseconds(_ range: ClosedRange<Int>) -> Duration { .milliseconds(int(range)) }

    mutating func pick<Element>(_ elements: some RandomAccessCollection<Element>) -> Element? {
        guard !elements.isEmpty else { return nil }
        return elements[elements.index(elements.startIndex, offsetBy: int(0...elements.count - 1))]
    }

    /// One of several, each as likely as its weight says.
    mutating func pick<Element>(_ weighted: [(weight: Int, element: Element)]) -> Element {
        var left = int(0...weighted.reduce(0) { $0 + $1.weight } - 1)
        for (weight, element) in weighted {
            if left < weight { return element }
            left -= weight
        }
        preconditionFailure("weights add up")
    }
}
