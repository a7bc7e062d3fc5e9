/// A 64-bit digest of a payload: tells a repeated enqueue from a different job under the same id, and shows when bytes
/// on disk have changed. Not for secrets. Two lanes of multiply and fold over 8 bytes at a time, after wyhash (Wang Yi,
/// 2019); the value is stored, so the function must never change.
package enum Digest {
    package static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var first: UInt64 = 0xA076_1D64_78BD_642F ^ UInt64(bytes.count)
        var second: UInt64 = 0xE703_7ED1_A0B4_28DB
        var offset = 0
        while offset + 16 <= bytes.count {
            let left = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let right = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
            first = fold(first ^ left, 0x8EBC_6AF0_9C88_C6E3 ^ right)
            second = fold(second ^ right, 0x5899_65CC_7537_4CC3 ^ left)
            offset += 16
        }
        var tail: (UInt64, UInt64) = (0, 0)
        var index = 0
        while offset < bytes.count {
            if index < 8 {
                tail.0 |= UInt64(bytes[offset]) << UInt64(8 * index)
            } else {
                tail.1 |= UInt64(bytes[offset]) << UInt64(8 * (index - 8))
            }
            offset += 1
            index += 1
        }
        return fold(fold(first ^ tail.0, 0x1D8E_4E27_C47D_124F ^ tail.1) ^ second, 0xEB44_ACCA_B455_D165)
    }

    /// One number from two.
    package static func mixed(_ left: UInt64, _ right: UInt64) -> UInt64 {
        fold(left ^ 0xA076_1D64_78BD_642F, right ^ 0xE703_7ED1_A0B4_28DB)
    }

    private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
