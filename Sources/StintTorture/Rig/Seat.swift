import Foundation
import Glibc
import StintCore
import Synchronization

/// A part of the cluster that is always there, whoever sits in it: the broker, the second worker. Faults happen to the
/// process in the seat, and a new one takes its place.
///
/// One task at a time torments a seat.
final class Seat: Sendable {
    let name: String
    private let start: @Sendable () throws -> RigProcess
    private let sitting: Mutex<RigProcess>

    init(_ name: String, _ start: @escaping @Sendable () throws -> RigProcess) throws {
        self.name = name
        self.start = start
        sitting = Mutex(try start())
    }

    var process: RigProcess { sitting.withLock { $0 } }

    /// Whoever sat there has ended.
    func refill() throws {
        let next = try start()
        sitting.withLock { $0 = next }
    }

    /// Starts a successor when the process ended with exit code 1, which says that it could not go on.
    ///
    /// - Returns: Whether it did.
    /// - Throws: ``Broken`` when it ended in another way, but for SIGKILL, which is the driver's.
    func reviveAfterFailure() throws -> Bool {
        switch process.currentEnding {
        case nil, .signalled(SIGKILL): return false
        case .exited(1):
            try refill()
            return true
        case .exited, .signalled:
            try expectAlive()
            return false
        }
    }

    /// SIGKILL; its successor comes after a pause.
    ///
    /// - Throws: ``Broken`` when it had died before, of something else.
    func kill9(absentFor pause: Duration = .zero) async throws {
        try await kill9 { try await Task.sleep(for: pause) }
    }

    /// SIGKILL; its successor comes after the closure.
    func kill9(whileAway: () async throws -> Void) async throws {
        try expectAlive()
        try await process.kill9()
        try await whileAway()
        try refill()
    }

    /// SIGTERM, a polite end, and a successor.
    func restart(absentFor pause: Duration = .zero) async throws {
        try expectAlive()
        try await process.terminate()
        try await Task.sleep(for: pause)
        try refill()
    }

    /// SIGSTOP, and SIGCONT after a while.
    func freeze(for pause: Duration) async throws {
        try expectAlive()
        process.signal(SIGSTOP)
        // Goes on also when the scenario is given up: nothing may stay frozen.
        defer { process.signal(SIGCONT) }
        try await Task.sleep(for: pause)
    }

    /// Whoever died unseen did so on its own, and that is a finding.
    func expectAlive() throws {
        if let ending = process.currentEnding {
            throw Broken("\(name) (process \(process.id)) ended by itself: \(ending); see logs/\(name)")
        }
    }
}

extension SeededRandom {
    /// Any whole millisecond of a range.
    mutating func duration(_ range: ClosedRange<Int>) -> Duration {
        .milliseconds(range.lowerBound + Int(next(upTo: UInt64(range.upperBound - range.lowerBound))))
    }

    mutating func pick<Elements: RandomAccessCollection>(_ elements: Elements) -> Elements.Element {
        elements[elements.index(elements.startIndex, offsetBy: Int(next(upTo: UInt64(elements.count - 1))))]
    }
}
