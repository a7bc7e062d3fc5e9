import Foundation

/// The text of a document that is text already, with or without marks in it.
///
/// The rule: words and paragraphs stay, marks go. A paragraph ends at an empty line, as it does in the source.
public enum PlainText {
    public struct NotText: Error, Equatable, CustomStringConvertible {
        /// Where the first byte lies that no text contains.
        public let offset: Int
        public var description: String { "byte \(offset) is zero, which is in no text" }
    }

    /// - Parameter kind: Everything but `.pdf`, which ``PDFText`` reads.
    public static func extract(from data: Data, as kind: DocumentKind) throws(NotText) -> String {
        let source = try decode(data)
        switch kind {
        case .text, .pdf: return tidy(source)
        case .markdown: return tidy(MarkdownText.strip(source))
        case .html: return tidy(HTMLText.strip(source))
        }
    }

    /// UTF-8 when the bytes are valid UTF-8 from end to end, otherwise Latin-1, in which every byte is a character. A
    /// guess in between (some bytes replaced by question marks) would lose names, which are what is looked for.
    public static func decode(_ data: Data) throws(NotText) -> String {
        if let offset = data.firstIndex(of: 0) { throw NotText(offset: offset - data.startIndex) }
        let bytes = data.starts(with: [0xEF, 0xBB, 0xBF]) ? data.dropFirst(3) : data
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        var scalars = String.UnicodeScalarView()
        for byte in bytes { scalars.append(Unicode.Scalar(byte)) }
        return String(scalars)
    }

    /// One kind of line end, nothing at the end of a line, one empty line between paragraphs.
    static func tidy(_ text: String) -> String {
        var output = ""
        output.reserveCapacity(text.utf8.count)
        var empty = 0
        // A form feed is where pdftotext ends a page; a carriage return and its line feed are one Character.
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: { $0.isNewline }) {
            guard let last = line.lastIndex(where: { !$0.isWhitespace }) else {
                empty += 1
                continue
            }
            if !output.isEmpty { output += empty > 0 ? "\n\n" : "\n" }
            output += line[...last]
            empty = 0
        }
        return output.isEmpty ? "" : output + "\n"
    }
}
