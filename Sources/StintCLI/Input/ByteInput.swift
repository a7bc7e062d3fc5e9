import Glibc

/// What a command reads: the bytes as they come, which may be no text at all. A read that fails is an error and not the
/// end, so that a folder or a closed descriptor in the place of standard input is told and not taken for nothing.
struct ByteInput {
    struct ReadFailure: Error, Equatable, CustomStringConvertible {
        let code: Int32

        var description: String { String(cString: strerror(code)) }
    }

    private let descriptor: Int32
    private var bytes: [UInt8] = []
    private var start = 0
    private var isAtEnd = false

    init(descriptor: Int32 = STDIN_FILENO) { self.descriptor = descriptor }

    /// The next line without its end, which is LF or CR LF; nil when there is none.
    ///
    /// - Parameter bytesMax: Of a longer line only the beginning comes, longer than this; then no more lines come.
    mutating func line(bytesMax: Int) throws(ReadFailure) -> [UInt8]? {
        var searched = start
        while true {
            if let end = bytes[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { start = end + 1 }
                return Self.withoutReturn(bytes[start..<end])
            }
            searched = bytes.count
            guard !isAtEnd, searched - start <= bytesMax + 1 else {
                defer { (bytes, start, isAtEnd) = ([], 0, true) }
                return start == bytes.count ? nil : Self.withoutReturn(bytes[start...])
            }
            if start > 0 {
                bytes.removeFirst(start)
                (searched, start) = (searched - start, 0)
            }
            try readMore()
        }
    }

    /// Everything up to the end, or a little more than `bytesMax` when there is more.
    mutating func all(bytesMax: Int) throws(ReadFailure) -> [UInt8] {
        while !isAtEnd, bytes.count <= bytesMax { try readMore() }
        return bytes
    }

    private mutating func readMore() throws(ReadFailure) {
        let room = 65_536
        var count = 0
        var code: Int32 = 0
        let piece = [UInt8](unsafeUninitializedCapacity: room) { buffer, filled in
            repeat {
                count = Glibc.read(descriptor, buffer.baseAddress, room)
                code = errno
            } while count < 0 && code == EINTR
            filled = max(0, count)
        }
        guard count >= 0 else { throw ReadFailure(code: code) }
        if count == 0 { isAtEnd = true }
        bytes += piece
    }

    private static func withoutReturn(_ line: ArraySlice<UInt8>) -> [UInt8] {
        Array(line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
    }
}
