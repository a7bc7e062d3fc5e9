/// Cuts a stream of bytes into lines. A carriage return ends a line too, because that is how tools redraw their
/// progress bars, and without it such a bar is one line of an hour's length. Empty lines are dropped.
///
/// No line is longer than `bytesMax`: the rest of a longer one, up to its end, is thrown away, and it is marked.
package struct LineSplitter: Sendable {
    package struct Line: Sendable, Equatable {
        package var bytes: [UInt8]
        package var isCut: Bool

        package var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    private let bytesMax: Int
    private var line = Line(bytes: [], isCut: false)

    package init(bytesMax: Int) {
        precondition(bytesMax > 0)
        self.bytesMax = bytesMax
    }

    /// The lines that these bytes complete.
    package mutating func feed(_ bytes: UnsafeRawBufferPointer) -> [Line] {
        var lines: [Line] = []
        var start = bytes.startIndex
        for index in bytes.indices where bytes[index] == UInt8(ascii: "\n") || bytes[index] == UInt8(ascii: "\r") {
            take(bytes[start..<index])
            start = index + 1
            if let line = end() { lines.append(line) }
        }
        take(bytes[start...])
        return lines
    }

    /// What stood behind the last line break, when the stream has ended.
    package mutating func end() -> Line? {
        defer { line = Line(bytes: [], isCut: false) }
        return line.bytes.isEmpty ? nil : line
    }

    private mutating func take(_ piece: Slice<UnsafeRawBufferPointer>) {
        let room = bytesMax - line.bytes.count
        line.bytes += piece.prefix(room)
        if piece.count > room { line.isCut = true }
    }
}
