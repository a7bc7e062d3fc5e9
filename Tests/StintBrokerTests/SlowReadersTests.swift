import StintTransport
import Testing

@testable import StintBroker

// Goal: who fell behind is looked at until it has caught up, each in its turn.
@Suite("Slow readers") struct SlowReadersTests {
    private func peer(_ number: UInt32) -> PeerAddress { PeerAddress(simulated: number) }

    @Test("who has caught up is told once; who fell behind twice is looked at once")
    func catchUp() {
        var slow = SlowReaders()
        for number in [1, 2, 1, 3] as [UInt32] { slow.add(peer(number)) }
        var looked: [PeerAddress] = []
        let free = slow.catchUp {
            looked.append($0)
            return $0 != peer(2)
        }
        #expect(looked == [peer(1), peer(2), peer(3)] && free == [peer(2)])
        slow.add(peer(2))
        let rest = slow.catchUp { _ in false }
        #expect(rest == [peer(1), peer(3), peer(2)] && slow.isEmpty)
    }

    @Test("a turn looks at a bounded number, and the next one at the others")
    func bounded() {
        var slow = SlowReaders()
        for number in 0..<100 as Range<UInt32> { slow.add(peer(number)) }
        var looked: [PeerAddress] = []
        for _ in 0..<2 {
            _ = slow.catchUp {
                looked.append($0)
                return true
            }
        }
        #expect(looked.count == 128 && Set(looked).count == 100)
    }
}
