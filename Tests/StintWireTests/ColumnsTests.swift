import Foundation
import StintCore
import Testing

@testable import StintWire

// Goal: ids and leases come back from their columns as they went in, in the order of their bytes. Method: there and
// back, at both ends of the range, and both sides of each bound.
@Suite("Columns") struct ColumnsTests {
    private func reference(_ number: UInt64, epoch: UInt64) -> LeaseReference {
        LeaseReference(id: Sample.id(number), token: FencingToken(epoch: epoch, sequence: number))
    }

    @Test("ids come back, big-endian, so that bytes sort as ids do")
    func ids() throws {
        let ids = [JobID.least, Sample.id(1), Sample.id(2), JobID(high: 1, low: .max), .greatest]
        #expect(try Data(ids: ids).ids(field: "ids") == ids)
        for id in ids { #expect(try Data(id).id(field: "id") == id) }
        let texts = ids.sorted().map { Array(Data($0)) }
        #expect(zip(texts, texts.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
        #expect(Array(Data(JobID(high: 0x0102_0304_0506_0708, low: 0x090A_0B0C_0D0E_0F10))) == Array(1...16))
    }

    @Test("ids are read from the middle of other bytes")
    func slice() throws {
        let bytes = Data([9, 9, 9]) + Data(ids: [Sample.id(1), Sample.id(2)]) + Data([9])
        #expect(try bytes[3..<35].ids(field: "ids") == [Sample.id(1), Sample.id(2)])
        #expect(try bytes[19..<35].id(field: "id") == Sample.id(2))
    }

    @Test("an id has 16 bytes", arguments: [0, 1, 15, 17, 32])
    func wrongLength(count: Int) {
        #expect(throws: WireError.invalid(field: "job", "expected 16 bytes, got \(count)")) {
            try Data(count: count).id(field: "job")
        }
    }

    @Test("leases come back in order, one group for each run of an epoch")
    func leaseGroups() throws {
        let leases = [
            reference(1, epoch: 5), reference(2, epoch: 5), reference(3, epoch: 6), reference(4, epoch: 5),
        ]
        #expect(LeaseGroups(leases).groups.map(\.epoch) == [5, 6, 5])
        #expect(try Stint_V1_Heartbeat(number: 1, running: leases).leases() == leases)
        #expect(try Stint_V1_Heartbeat(number: 1, running: []).leases() == [])
        let lost = Stint_V1_Lost.groups(leases, reason: .jobCancelled)
        #expect(lost.allSatisfy { $0.reason == .jobCancelled })
        #expect(try lost.flatMap { try $0.leases() } == leases)
    }

    @Test("a heartbeat names up to 65 536 leases, all groups together")
    func heartbeatCount() {
        func error(_ counts: [Int]) -> WireError? {
            var heartbeat = Stint_V1_Heartbeat()
            heartbeat.running = counts.map { count in
                .with {
                    $0.ids = Data(count: 16 * count)
                    $0.sequences = Array(0..<UInt64(count))
                }
            }
            let sent = heartbeat
            return refusal { () throws(WireError) in try sent.leases() }
        }
        let tooMany = WireError.outOfRange(field: "heartbeat.running", value: 65_537, allowed: 0...65_536)
        #expect(error([65_536]) == nil)
        #expect(error([65_537]) == tooMany)
        #expect(error([65_535, 1]) == nil)
        #expect(error([65_535, 1, 1]) == tooMany)
    }

    @Test("uneven columns of a heartbeat and of lost leases are refused")
    func uneven() {
        var heartbeat = Stint_V1_Heartbeat()
        heartbeat.running = [.with { $0.ids = Sample.ids(1...2) }]
        #expect(throws: WireError.unevenColumns("heartbeat.running")) { try heartbeat.leases() }
        heartbeat.running[0].sequences = [1, 2, 3]
        #expect(throws: WireError.unevenColumns("heartbeat.running")) { try heartbeat.leases() }
        var lost = Sample.lost(.leaseLost)
        lost.sequences.removeLast()
        #expect(throws: WireError.unevenColumns("lost")) { try lost.leases() }
        lost.ids.removeLast()
        #expect(throws: WireError.invalid(field: "lost", "expected 16 bytes for each id, got 31 in all")) {
            try lost.leases()
        }
    }
}
