import Foundation
import StintCore
import Testing

@testable import StintWire

// Goal: no job passes the wire beyond a limit, and one at a limit does. Method: each number on both sides of each of
// its limits, in a group that is right in everything else.
@Suite("Limits of jobs on their way in") struct JobGroupLimitsTests {
    private static func group(_ change: (inout Stint_V1_JobGroup) -> Void = { _ in }) -> Stint_V1_JobGroup {
        var group = Stint_V1_JobGroup()
        group.type = "mail"
        group.ids = Sample.ids(1...2)
        group.payloadBytes = [2, 4]
        group.payloads = Data("{}null".utf8)
        change(&group)
        return group
    }

    private func decode(
        payloadBytesMax: Int = 1_048_576, _ change: (inout Stint_V1_JobGroup) -> Void
    ) -> WireError? {
        let group = Self.group(change)
        return refusal { () throws(WireError) in
            try IncomingGroup(decoding: group, field: "enqueue.groups[0]", payloadBytesMax: payloadBytesMax)
        }
    }

    private func outOfRange(_ field: String, _ value: Int, _ allowed: ClosedRange<Int>) -> WireError {
        .outOfRange(field: "enqueue.groups[0].\(field)", value: value, allowed: allowed)
    }

    @Test("a group within the limits is a value of the core")
    func value() throws {
        let group = try IncomingGroup(decoding: Self.group(), field: "enqueue.groups[0]", payloadBytesMax: 64)
        #expect(group.type == "mail")
        #expect(group.ids == [Sample.id(1), Sample.id(2)])
        #expect(group.payloads.map(\.copied) == [Array("{}".utf8), Array("null".utf8)])
        #expect(group.start == .atOnce)
        #expect(group.attempts == 0)
        #expect(group.priority == 0)
        #expect(group.extras.count == 0)
    }

    @Test("priorities from -100 to 100", arguments: [Int32.min, -101, -100, 0, 100, 101, .max])
    func priority(value: Int32) {
        let expected = (-100...100).contains(value) ? nil : outOfRange("priority", Int(value), -100...100)
        #expect(decode { $0.priority = value } == expected)
    }

    @Test("attempts from 1 to 1000, or 0 for the policy", arguments: [UInt32(0), 1, 1_000, 1_001, 65_536, .max])
    func attempts(value: UInt32) {
        let expected = value <= 1_000 ? nil : outOfRange("attempts", Int(value), 1...1_000)
        #expect(decode { $0.attempts = value } == expected)
    }

