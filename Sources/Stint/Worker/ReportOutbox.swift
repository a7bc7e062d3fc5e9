import Foundation
import StintCore
import StintTransport
import Synchronization

/// Progress reports and checkpoints on their way from handlers to the session's thread. Progress is coalesced: the newest
/// report of a job wins, and the thread sends at most ten batches a second.
final class ReportOutbox: Sendable {
    struct Checkpoint: Sendable {
        var number: UInt64
        var lease: LeaseReference
        var state: Data
    }

    private struct State {
        /// For lookup; the order is in `order`.
        var progress: [LeaseReference: Data] = [:]
        var order: [LeaseReference] = []
        var nextFlush = ContinuousClock.now
        var checkpoints: [Checkpoint] = []
        var waiting: [UInt64: (checkpoint: Checkpoint, done: CheckedContinuation<Bool, Never>)] = [:]
        var nextCheckpoint: UInt64 = 1
        var isClosed = false
    }

    static let interval: Duration = .milliseconds(100)
    private let state = Mutex(State())
    private let waker: Waker

    init(waker: Waker) { self.waker = waker }

    func progressed(_ lease: LeaseReference, _ report: Data) {
        let isFirst = state.withLock { state -> Bool in
            if state.progress.updateValue(report, forKey: lease) == nil { state.order.append(lease) }
            return state.order.count == 1
        }
        if isFirst { waker.wake() }
    }

    /// What is to be sent now, and when to ask again.
    func takeProgress() -> (reports: [(LeaseReference, Data)], next: ContinuousClock.Instant?) {
        state.withLock { state in
            guard !state.order.isEmpty else { return ([], nil) }
            guard state.nextFlush <= .now else { return ([], state.nextFlush) }
            state.nextFlush = .now + Self.interval
            let reports = state.order.map { ($0, state.progress[$0] ?? Data()) }
            state.progress.removeAll(keepingCapacity: true)
            state.order.removeAll(keepingCapacity: true)
            return (reports, nil)
        }
    }

    /// When progress that waits may be sent.
    func nextFlush() -> ContinuousClock.Instant? {
        state.withLock { $0.order.isEmpty ? nil : $0.nextFlush }
    }

    /// Returns when the checkpoint is durable.
    ///
    /// - Throws: `CancellationError` when the lease is lost.
    func checkpoint(_ lease: LeaseReference, _ data: Data) async throws {
        let isSaved = await withCheckedContinuation { continuation in
            let isClosed = state.withLock { state -> Bool in
                guard !state.isClosed else { return true }
                let checkpoint = Checkpoint(number: state.nextCheckpoint, lease: lease, state: data)
                state.nextCheckpoint += 1
                state.checkpoints.append(checkpoint)
                state.waiting[checkpoint.number] = (checkpoint, continuation)
                return false
            }
            if isClosed { continuation.resume(returning: false) }
            waker.wake()
        }
        guard isSaved else { throw CancellationError() }
    }

    func takeCheckpoints() -> [Checkpoint] {
        state.withLock { state in
            defer { state.checkpoints.removeAll() }
            return state.checkpoints
        }
    }

    /// A new session: what was not answered is sent again.
    func sessionBegan() {
        state.withLock { state in
            state.checkpoints = state.waiting.keys.sorted().compactMap { state.waiting[$0]?.checkpoint }
        }
    }

    func saved(_ number: UInt64, refused: Bool) {
        let waiting = state.withLock { $0.waiting.removeValue(forKey: number) }
        waiting?.done.resume(returning: !refused)
    }

    func close() {
        let waiting = state.withLock { state in
            state.isClosed = true
            defer { state.waiting.removeAll() }
            return state.waiting.values.map(\.done)
        }
        for done in waiting { done.resume(returning: false) }
    }
}
