import Foundation
import Synchronization

/// Carries checkpoints from the pump's thread to the channel, whose `checkpoint` is asynchronous, one after the other
/// in the order in which they were said.
///
/// While one is under way the handler's standard output is not read, so a handler that saves faster than the broker
/// can write is slowed down by its own pipe.
final class CheckpointRelay: Sendable {
    private let states: AsyncStream<Data>
    private let continuation: AsyncStream<Data>.Continuation
    private let control: ProcessControl

    init(control: ProcessControl) {
        self.control = control
        (states, continuation) = AsyncStream.makeStream(of: Data.self)
    }

    func save(_ state: Data) {
        control.hold()
        continuation.yield(state)
    }

    /// No more will come.
    func finish() { continuation.finish() }

    /// Saves until ``finish()``.
    ///
    /// - Returns: Why the first one that failed did, nil when all were saved.
    func run(_ channel: any JobChannel) async -> String? {
        var failure: String?
        for await state in states {
            do {
                try await channel.checkpoint(state)
            } catch {
                failure = failure ?? "a checkpoint was not saved: \(error)"
            }
            control.letGo()
        }
        return failure
    }
}
