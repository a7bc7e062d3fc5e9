import DequeModule
import Foundation
import Logging
import StintCore
import StintTransport
import Synchronization

/// The jobs that a worker was given, between the thread of its session and the tasks that run handlers.
///
/// The session's thread pushes; each of `slots` runners takes the next job when it is through with one, in grant order,
/// without asking the thread: a short job costs no hop. Results collect until the thread fetches them all at once.
final class RunQueue: Sendable {
    /// One attempt on its way through a runner.
    struct Run: Sendable {
        let lease: LeaseReference
        let attempt: Attempt
        let channel: RunChannel
    }

    /// Why a running handler is being stopped.
    enum StopReason: Sendable {
        case timedOut
        case jobCancelled
        /// Its answer does not count any more.
        case leaseLost
        /// The worker's time to drain is over.
        case drained
    }

    struct Finished: Sendable {
        let run: Run
        let end: AttemptEnd
        let microseconds: UInt32
    }

    private struct Slot {
        var run: Run
        var startedAt: ContinuousClock.Instant
        var deadline: ContinuousClock.Instant
        var reason: StopReason?
        /// Its answer was judged; what comes now is too late to stop it.
        var isJudged = false
    }

    private struct State {
        var waiting: Deque<Run> = []
        var idle: [(runner: Int, continuation: CheckedContinuation<Run?, Never>)] = []
        var slots: [Slot?]
        var tasks: [Task<Void, Never>?]
        var finished: [Finished] = []
        var isSuspended = false
        var isClosed = false
        /// When the thread will look at deadlines next.
        var plannedLook = ContinuousClock.now
    }

    private let state: Mutex<State>
    let waker: Waker
    let slotCount: Int

    init(slots: Int, waker: Waker) {
        slotCount = slots
        self.waker = waker
        state = Mutex(
            State(slots: Array(repeating: nil, count: slots), tasks: Array(repeating: nil, count: slots)))
    }

    // MARK: For the session's thread

    func push(_ runs: [Run]) {
        var woken: [(CheckedContinuation<Run?, Never>, Run)] = []
        state.withLock { state in
            state.waiting.append(contentsOf: runs)
            while !state.isSuspended, !state.idle.isEmpty, let run = state.waiting.popFirst() {
                let (runner, continuation) = state.idle.removeLast()
                occupy(runner, run, &state)
                woken.append((continuation, run))
            }
        }
        for (continuation, run) in woken { continuation.resume(returning: run) }
    }

    func suspend() { state.withLock { $0.isSuspended = true } }

    func resume() {
        state.withLock { $0.isSuspended = false }
        push([])
    }

    /// Takes back everything that has not begun.
    func recall() -> [Run] {
        state.withLock { state in
            defer { state.waiting.removeAll() }
            return Array(state.waiting)
        }
    }

    func takeFinished() -> [Finished] {
        state.withLock { state in
            defer { state.finished.removeAll() }
            return state.finished
        }
    }

    var running: [LeaseReference] { state.withLock { $0.slots.compactMap { $0?.run.lease } } }
    var isIdle: Bool {
        state.withLock { state in
            state.waiting.isEmpty && state.finished.isEmpty && state.slots.allSatisfy { $0 == nil }
        }
    }

    /// Stops a handler, or takes the job out before it begins. A stopped handler's task is cancelled; what it answers
    /// is read in the light of the reason.
    func stop(_ lease: LeaseReference, _ reason: StopReason) {
        state.withLock { state in
            if let index = state.slots.firstIndex(where: { $0?.run.lease == lease }) {
                stop(slot: index, reason, &state)
            } else if let index = state.waiting.firstIndex(where: { $0.lease == lease }) {
                let run = state.waiting.remove(at: index)
                switch reason {
                case .leaseLost: break
                case .jobCancelled: state.finished.append(Finished(run: run, end: .cancelled, microseconds: 0))
                case .timedOut, .drained:
                    state.finished.append(
                        Finished(run: run, end: .released(withdraws: false, reason: ""), microseconds: 0))
                }
            }
        }
        waker.wake()
    }

    /// Takes out every waiting job of a type that cannot run here.
    func takeWaiting(ofType type: String) -> [Run] {
        state.withLock { state in
            let taken = state.waiting.filter { $0.attempt.type == type }
            state.waiting.removeAll { $0.attempt.type == type }
            return Array(taken)
        }
    }

    func stopAll(_ reason: StopReason) {
        state.withLock { state in
            for index in state.slots.indices where state.slots[index] != nil { stop(slot: index, reason, &state) }
        }
    }

