import StintCore

/// What a life will meet, known before it begins: so many requests of clients, and these faults at these times. All of
/// it follows from the seed. A plan that fails is made shorter by leaving parts out: what is left stays as it was.
package struct LifePlan: Hashable, Sendable {
    package enum Length: Hashable, Sendable {
        /// Some seconds, at least 2 000 operations of clients, at least 20 faults.
        case ordinary
        /// Ten hours, 200 faults.
        case long
    }

    /// What the broker of a life works on.
    package enum Disk: Hashable, Sendable {
        /// The simplest store there is, in memory.
        case memory
        /// A real SQLite store, whose disk tears what was not synced.
        case sqlite
        /// The same, and syncs mean nothing: such a life has to fail.
        case lying
    }

    package struct PlannedFault: Hashable, Sendable {
        /// Names it, and is its stream of chance.
        package var number: Int
        package var kind: Fault
        /// Since the beginning of the life.
        package var at: Duration
    }

    package let seed: UInt64
    package let length: Length
    package let disk: Disk
    package var faults: [PlannedFault]
    /// How many operations clients ask for at least.
    package var operations: Int
    private let planned: Int
    /// Requests that are left out, by number.
    package var skippedRequests: Set<Int> = []

    package init(seed: UInt64, length: Length? = nil, operations: Int? = nil, disk: Disk? = nil) {
        self.seed = seed
        self.disk = disk ?? (seed % 100 == 50 ? .sqlite : .memory)
        self.length = length ?? (seed % 1_000 == 0 ? .long : .ordinary)
        planned = operations ?? 2_000
        self.operations = planned
        faults = []
        var chance = Chance(seed, .faults)
        let count = self.length == .long ? 200 : chance.int(20...32)
        // A shorter life meets as many faults for each operation.
        let share = max(1, count * min(self.operations, 2_000) / 2_000)
        let span = Int(self.span.inMilliseconds)
        faults = (0..<share).map { number in
            PlannedFault(number: number, kind: Fault.any(&chance), at: .milliseconds(chance.int(0...span)))
        }
        faults.sort { $0.at < $1.at }
    }

    /// Until the last fault may begin, and about until the last request. Follows from how many operations were planned at
    /// first, not from how many are left.
    var span: Duration {
        switch length {
        case .ordinary: .milliseconds(4 * planned)
        case .long: .seconds(36_000)
        }
    }

    /// Between two requests, at most.
    var gapMicroseconds: Int { Int(span.inMicroseconds) / max(1, planned) * 5 }
}
