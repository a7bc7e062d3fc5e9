import StintCore
import Testing

@testable import StintStore

// Goal: packed numbers come back, and no damaged blob does harm. Method: both ends of every range; every cut and many
// turned bits of a real blob.
@Suite("Packed blobs") struct PackingTests {
    private let token = FencingToken(epoch: 5, sequence: 9)

    @Test("numbers come back", arguments: [0, 1, 127, 128, 16_383, 16_384, UInt64(Int64.max), 1 << 63, .max])
    func unsigned(value: UInt64) throws {
        var writer = PackedWriter()
        writer.write(byte: 1)
        writer.write(value)
        writer.write(signed: Int64(bitPattern: value))
        var reader = try PackedReader(writer.bytes, version: 1, subject: "numbers")
        #expect(try reader.read() == value)
        #expect(try reader.readSigned() == Int64(bitPattern: value))
        #expect(reader.isAtEnd)
    }

    @Test("small numbers of either sign take one byte", arguments: [0, 1, -1, 63, -64])
    func small(value: Int64) {
        var writer = PackedWriter()
        writer.write(signed: value)
        #expect(writer.bytes.count == 1)
    }

    @Test("a number of more than 64 bits is damage")
    func tooLong() throws {
        for bytes in [[UInt8](repeating: 0xFF, count: 11), [UInt8](repeating: 0x80, count: 9) + [2]] {
            var reader = try PackedReader([1] + bytes, version: 1, subject: "numbers")
            #expect(throws: StoreError.self) { try reader.read() }
        }
    }

    @Test("an unknown version is damage")
    func version() {
        #expect(throws: StoreError.self) { try PackedReader([2], version: 1, subject: "numbers") }
        #expect(throws: StoreError.self) { try PackedReader([], version: 1, subject: "numbers") }
    }

    private var entries: [GrantRow.Entry] {
        [
            .init(serial: 1_000_000, offset: 0, attempt: 1), .init(serial: 1_000_001, offset: 1, attempt: 1),
            .init(serial: .max, offset: .max, attempt: .max), .init(serial: .min, offset: 7, attempt: 0),
        ]
    }

    @Test("the leases of a grant come back")
    func grant() throws {
        var writer = PackedWriter()
        for entries in [entries, []] {
            GrantRow.pack(entries, into: &writer)
            #expect(try GrantRow.unpack(writer.bytes, grant: token) == entries)
        }
    }

    @Test("a grant that is cut anywhere, or goes on, is damage with a sentence")
    func cutGrant() {
        var writer = PackedWriter()
        GrantRow.pack(entries, into: &writer)
        for end in 0..<writer.bytes.count {
            let error = #expect(throws: StoreError.self) {
                try GrantRow.unpack(Array(writer.bytes[..<end]), grant: token)
            }
            #expect(error?.code == .corrupt)
            #expect(error?.description.contains(token.description) == true)
        }
        #expect(throws: StoreError.self) { try GrantRow.unpack(writer.bytes + [0], grant: token) }
    }

    @Test("turned bits are damage or other numbers, never a trap")
    func turnedBits() {
        var writer = PackedWriter()
        GrantRow.pack(entries, into: &writer)
        var log = ListingLog()
        for serial: Int64 in [5, .max, .min, 6] {
            log.append(state: .dead, type: TypeIndex(9), finishedAt: serial, serial: serial, isRemoval: serial == 6)
        }
        for blob in [writer.bytes, log.bytes] {
            for index in blob.indices {
                for bit in 0..<8 {
                    var damaged = blob
                    damaged[index] ^= 1 << UInt8(bit)
                    _ = try? GrantRow.unpack(damaged, grant: token)
                    try? ListingLog.forEach(in: damaged, batch: 1) { _ in }
                }
            }
        }
    }

    @Test("the log of final jobs comes back in order")
    func log() throws {
        var log = ListingLog()
        var expected: [ListingEntry] = []
        for (index, state) in [JobState.dead, .completed, .cancelled, .dead].enumerated() {
            let entry = ListingEntry(
                state: state, type: TypeIndex(index == 2 ? Int(Int32.max) : index),
                place: FinishedPlace(finishedAt: Int64(1_000 - index), serial: Int64(index * 50)),
                isRemoval: index.isMultiple(of: 2))
            expected.append(entry)
            log.append(
                state: entry.state, type: entry.type, finishedAt: entry.place.finishedAt, serial: entry.place.serial,
                isRemoval: entry.isRemoval)
        }
        var found: [ListingEntry] = []
        try ListingLog.forEach(in: log.bytes, batch: 1) { found.append($0) }
        #expect(found == expected)
        #expect(log.count == 4)
    }
}
