import StintCore
import Testing

/// The digest is stored with every job; a change of the function would make every payload on disk look corrupt.
@Suite("Digest") struct DigestTests {
    private func digest(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes(Digest.of) }

    @Test(
        "the function never changes: fixed bytes have fixed digests",
        arguments: [
            (0, 0xA647_F7A9_FCEE_5275),
            (1, 0x336F_7FDF_D8B2_55F5),
            (8, 0xB20D_0137_B1F4_C5CF),
            (15, 0x988B_4CE2_08B7_9322),
            (16, 0x6216_D7E2_82D2_F7FB),
            (17, 0x1927_2913_CBA7_07AE),
            (31, 0xD9BD_50DC_AE30_A080),
            (32, 0xAA83_C8AE_AE32_8AD4),
            (33, 0x72DD_FEFC_7357_ABAB),
            (1_000, 0xEAC6_D4F2_9D06_C937),
        ] as [(Int, UInt64)])
    func fixedVectors(_ count: Int, _ expected: UInt64) {
        #expect(digest((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 3) }) == expected)
    }

    @Test("the mix of two numbers never changes and minds their order")
    func mixed() {
        #expect(Digest.mixed(1, 2) == 0xF785_8B38_A849_9BE9)
        #expect(Digest.mixed(1, 2) != Digest.mixed(2, 1))
    }

    @Test("every bit of every byte changes the digest")
    func everyBit() {
        for count in [1, 7, 8, 9, 16, 17, 24, 40] {
            let bytes = (0..<count).map { UInt8($0) }
            var seen: Set<UInt64> = [digest(bytes)]
            for bit in 0..<(count * 8) {
                var changed = bytes
                changed[bit / 8] ^= 1 << UInt8(bit % 8)
                seen.insert(digest(changed))
            }
            #expect(seen.count == count * 8 + 1)
        }
    }

    @Test("zeros at the end, and halves that change places, change the digest")
    func shape() {
        var seen: Set<UInt64> = []
        for count in 0...100 { seen.insert(digest([UInt8](repeating: 0, count: count))) }
        #expect(seen.count == 101)
        let left: [UInt8] = Array(0..<16)
        let right: [UInt8] = Array(16..<32)
        #expect(digest(left + right) != digest(right + left))
    }

    @Test("where the bytes lie does not matter")
    func alignment() {
        let bytes: [UInt8] = Array(0..<64)
        let expected = digest(bytes)
        for offset in 0..<16 {
            let shifted = [UInt8](repeating: 255, count: offset) + bytes
            let part = Bytes(shifted, offset..<(offset + 64))
            #expect(part.withUnsafeBytes(Digest.of) == expected)
        }
    }
}