    @Test("types are 1 to 128 of the allowed characters")
    func type() {
        for name in ["a", String(repeating: "a", count: 128), "Az09._-"] {
            #expect(decode { $0.type = name } == nil)
        }
        for name in ["", String(repeating: "a", count: 129), "a b", "ä", "a/b", "a\0"] {
            #expect(
                decode { $0.type = name } == .invalid(field: "enqueue.groups[0].type", "expected \(TypeName.rule)"))
        }
    }

    @Test("delays of up to ten years", arguments: [UInt64(1), 316_224_000_000, 316_224_000_001, .max])
    func delay(value: UInt64) throws {
        let most = 316_224_000_000
        let expected = value <= most ? nil : outOfRange("delay_ms", Int(clamping: value), 0...most)
        #expect(decode { $0.delayMs = value } == expected)
    }

    @Test(
        "times from 1970 to the year 10 000",
        arguments: [Int64.min, -1, 0, 1, 253_402_300_800_000, 253_402_300_800_001, .max])
    func runAt(value: Int64) throws {
        let times = 0...253_402_300_800_000
        let expected = times.contains(Int(value)) ? nil : outOfRange("run_at_ms", Int(value), times)
        #expect(decode { $0.runAtMs = value } == expected)
    }

    @Test("a delay stands above a time")
    func start() throws {
        func start(_ change: (inout Stint_V1_JobGroup) -> Void) throws -> IncomingGroup.Start {
            try IncomingGroup(decoding: Self.group(change), field: "", payloadBytesMax: 64).start
        }
        #expect(try start { $0.runAtMs = 5 } == .at(WallTime(milliseconds: 5)))
        #expect(try start { $0.delayMs = 7 } == .after(.milliseconds(7)))
        #expect(
            try start {
                $0.runAtMs = 5
                $0.delayMs = 7
            } == .after(.milliseconds(7)))
    }

    @Test("ids of 16 bytes each, at least one", arguments: [0, 15, 16, 17, 31, 32, 33])
    func ids(bytes: Int) {
        let error = decode { group in
            group.ids = Data(count: bytes)
            group.payloadBytes = Array(repeating: 0, count: bytes / 16)
            group.payloads = Data()
        }
        if bytes == 0 {
            #expect(error == outOfRange("ids", 0, 1...10_000))
        } else if !bytes.isMultiple(of: 16) {
            #expect(
                error
                    == .invalid(field: "enqueue.groups[0].ids", "expected 16 bytes for each id, got \(bytes) in all"))
        } else {
            #expect(error == nil)
        }
    }

    @Test("as many sizes as ids, and as many bytes as the sizes say")
    func columns() {
        #expect(decode { $0.payloadBytes = [2] } == .unevenColumns("enqueue.groups[0]"))
        #expect(decode { $0.payloadBytes = [2, 4, 0] } == .unevenColumns("enqueue.groups[0]"))
        #expect(decode { $0.payloadBytes = [2, 5] } == .unevenColumns("enqueue.groups[0].payloads"))
        #expect(decode { $0.payloadBytes = [2, 3] } == .unevenColumns("enqueue.groups[0].payloads"))
        #expect(decode { $0.payloadBytes = [0, 6] } == nil)
    }

    @Test("payloads up to the limit of the broker, however it is set")
    func payload() {
        func error(_ bytes: Int, most: Int) -> WireError? {
            decode(payloadBytesMax: most) { group in
                group.payloadBytes = [0, UInt32(bytes)]
                group.payloads = Data(count: bytes)
            }
        }
        for most in [1, 64, 1_048_576] {
            #expect(error(most, most: most) == nil)
            let refusal = error(most + 1, most: most)
            #expect(refusal?.description.contains("enqueue.groups[0].payload_bytes") == true)
            #expect(refusal?.description.contains("payload of \(most + 1) bytes, over the limit of \(most)") == true)
        }
        #expect(decode { $0.payloadBytes = [.max, .max] }?.description.contains("4294967295 bytes") == true)
    }

    @Test("extras up to 16 KiB in all")
    func extras() throws {
        func extras(metadata: Int) -> Stint_V1_JobExtras { .with { $0.metadata = Data(count: metadata) } }
        // A tag and two bytes of length stand before the metadata.
        let fitting = extras(metadata: 16_384 - 3), excessive = extras(metadata: 16_384 - 2)
        #expect(try fitting.serializedData().count == 16_384)
        #expect(decode { $0.extras = fitting } == nil)
        #expect(decode { $0.extras = excessive } == outOfRange("extras", 16_385, 0...16_384))
        let group = try IncomingGroup(
            decoding: Self.group { $0.extras = Sample.extras }, field: "", payloadBytesMax: 64)
        #expect(try Stint_V1_JobExtras(serializedBytes: group.extras.copied) == Sample.extras)
    }

    /// Headers with names and values of these sizes.
    private func trace(_ sizes: [(key: Int, value: Int)]) -> WireError? {
        decode { group in
            group.extras.trace = sizes.map { size in
                .with {
                    $0.key = String(repeating: "k", count: size.key)
                    $0.value = String(repeating: "v", count: size.value)
                }
            }
        }
    }

    @Test("16 headers of a trace, and not one more", arguments: [0, 1, 16, 17, 10_000])
    func traceCount(count: Int) {
        let error = trace(Array(repeating: (1, 1), count: count))
        #expect(error == (count <= 16 ? nil : outOfRange("extras.trace", count, 0...16)))
    }

    @Test("names of headers have 1 to 128 bytes", arguments: [0, 1, 128, 129])
    func traceKey(bytes: Int) {
        let error = trace([(1, 1), (bytes, 1)])
        #expect(error == ((1...128).contains(bytes) ? nil : outOfRange("extras.trace[1].key", bytes, 1...128)))
    }

    @Test("values of headers have up to 1024 bytes", arguments: [0, 1_024, 1_025])
    func traceValue(bytes: Int) {
        let error = trace([(1, bytes)])
        #expect(error == (bytes <= 1_024 ? nil : outOfRange("extras.trace[0].value", bytes, 0...1_024)))
    }

    @Test("the headers of a trace have up to 4 KiB together", arguments: [4_096, 4_097])
    func traceBytes(bytes: Int) {
        // Three whole ones of 1 025 bytes, and the rest.
        let error = trace(Array(repeating: (1, 1_024), count: 3) + [(1, bytes - 3 * 1_025 - 1)])
        #expect(
            error
                == (bytes == 4_096
                    ? nil
                    : .invalid(
                        field: "enqueue.groups[0].extras.trace",
                        "the headers have 4097 bytes together, over the limit of 4096")))
    }

    @Test("bytes are counted, not characters")
    func traceCharacters() {
        let error = decode { group in
            group.extras.trace = [
                .with {
                    $0.key = "k"
                    $0.value = String(repeating: "\u{1F9F5}", count: 257)
                }
            ]
        }
        #expect(error == outOfRange("extras.trace[0].value", 1_028, 0...1_024))
    }

    @Test("10 000 jobs in one message, in one group or in many, and not one more")
    func count() {
        func group(_ count: Int) -> Stint_V1_JobGroup {
            Self.group { group in
                group.ids = Data(count: 16 * count)
                group.payloadBytes = Array(repeating: 0, count: count)
                group.payloads = Data()
            }
        }
        func error(_ counts: [Int]) -> WireError? {
            refusal { () throws(WireError) in
                try [IncomingGroup](
                    decoding: counts.map(group), field: "enqueue.groups", jobsMax: Limits.enqueueJobsMax,
                    payloadBytesMax: 64)
            }
        }
        let tooMany = WireError.outOfRange(field: "enqueue.groups", value: 10_001, allowed: 1...10_000)
        #expect(error([10_000]) == nil)
        #expect(error([10_001]) == tooMany)
        #expect(error([9_999, 1]) == nil)
        #expect(error([1, 9_999, 1]) == tooMany)
        #expect(error([]) == nil)
        // Which group is wrong is said.
        #expect(
            error([1, 0]) == .outOfRange(field: "enqueue.groups[1].ids", value: 0, allowed: 1...10_000))
    }
}
