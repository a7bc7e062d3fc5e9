import DequeModule
import StintCore
import StintTransport

/// Frames that a socket did not take, by peer, the oldest first. A peer that leaves too much untaken is given up, and when
/// all of them together do, the one with the most: slow readers must not cost the broker its memory.
package struct BlockedFrames {
    private struct Queue {
        var frames: Deque<OutgoingFrame> = []
        var bytes = 0
    }
    private let framesMax: Int
    private let bytesOfAllMax: Int
    private var queues: [PeerAddress: Queue] = [:]  // for lookup only
    /// Those of the queues, in the order in which their peers began to wait.
    private var waiting: [PeerAddress] = []
    private var bytes = 0

    package init(framesMax: Int = Limits.unreadFramesMax, bytesOfAllMax: Int = Limits.unreadBytesOfAllMax) {
        self.framesMax = framesMax
        self.bytesOfAllMax = bytesOfAllMax
    }

    package var isEmpty: Bool { queues.isEmpty }

    /// Whether frames of this peer wait, so that a new one has to wait behind them.
    package func isWaiting(_ peer: PeerAddress) -> Bool { queues[peer] != nil }

    /// Puts a frame behind those of its peer; false when there are too many, and then nothing was changed.
    package mutating func add(_ frame: OutgoingFrame) -> Bool {
        let bytes = frame.body.count
        if let queue = queues[frame.peer],
            queue.frames.count >= framesMax || queue.bytes + bytes > Limits.unreadBytesMax
        {
            return false
        }
        if queues[frame.peer] == nil { waiting.append(frame.peer) }
        queues[frame.peer, default: Queue()].frames.append(frame)
        queues[frame.peer]?.bytes += bytes
        self.bytes += bytes
        return true
    }

    /// Who is to be given up, because all of them together leave too much: the one with the most. Nil: nobody.
    package var excess: PeerAddress? {
        guard bytes > bytesOfAllMax else { return nil }
        return waiting.max { bytes(of: $0) < bytes(of: $1) }
    }

    private func bytes(of peer: PeerAddress) -> Int { queues[peer]?.bytes ?? 0 }

    /// Takes out everything that waits for a peer.
    package mutating func removeAll(for peer: PeerAddress) -> Deque<OutgoingFrame> {
        guard let queue = queues.removeValue(forKey: peer) else { return [] }
        waiting.removeAll { $0 == peer }
        bytes -= queue.bytes
        return queue.frames
    }

    /// Offers the frames again, each peer's up to the first that is not taken.
    package mutating func retry(_ isTaken: (OutgoingFrame) -> Bool) {
        for peer in waiting {
            while let frame = queues[peer]?.frames.first, isTaken(frame) {
                queues[peer]?.frames.removeFirst()
                queues[peer]?.bytes -= frame.body.count
                bytes -= frame.body.count
            }
            if queues[peer]?.frames.isEmpty ?? false { queues[peer] = nil }
        }
        waiting.removeAll { queues[$0] == nil }
    }
}
