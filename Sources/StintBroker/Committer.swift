import StintCore
import StintStore
import StintTransport
import Synchronization

/// The thread that makes batches durable while the loop goes on, one at a time and in order; between them it does the
/// store's maintenance. A loop that is idle commits by itself through ``commitNow(_:)`` and saves two hand-overs.
final class Committer: Sendable {
    enum Result: Sendable {
        case committed(UInt64)
        /// The outcome is unknown: the process must end without speaking.
        case failed(String)
    }

    private struct State {
        var batch: Batch?
        var result: Result?
        var isStopped = false
        /// The store failed; nothing may be written any more.
        var isAbandoned = false
        var isWorking = false
    }

    private let store: any Store
    private let room: RoomKeeper
    private let metrics = BrokerMetrics()
    /// When the last batch was committed, on whichever thread.
    private let lastCommit = Mutex(ContinuousClock.now)
    /// The store is idle when nothing was committed for so long: checkpoints wait while single jobs trickle in.
    private static let idleAfter: Duration = .seconds(1)
    private let state = Mutex(State())
    private let wakeUp: Waker
    /// Of the committing thread.
    let pulse = Pulse(name: "stint-commit")
    private let onResult: @Sendable () -> Void
    /// Held by whoever is inside the store.
    private let storeLock = Mutex(())

    /// - Parameter onResult: Called on the committing thread when ``takeResult()`` has something.
    init(store: any Store, room: RoomKeeper, onResult: @escaping @Sendable () -> Void) throws {
        wakeUp = try Waker()
        self.store = store
        self.room = room
        self.onResult = onResult
    }

    /// The body of the thread.
    func run() {
        var mayHaveMore = true
        while true {
            pulse.beat(.waiting)
            let isWoken = wakeUp.wait(upTo: mayHaveMore ? .milliseconds(5) : .milliseconds(200))
            let (batch, isStopped) = state.withLock { state -> (Batch?, Bool) in
                state.isWorking = state.batch != nil
                return (state.batch.take(), state.isStopped)
            }
            if let batch {
                finish(commit(batch, pulse))
                mayHaveMore = true
                // Under steady load there is no idle moment; the bounds of the log hold all the same.
                maintain(isIdle: false)
            } else if isStopped {
                return pulse.rest()
            } else if !isWoken {
                let isIdle = ContinuousClock.now - lastCommit.withLock { $0 } >= Self.idleAfter
                mayHaveMore = maintain(isIdle: isIdle)
            }
        }
    }

    /// Hands a batch over. The one before must have been answered.
    func start(_ batch: Batch) {
        state.withLock { state in
            precondition(state.batch == nil && !state.isWorking)
            // Maintenance failed meanwhile: the loop hears it in its next turn and ends, and nothing more is written.
            guard state.result == nil else { return }
            state.batch = batch
        }
        wakeUp.wake()
    }

    func takeResult() -> Result? { state.withLock { $0.result.take() } }

    /// Commits on the thread of the caller, whose pulse it is.
    func commitNow(_ batch: Batch, _ pulse: Pulse) -> Result { commit(batch, pulse) }

    func stop() {
        state.withLock { $0.isStopped = true }
        wakeUp.wake()
    }

    /// Nothing is written from now on.
    func abandon() {
        state.withLock { state in
            state.isAbandoned = true
            state.isStopped = true
        }
        wakeUp.wake()
    }

    private func commit(_ batch: Batch, _ pulse: Pulse) -> Result {
        pulse.beat(.committing)
        return storeLock.withLock { _ in
            do {
                try room.make(for: batch) { pulse.beat(.waitingForRoom) }
                pulse.beat(.committing)
                let start = ContinuousClock.now
                try store.commit(batch)
                let end = ContinuousClock.now
                metrics.committed(batch, in: end - start)
                lastCommit.withLock { $0 = end }
                return .committed(batch.number)
            } catch {
                return .failed("\(error)")
            }
        }
    }

    private func finish(_ result: Result) {
        state.withLock { state in
            state.result = result
            state.isWorking = false
        }
        onResult()
    }

    @discardableResult
    private func maintain(isIdle: Bool) -> Bool {
        pulse.beat(.maintaining)
        return storeLock.withLock { _ in
            guard !state.withLock({ $0.isAbandoned }) else { return false }
            do {
                return try store.maintain(isIdle: isIdle)
            } catch {
                // A checkpoint that fails may leave the file damaged; recovery from the log mends it, a retry may not.
                finish(.failed("maintenance of the store failed: \(error)"))
                return false
            }
        }
    }
}

extension Optional {
    /// Takes the value out and leaves nil.
    fileprivate mutating func take() -> Wrapped? {
        defer { self = nil }
        return self
    }
}
