import Foundation
import StintCore
import Testing

@testable import StintWire

// Goal: a settlement beyond a limit is refused with the field that is wrong. Method: each column and each detail on both
// sides of each of its limits, in a message that is right in everything else.
@Suite("Limits of settlements") struct SettleLimitsTests {
    private func settle(_ count: Int) -> Stint_V1_Settle {
        .with {
            $0.number = 1
            $0.epoch = 1
            $0.ids = Data(count: 16 * count)
            $0.sequences = Array(0..<UInt64(count))
            $0.runMicroseconds = Array(repeating: 5, count: count)
        }
    }

    private func decode(
        _ count: Int = 2, _ change: (inout Stint_V1_Settle) -> Void = { _ in }
    ) -> WireError? {
        var message = settle(count)
        change(&message)
        let changed = message
        return refusal { () throws(WireError) in try changed.settlements() }
    }

    private func detail(_ change: (inout Stint_V1_SettleDetail) -> Void) -> WireError? {
        decode { $0.details = [.with { change(&$0) }] }
    }

    private func outOfRange(_ field: String, _ value: Int, _ allowed: ClosedRange<Int>) -> WireError {
        .outOfRange(field: "settle.\(field)", value: value, allowed: allowed)
    }

    @Test("1 to 4096 attempts", arguments: [0, 1, 4_096, 4_097])
    func count(count: Int) {
        let expected = (1...4_096).contains(count) ? nil : outOfRange("ids", count, 1...4_096)
        #expect(decode(count) == expected)
    }

    @Test("columns of one length; results may be left out altogether")
    func columns() {
        #expect(decode { $0.sequences.removeLast() } == .unevenColumns("settle"))
        #expect(decode { $0.sequences.append(1) } == .unevenColumns("settle"))
        #expect(decode { $0.runMicroseconds.removeLast() } == .unevenColumns("settle"))
        #expect(decode { $0.runMicroseconds = [] } == .unevenColumns("settle"))
        #expect(decode { $0.resultBytes = [0] } == .unevenColumns("settle"))
        #expect(decode { $0.resultBytes = [0, 0, 0] } == .unevenColumns("settle"))
        #expect(decode { $0.resultBytes = [0, 0] } == nil)
        #expect(decode { $0.ids.removeLast() }?.description.contains("got 31") == true)
    }

    @Test("results are as long as their column says, up to the limit of a payload")
    func results() {
        let most = 1_048_576
        func error(_ sizes: [UInt32], _ bytes: Int) -> WireError? {
            decode {
                $0.resultBytes = sizes
                $0.results = Data(count: bytes)
            }
        }
        #expect(error([3, 4], 7) == nil)
        #expect(error([3, 4], 6) == .unevenColumns("settle.results"))
        #expect(error([3, 4], 8) == .unevenColumns("settle.results"))
        #expect(error([], 1) == .unevenColumns("settle.results"))
        #expect(error([UInt32(most), 0], most) == nil)
        #expect(error([UInt32(most) + 1, 0], most + 1) == outOfRange("result_bytes", most + 1, 0...most))
        #expect(error([.max, .max], 2) == outOfRange("result_bytes", 4_294_967_295, 0...most))
    }

    @Test("a detail names one of the attempts", arguments: [UInt32(0), 1, 2, .max])
    func index(value: UInt32) {
        let expected = value < 2 ? nil : outOfRange("details.index", Int(value), 0...1)
        #expect(detail { $0.index = value } == expected)
    }

    @Test("outcomes that a worker can report, and which of them use up an attempt", arguments: -1...8)
    func outcome(value: Int) throws {
        var message = settle(1)
        message.details = [.with { $0.outcome = Stint_V1_SettleDetail.Outcome(rawValue: value) ?? .completed }]
        let settle = message
        guard (0...7).contains(value) else {
            #expect(
                refusal { () throws(WireError) in try settle.settlements() }
                    == outOfRange("details.outcome", value, 0...7))
            return
        }
        let ending = try settle.settlements()[0].settlement.ending
        let outcomes: [Outcome] = [
            .completed, .failed, .errored, .timedOut, .crashed, .cancelled, .snoozed, .released,
        ]
        #expect(ending.outcome == outcomes[value])
        #expect(ending.counts == (value <= 4))
        #expect(ending.retryAfter == nil)
    }

    @Test(
        "a wait of up to ten years; none is not the same as zero",
        arguments: [0, 316_224_000_000, 316_224_000_001, .max])
    func retryAfter(value: UInt64) throws {
        let most = 316_224_000_000
        let expected =
            value <= most ? nil : outOfRange("details.retry_after_ms", Int(clamping: value), 0...most)
        #expect(detail { $0.retryAfterMs = value } == expected)
        var message = settle(1)
        message.details = [.with { $0.retryAfterMs = 0 }]
        #expect(try message.settlements()[0].settlement.ending.retryAfter == .zero)
    }

    @Test("error and progress up to 16 KiB, log up to 64 KiB")
    func texts() {
        #expect(detail { $0.error = String(repeating: "e", count: 16_384) } == nil)
        #expect(
            detail { $0.error = String(repeating: "e", count: 16_385) }
                == outOfRange("details.error", 16_385, 0...16_384))
        // Bytes count, not characters.
        #expect(detail { $0.error = String(repeating: "ü", count: 8_193) } != nil)
        #expect(detail { $0.progress = Data(count: 16_384) } == nil)
        #expect(detail { $0.progress = Data(count: 16_385) } == outOfRange("details.progress", 16_385, 0...16_384))
        #expect(detail { $0.log = Data(count: 65_536) } == nil)
        #expect(detail { $0.log = Data(count: 65_537) } == outOfRange("details.log", 65_537, 0...65_536))
    }

    @Test("up to 1000 children of 256 KiB together")
    func children() {
        func group(_ count: Int, bytes: UInt32) -> Stint_V1_JobGroup {
            .with {
                $0.type = "mail"
                $0.ids = Data(count: 16 * count)
                $0.payloadBytes = Array(repeating: bytes, count: count)
                $0.payloads = Data(count: count * Int(bytes))
            }
        }
        #expect(detail { $0.children = [group(1_000, bytes: 0)] } == nil)
        #expect(
            detail { $0.children = [group(1_000, bytes: 0), group(1, bytes: 0)] }
                == outOfRange("details.children", 1_001, 1...1_000))
        #expect(detail { $0.children = [group(2, bytes: 131_072)] } == nil)
        #expect(
            detail { $0.children = [group(2, bytes: 131_072), group(1, bytes: 1)] }
                == outOfRange("details.children.payloads", 262_145, 0...262_144))
        // A child is held to the rules of every job.
        #expect(
            detail { $0.children = [.with { $0.type = "" }] }
                == .invalid(field: "settle.details.children[0].type", "expected \(TypeName.rule)"))
    }
}