    /// Cancels what is past its timeout. Returns when the next one will be.
    func stopOverdue(nextLook: ContinuousClock.Instant) -> ContinuousClock.Instant {
        let now = ContinuousClock.now
        return state.withLock { state in
            var look = nextLook
            for index in state.slots.indices {
                guard let slot = state.slots[index], slot.reason == nil else { continue }
                if slot.deadline <= now {
                    stop(slot: index, .timedOut, &state)
                } else {
                    look = min(look, slot.deadline)
                }
            }
            state.plannedLook = look
            return look
        }
    }

    private func stop(slot index: Int, _ reason: StopReason, _ state: inout State) {
        guard state.slots[index]?.isJudged == false else { return }
        // A lost lease outweighs a cancel; nothing outweighs a lost lease.
        if case .leaseLost? = state.slots[index]?.reason { return }
        state.slots[index]?.reason = reason
        state.tasks[index]?.cancel()
    }

    /// Ends the runners once they are through with what they run.
    func close() {
        let idle = state.withLock { state in
            state.isClosed = true
            defer { state.idle.removeAll() }
            return state.idle
        }
        for (_, continuation) in idle { continuation.resume(returning: nil) }
    }

    // MARK: For the runners

    /// Runs one job to its end; a span is still open, and is ended with what the answer is taken for.
    typealias Body = @Sendable (Run) async -> (end: AttemptEnd, span: AttemptSpan?)

    /// Starts the runners.
    func start(_ run: @escaping Body) {
        for index in 0..<slotCount { spawn(index, run) }
    }

    private func spawn(_ index: Int, _ body: @escaping Body) {
        let task = Task.detached { [self] in
            while let run = await next(index) {
                let start = ContinuousClock.now
                let (end, span) = await body(run)
                let microseconds = UInt32(clamping: max(1, (ContinuousClock.now - start).inMicroseconds))
                // Before anybody can know the job's result: who has it may look for the span.
                span?.end(as: judge(end, of: index))
                finish(index, run, end, microseconds)
                // A cancelled task stays cancelled; the next job gets a fresh one.
                if Task.isCancelled { return spawn(index, body) }
            }
        }
        state.withLock { $0.tasks[index] = task }
    }

    private func next(_ runner: Int) async -> Run? {
        let (run, isClosed) = state.withLock { state -> (Run?, Bool) in
            guard !state.isSuspended, let run = state.waiting.popFirst() else { return (nil, state.isClosed) }
            occupy(runner, run, &state)
            return (run, false)
        }
        if let run { return run }
        if isClosed { return nil }
        return await withCheckedContinuation { continuation in
            // Something may have come between the two looks.
            let answer = state.withLock { state -> Run?? in
                if !state.isSuspended, let run = state.waiting.popFirst() {
                    occupy(runner, run, &state)
                    return .some(run)
                }
                if state.isClosed { return .some(nil) }
                state.idle.append((runner, continuation))
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }

    private func occupy(_ runner: Int, _ run: Run, _ state: inout State) {
        let now = ContinuousClock.now
        let deadline = now + run.attempt.timeout
        state.slots[runner] = Slot(run: run, startedAt: now, deadline: deadline)
        if deadline < state.plannedLook { waker.wake() }
    }

    /// What an answer will be taken for, whatever comes after this. Nil: it does not count.
    private func judge(_ end: AttemptEnd, of runner: Int) -> AttemptEnd? {
        state.withLock { state in
            state.slots[runner]?.isJudged = true
            return Self.end(end, stoppedFor: state.slots[runner]?.reason)
        }
    }

    private func finish(_ runner: Int, _ run: Run, _ end: AttemptEnd, _ microseconds: UInt32) {
        let isFirst = state.withLock { state -> Bool in
            let reason = state.slots[runner]?.reason
            state.slots[runner] = nil
            guard let end = Self.end(end, stoppedFor: reason) else { return false }
            state.finished.append(Finished(run: run, end: end, microseconds: microseconds))
            return state.finished.count == 1
        }
        if isFirst { waker.wake() }
    }

    /// What a handler answered after it was told to stop. A result that came all the same is a result; everything else
    /// is put down to the reason. Nil: the answer does not count.
    private static func end(_ end: AttemptEnd, stoppedFor reason: StopReason?) -> AttemptEnd? {
        switch (reason, end) {
        case (.leaseLost, _): nil
        case (nil, _), (_, .completed): end
        case (.timedOut, _): .timedOut
        case (.jobCancelled, _): .cancelled
        case (.drained, _): .released(withdraws: false, reason: "the worker is shutting down")
        }
    }
}
