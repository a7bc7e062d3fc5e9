import DequeModule
import StintTransport

/// Frames that a socket did not take, by peer, the oldest first. A peer that leaves too much untaken is given up: a slow
/// reader must not cost the broker its memory.
package struct BlockedFrames {
    /// What one peer may leave untaken; libzmq and the network hold some more before anything comes here.
    package static let framesMax = 4_096
    package static let bytesMax = 16 * 1_048_576

    private struct Queue {
        var frames: Deque<OutgoingFrame> = []
        var bytes = 0
    }
    private var queues: [PeerAddress: Queue] = [:]

    package init() {}

    package var isEmpty: Bool { queues.isEmpty }

    /// Whether frames of this peer wait, so that a new one has to wait behind them.
    package func isWaiting(_ peer: PeerAddress) -> Bool { queues[peer] != nil }

    /// Puts a frame behind those of its peer; false when there are too many, and then nothing was changed.
    package mutating func add(_ frame: OutgoingFrame) -> Bool {
        let bytes = frame.body.count
        if let queue = queues[frame.peer],
            queue.frames.count >= Self.framesMax || queue.bytes + bytes > Self.bytesMax
        {
            return false
        }
        queues[frame.peer, default: Queue()].frames.append(frame)
        queues[frame.peer]?.bytes += bytes
        return true
    }

    /// Takes out everything that waits for a peer.
    package mutating func removeAll(for peer: PeerAddress) -> Deque<OutgoingFrame> {
        queues.removeValue(forKey: peer)?.frames ?? []
    }

    /// Offers the frames again, each peer's up to the first that is not taken.
    package mutating func retry(_ isTaken: (OutgoingFrame) -> Bool) {
        for peer in Array(queues.keys) {
            while let frame = queues[peer]?.frames.first, isTaken(frame) {
                queues[peer]?.frames.removeFirst()
                queues[peer]?.bytes -= frame.body.count
            }
            if queues[peer]?.frames.isEmpty ?? false { queues[peer] = nil }
        }
    }
}
