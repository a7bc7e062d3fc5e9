import Foundation
import StintCore
import SwiftProtobuf
import Testing

@testable import StintWire

// Goal: what is on the wire never changes by accident, so a worker of one release understands a broker of another.
// Method: the bytes of each message, with every field set, are kept in a file each; reading them gives the value and
// writing the value gives them. What there is to check is read from the schema itself, so that a new message or field
// without its bytes fails. STINT_UPDATE_FIXTURES=1 writes the files anew; after that the diff shows what changed.
@Suite("Golden bytes") struct GoldenBytesTests {
    private static let isUpdating = ProcessInfo.processInfo.environment["STINT_UPDATE_FIXTURES"] == "1"

    @Test("a message and its golden bytes are each made from the other", arguments: Sample.all)
    func golden(sample: Sample) throws {
        if Self.isUpdating { try Fixture.write(sample.frame, sample.field) }
        let bytes = try Fixture.read(sample.field)
        let decoded = try Frame.decode(bytes)
        #expect(decoded.session == Sample.session)
        #expect(decoded.message == sample.message)
        #expect(sample.frame == bytes)
    }

    @Test("every message that can travel has its golden bytes, and no bytes are left of another")
    func complete() throws {
        let members = try WireSchema().members.map(\.name).sorted()
        #expect(members.count >= 33)
        #expect(Sample.all.map(\.field).sorted() == members)
        guard !Self.isUpdating else { return }
        let expected = members.map { $0.replacing("_", with: "-") + Fixture.suffix }.sorted()
        #expect(try Fixture.names() == expected)
    }

    @Test("golden bytes carry their message under the number of the schema", arguments: Sample.all)
    func numbers(sample: Sample) throws {
        let member = try #require(try WireSchema().members.first { $0.name == sample.field })
        let fields = try #require(WireFields(sample.frame[...]))
        #expect(fields.found.map(\.number) == [1, member.number])
    }

    @Test("every field of every message is set in some golden bytes")
    func everyField() throws {
        let schema = try WireSchema()
        var seen: [String: Set<Int>] = [:]
        for sample in Sample.all { try note(sample.frame[...], as: "Envelope", schema, &seen) }
        for (message, fields) in schema.messages {
            for field in fields where seen[message]?.contains(field.number) != true {
                Issue.record("\(message).\(field.name) is set in no fixture")
            }
        }
    }

    private func note(
        _ bytes: ArraySlice<UInt8>, as message: String, _ schema: WireSchema, _ seen: inout [String: Set<Int>]
    ) throws {
        for (number, content) in try #require(WireFields(bytes), "\(message) is not made of fields").found {
            seen[message, default: []].insert(number)
            let field = try #require(schema.messages[message]?.first { $0.number == number })
            guard let inner = schema.message(named: field.type, in: message) else { continue }
            try note(content, as: inner, schema, &seen)
        }
    }

    @Test("fields of a later version are ignored, in the envelope and in each message", arguments: Sample.all)
    func unknownFields(sample: Sample) throws {
        let member = try #require(try WireSchema().members.first { $0.name == sample.field })
        #expect(try Frame.decode(sample.frame + WireBytes.unknownFields).message == sample.message)
        #expect(try Frame.decode(WireBytes.unknownFields + sample.frame).message == sample.message)

        let content = Array(try #require(WireFields(sample.frame[...])?.found.last).bytes)
        let longer =
            WireBytes.session(Sample.session) + WireBytes.field(member.number, content + WireBytes.unknownFields)
        #expect(try Frame.decode(longer).message == sample.message)
    }

    @Test("golden bytes of workers are within every limit")
    func withinLimits() throws {
        let hello = try WorkerHello(decoding: Sample.hello)
        #expect(hello.types == ["parse_paper", "summarize"])
        #expect(hello.slots == 8)
        #expect(hello.instance == InstanceID(high: Sample.id(800).high, low: Sample.id(800).low))
        #expect(hello.held.map(\.state) == [.running, .running, .waiting, .waiting, .settled, .settled])
        #expect(hello.held.map(\.lease.id) == [10, 11, 20, 21, 30, 31].map(Sample.id))
        #expect(hello.held.last?.lease.token == FencingToken(epoch: Sample.epoch, sequence: 31))

        let settlements = try Sample.settle.settlements()
        #expect(settlements.map(\.settlement.id) == [40, 41, 42].map(Sample.id))
        #expect(settlements.map(\.settlement.runMicroseconds) == [1_500, 0, 4_000_000_000])
        #expect(settlements.map { $0.result?.copied } == [Array("true".utf8), nil, Array("[]".utf8)])
        #expect(settlements[0].settlement.ending == AttemptEnding(.completed, counts: true))
        #expect(
            settlements[1].settlement.ending
                == AttemptEnding(.failed, counts: true, isPermanent: true, retryAfter: .seconds(30)))
        #expect(settlements[1].error?.copied == Array("the file has no pages".utf8))
        #expect(settlements[1].log?.copied == Array("opened\n".utf8))
        #expect(settlements[1].progress?.copied == Array(#"{"page":1}"#.utf8))
        #expect(settlements[2].children.first?.ids == [1, 2].map(Sample.id))
    }
}
