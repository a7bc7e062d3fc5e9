import Foundation
import StintCore
import StintTestKit
import Testing

@testable import StintWire

// Goal: no bytes of a peer can end the process; each frame is a value within the limits or a refusal with a sentence.
// Method: golden bytes cut and changed at every place, golden bytes spliced at random, and bytes of pure chance, all
// through every decoder there is.
@Suite("Total decoding") struct TotalDecodingTests {
    @Test("a message that is cut anywhere is a value or a refusal", arguments: Sample.all)
    func truncated(sample: Sample) throws {
        let frame = sample.frame
        for end in 0..<frame.count { _ = try Decoding.all(Array(frame[..<end])) }
        // Cut inside its only message there is none.
        for end in 0...9 { #expect(try !Decoding.all(Array(frame[..<end])).isValue) }
    }

    @Test("a message with one byte changed is a value or a refusal", arguments: Sample.all)
    func changed(sample: Sample) throws {
        var frame = sample.frame
        for index in frame.indices {
            let byte = frame[index]
            for bit in 0..<8 {
                frame[index] = byte ^ 1 << UInt8(bit)
                _ = try Decoding.all(frame)
            }
            for value: UInt8 in [0x00, 0x7F, 0x80, 0xFF] {
                frame[index] = value
                _ = try Decoding.all(frame)
            }
            frame[index] = byte
        }
        #expect(frame == sample.frame)
    }

    @Test("pieces of messages in any order are a value or a refusal", arguments: 1...4 as ClosedRange<UInt64>)
    func spliced(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let frames = Sample.all.map(\.frame)
        for _ in 0..<5_000 {
            var frame = WireBytes.session(1)
            for _ in 0...random.next(upTo: 3) {
                let source = frames[Int(random.next(upTo: UInt64(frames.count - 1)))]
                let start = Int(random.next(upTo: UInt64(source.count - 1)))
                let end = start + Int(random.next(upTo: UInt64(source.count - start)))
                frame += source[start..<end]
            }
            _ = try Decoding.all(frame)
        }
    }

    @Test("bytes of chance are a value or a refusal", arguments: 1...4 as ClosedRange<UInt64>)
    func chance(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let numbers = try WireSchema().members.map(\.number)
        for round in 0..<50_000 {
            let bytes = (0..<random.next(upTo: 40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            // Every second one at least claims to be a message.
            let number = numbers[Int(random.next(upTo: UInt64(numbers.count - 1)))]
            _ = try Decoding.all(
                round.isMultiple(of: 2) ? bytes : WireBytes.session(1) + WireBytes.field(number, bytes))
        }
    }

    @Test("a length beyond the end of the frame is refused and reserves nothing", arguments: Sample.all)
    func absurdLengths(sample: Sample) throws {
        let member = try #require(try WireSchema().members.first { $0.name == sample.field })
        let head = WireBytes.session(1) + WireBytes.varint(UInt64(member.number) << 3 | 2)
        for length: UInt64 in [1, 1 << 20, 1 << 31, 1 << 32, 1 << 63, .max] {
            #expect(throws: WireError.malformed("not an envelope")) {
                try Frame.decode(head + WireBytes.varint(length))
            }
        }
        // The same one level further in, in each field there could be.
        for field in 1...20 {
            for length: UInt64 in [2, 1 << 31, .max] {
                let inner = WireBytes.varint(UInt64(field) << 3 | 2) + WireBytes.varint(length) + [0]
                #expect(throws: WireError.self) {
                    try Frame.decode(WireBytes.session(1) + WireBytes.field(member.number, inner))
                }
            }
        }
    }

    @Test(
        "a frame of half a million empty parts is a value or a refusal",
        arguments: [("heartbeat", "running"), ("worker_hello", "held"), ("enqueue", "groups")])
    func manyParts(field: String, parts: String) throws {
        let schema = try WireSchema()
        let member = try #require(schema.members.first { $0.name == field })
        let part = try #require(schema.messages[member.type]?.first { $0.name == parts })
        let content = Array(repeatElement(WireBytes.field(part.number, []), count: 500_000).joined())
        let frame = WireBytes.session(1) + WireBytes.field(member.number, content)
        #expect(frame.count <= Limits.messageBytesMax)
        // Nothing runs, says the heartbeat; the others need a state or a type.
        #expect(try Decoding.all(frame).isValue == (field == "heartbeat"))
    }

    @Test("eight levels of nesting are read, more are refused")
    func nesting() throws {
        // A group in a group, in a field that no version has, below the envelope; decoding must not recurse for ever.
        func nested(_ levels: Int) -> [UInt8] {
            let start = WireBytes.varint(5_000 << 3 | 3), end = WireBytes.varint(5_000 << 3 | 4)
            return Sample.all[0].frame + Array(repeating: start, count: levels).joined()
                + Array(repeating: end, count: levels).joined()
        }
        // The envelope itself is the first.
        #expect(try Frame.decode(nested(7)).message == Sample.all[0].message)
        #expect(throws: WireError.malformed("not an envelope")) { try Frame.decode(nested(8)) }
        #expect(throws: WireError.malformed("not an envelope")) { try Frame.decode(nested(100_000)) }
    }

    @Test("what is no envelope, has no message or no session is refused as such")
    func envelope() throws {
        let drain = WireBytes.field(16, [])
        #expect(throws: WireError.malformed("an envelope without a message")) { try Frame.decode([]) }
        #expect(throws: WireError.malformed("an envelope without a message")) { try Frame.decode(WireBytes.session(1)) }
        #expect(throws: WireError.malformed("an envelope without a session")) { try Frame.decode(drain) }
        #expect(throws: WireError.malformed("an envelope without a session")) {
            try Frame.decode(WireBytes.session(0) + drain)
        }
        #expect(try Frame.decode(WireBytes.session(.max) + drain).session == .max)
        // A member that only a later version has: nothing to be done with it.
        #expect(throws: WireError.malformed("an envelope without a message")) {
            try Frame.decode(WireBytes.session(1) + WireBytes.field(999, [1, 2, 3]))
        }
    }
}
