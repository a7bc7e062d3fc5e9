import Foundation
import StintCore
import Testing

@testable import StintWire

// Goal: a worker that says more of itself than it may is refused with the field that is wrong. Method: each field on
// both sides of each of its limits, in a HELLO that is right in everything else.
@Suite("Limits of a worker's HELLO") struct WorkerHelloLimitsTests {
    private func decode(_ change: (inout Stint_V1_WorkerHello) -> Void) -> WireError? {
        var hello = Sample.hello
        change(&hello)
        let changed = hello
        return refusal { () throws(WireError) in try WorkerHello(decoding: changed) }
    }

    private func held(_ count: Int, epoch: UInt64 = 1) -> Stint_V1_Held {
        .with {
            $0.state = .running
            $0.epoch = epoch
            $0.ids = Data(count: 16 * count)
            $0.sequences = Array(0..<UInt64(count))
        }
    }

    @Test("an instance has 16 bytes", arguments: [0, 15, 16, 17, 32])
    func instance(bytes: Int) {
        let expected: WireError? =
            bytes == 16 ? nil : .invalid(field: "worker_hello.instance", "expected 16 bytes, got \(bytes)")
        #expect(decode { $0.instance = Data(count: bytes) } == expected)
    }

    @Test("names of worker, pool and types keep the rule")
    func names() {
        for name in ["", "a b", String(repeating: "a", count: 129)] {
            func expected(_ field: String) -> WireError {
                .invalid(field: "worker_hello.\(field)", "expected \(TypeName.rule)")
            }
            #expect(decode { $0.name = name } == expected("name"))
            #expect(decode { $0.pool = name } == expected("pool"))
            #expect(decode { $0.types[1].name = name } == expected("types"))
        }
        let longest = String(repeating: "a", count: 128)
        #expect(
            decode {
                $0.name = longest
                $0.pool = longest
                $0.types[1].name = longest
            } == nil)
    }

    @Test("1 to 4096 slots", arguments: [UInt32(0), 1, 4_096, 4_097, .max])
    func slots(value: UInt32) {
        let expected: WireError? =
            (1...4_096).contains(value)
            ? nil : .outOfRange(field: "worker_hello.slots", value: Int(value), allowed: 1...4_096)
        #expect(decode { $0.slots = value } == expected)
    }

    @Test("up to 1000 types", arguments: [0, 1, 1_000, 1_001])
    func types(count: Int) {
        let types = (0..<count).map { number in Stint_V1_ServedType.with { $0.name = "type-\(number)" } }
        let expected: WireError? =
            count <= 1_000 ? nil : .outOfRange(field: "worker_hello.types", value: count, allowed: 0...1_000)
        #expect(decode { $0.types = types } == expected)
    }

    @Test("what is held is waiting, running or settled", arguments: -1...5)
    func state(value: Int) {
        let state = Stint_V1_Held.State(rawValue: value) ?? .unknown
        let expected: WireError? =
            (1...3).contains(value)
            ? nil : .outOfRange(field: "worker_hello.held.state", value: value, allowed: 1...3)
        #expect(decode { $0.held[1].state = state } == expected)
    }

    @Test("up to 65 536 leases in all lists together")
    func heldCount() {
        let tooMany = WireError.outOfRange(field: "worker_hello.held", value: 65_537, allowed: 0...65_536)
        #expect(decode { $0.held = [] } == nil)
        #expect(decode { $0.held = [held(65_536)] } == nil)
        #expect(decode { $0.held = [held(65_537)] } == tooMany)
        #expect(decode { $0.held = [held(60_000), held(5_536, epoch: 2)] } == nil)
        #expect(decode { $0.held = [held(60_000), held(5_537, epoch: 2)] } == tooMany)
    }

    @Test("as many sequences as ids")
    func columns() {
        #expect(decode { $0.held[0].sequences.append(1) } == .unevenColumns("worker_hello.held"))
        #expect(decode { $0.held[0].sequences.removeLast() } == .unevenColumns("worker_hello.held"))
        #expect(
            decode { $0.held[0].ids.append(0) }
                == .invalid(field: "worker_hello.held", "expected 16 bytes for each id, got 33 in all"))
    }
}
