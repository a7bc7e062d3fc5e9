import Foundation
import StintTestKit
import Synchronization

/// A value that tasks can wait on: whoever changes it wakes everybody who waits for it to become something else.
///
/// Threads that read pipes or reap processes change it, tests wait on it; so nothing here asks again and again.
final class Watched<Value: Sendable>: Sendable {
    private struct State {
        var value: Value
        var version = 0
        var nextWaiter = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    private let state: Mutex<State>

    init(_ value: Value) { state = Mutex(State(value: value)) }

    var value: Value { state.withLock { $0.value } }

    /// Changes it in place: a copy for each line of a long output would cost the square of its length.
    func change(_ edit: (inout Value) -> Void) {
        let waiters = state.withLock { state in
            edit(&state.value)
            state.version += 1
            defer { state.waiters.removeAll() }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume() }
    }

    /// The first answer that `find` gives; asked now and after every change.
    ///
    /// - Throws: ``Overdue`` when it gave none in time, `CancellationError` when the test ran out of its time.
    func first<Found: Sendable>(
        _ what: String, within limit: Duration, _ find: (Value) throws -> Found?
    ) async throws -> Found {
        let limit = limit * Patience.factor
        let deadline = ContinuousClock.now + limit
        while true {
            let (found, version) = try state.withLock { (try find($0.value), $0.version) }
            if let found { return found }
            try Task.checkCancellation()
            guard ContinuousClock.now < deadline else { throw Overdue(what: what, limit: limit, last: "\(value)") }
            await nextChange(after: version, until: deadline)
        }
    }

    private func nextChange(after version: Int, until deadline: ContinuousClock.Instant) async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.version != version || Task.isCancelled { return true }
                    state.waiters[id] = continuation
                    return false
                }
                if isOver { return continuation.resume() }
                let left = (deadline - .now) / .seconds(1)
                DispatchQueue.global().asyncAfter(deadline: .now() + max(0, left)) { [weak self] in self?.wake(id) }
            }
        } onCancel: {
            wake(id)
        }
    }

    private func wake(_ id: Int) {
        state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
    }
}

/// Something did not come in time.
struct Overdue: Error, CustomStringConvertible {
    let what: String
    let limit: Duration
    let last: String

    var description: String { "no \(what) within \(limit); at last: \(last.suffix(2_000))" }
}

/// Asks until there is an answer. For what tells nobody when it changes: a row of the store, the table of processes.
/// Everything else is awaited on a pipe or a process.
func eventually<Answer>(
    _ what: String, within limit: Duration = .seconds(15), _ ask: () async throws -> Answer?
) async throws -> Answer {
    let limit = limit * Patience.factor
    let deadline = ContinuousClock.now + limit
    while true {
        if let answer = try await ask() { return answer }
        try Task.checkCancellation()
        guard ContinuousClock.now < deadline else { throw Overdue(what: what, limit: limit, last: "nothing else") }
        await withCheckedContinuation { continuation in
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(10)) { continuation.resume() }
        }
    }
}
