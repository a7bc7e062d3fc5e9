import StintCore
import StintTestKit
import StintTransport
import Testing

@testable import StintBroker

// Goal: what peers do not read is kept in order and within bounds.
@Suite("Blocked frames") struct BlockedFramesTests {
    private let slow = PeerAddress(simulated: 1)
    private let other = PeerAddress(simulated: 2)

    private func frame(_ peer: PeerAddress, _ first: UInt8 = 0, bytes: Int = 1) -> OutgoingFrame {
        OutgoingFrame(
            destination: .client(SessionID(1)), peer: peer, body: [first] + Array(repeating: 0, count: bytes - 1),
            grants: nil)
    }

    /// `#expect` sees values only.
    private func added(_ frame: OutgoingFrame, to blocked: inout BlockedFrames) -> Bool { blocked.add(frame) }

    @Test("each peer's frames are offered again in order, up to the first that is not taken")
    func order() {
        var blocked = BlockedFrames()
        for number in 0..<3 { #expect(added(frame(slow, UInt8(number)), to: &blocked)) }
        #expect(added(frame(other, 9), to: &blocked))
        #expect(blocked.isWaiting(slow) && blocked.isWaiting(other))
        var taken: [UInt8] = []
        blocked.retry { frame in
            if frame.peer == slow, frame.body[0] == 1 { return false }
            taken.append(frame.body[0])
            return true
        }
        #expect(taken.sorted() == [0, 9])
        #expect(blocked.isWaiting(slow) && !blocked.isWaiting(other))
        let left = blocked.removeAll(for: slow).map { $0.body[0] }
        #expect(left == [1, 2])
        #expect(blocked.isEmpty)
    }

    @Test("peers are offered their frames in the order in which they began to wait, in every process")
    func orderOfPeers() {
        var blocked = BlockedFrames()
        let peers = (10..<40).map { PeerAddress(simulated: $0) }
        for peer in peers + peers.reversed() { #expect(added(frame(peer), to: &blocked)) }
        // Who waits anew waits behind the others.
        #expect(blocked.removeAll(for: peers[0]).count == 2)
        #expect(added(frame(peers[0]), to: &blocked))
        var offered: [PeerAddress] = []
        blocked.retry { frame in
            offered.append(frame.peer)
            return false
        }
        #expect(offered == peers[1...] + [peers[0]])
        blocked.retry { _ in true }
        #expect(blocked.isEmpty)
    }

    @Test("a peer is full at its number of frames, and another is not")
    func frames() {
        var blocked = BlockedFrames()
        for _ in 0..<Limits.unreadFramesMax { #expect(added(frame(slow), to: &blocked)) }
        #expect(!added(frame(slow), to: &blocked))
        #expect(added(frame(other), to: &blocked))
        blocked.retry { $0.peer == slow }
        #expect(added(frame(slow), to: &blocked))
    }

    @Test("a peer is full at its bytes; one frame is always kept")
    func bytes() {
        var blocked = BlockedFrames()
        #expect(added(frame(slow, bytes: Limits.unreadBytesMax + 1), to: &blocked))
        #expect(!added(frame(slow), to: &blocked))
        #expect(added(frame(other, bytes: Limits.unreadBytesMax - 1), to: &blocked))
        #expect(added(frame(other), to: &blocked))
        #expect(!added(frame(other), to: &blocked))
    }

    @Test("all peers together are full at their bytes, and the one with the most is to go")
    func bytesOfAll() {
        var blocked = BlockedFrames(bytesOfAllMax: 100)
        #expect(added(frame(slow, bytes: 60), to: &blocked) && added(frame(other, bytes: 40), to: &blocked))
        #expect(blocked.excess == nil)
        #expect(added(frame(other, bytes: 1), to: &blocked))
        #expect(blocked.excess == slow)
        #expect(blocked.removeAll(for: slow).count == 1 && blocked.excess == nil)
        // What was taken counts no more.
        blocked.retry { _ in true }
        #expect(added(frame(slow, bytes: 100), to: &blocked) && blocked.excess == nil)
    }

    // A client that waits for one answer says nothing more. Given up in silence it would wait until its timeout.
    @Test("who is given up because it does not read is told so by the end of its connection, once")
    func endOfConnection() {
        let broker = SimulatedBroker(seed: 1)
        let client = broker.connect(), worker = broker.join("alice", slots: 1)
        var ended: [PeerVerdict] = []
        broker.change { ended = $0.takeVerdicts() }
        let frames = [
            OutgoingFrame(destination: .client(client.session), peer: client.address, body: [1], grants: nil),
            OutgoingFrame(destination: .worker(worker.session), peer: worker.address, body: [1], grants: nil),
        ]
        for frame in frames {
            broker.change {
                $0.giveUp(frame)
                $0.giveUp(frame)
                ended = $0.takeVerdicts()
            }
            #expect(ended.map(\.kind) == [.unread] && ended.map(\.peer) == [frame.peer])
        }
    }
}
