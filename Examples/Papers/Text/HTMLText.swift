/// The text of an HTML page, as a reader without a screen would get it.
///
///     text ──"<"──► tag ──">"──► text          script, style, template, title's siblings: skipped to their end tag
///       └──"<!--"──► comment ──"-->"──► text
///
/// It is a reader of tags, not a parser of documents: it never fails, whatever the page looks like. A `<` that opens
/// no tag (`a < b`) is text, a tag or a comment that never ends swallows the rest, as in a browser.
public enum HTMLText {
    /// Elements that end a paragraph. All others (`b`, `a`, `span` …) are part of the sentence they stand in.
    private static let paragraphs: Set<Substring> = [
        "address", "article", "aside", "blockquote", "body", "caption", "dd", "div", "dl", "dt", "fieldset",
        "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "html",
        "legend", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead",
        "title", "tr", "ul",
    ]
    /// Elements whose content is not for reading.
    private static let unread: Set<Substring> = ["script", "style", "template", "noscript", "svg", "math", "iframe"]

    public static func strip(_ page: String) -> String {
        var output = ""
        output.reserveCapacity(page.utf8.count / 2)
        var rest = page[...]
        var preformatted = 0
        while let mark = rest.utf8.firstIndex(of: UInt8(ascii: "<")) {
            append(rest[..<mark], to: &output, preformatted: preformatted > 0)
            rest = rest[mark...]
            guard let tag = Tag(at: &rest) else {
                append("<", to: &output, preformatted: preformatted > 0)
                rest = rest.dropFirst()
                continue
            }
            if tag.name == "pre" { preformatted = max(0, preformatted + (tag.isEnd ? -1 : 1)) }
            if tag.name == "br" {
                output += "\n"
            } else if paragraphs.contains(tag.name) {
                output += "\n\n"
            } else if tag.name == "td" || tag.name == "th" {
                append(" ", to: &output, preformatted: false)
            } else if !tag.isEnd && !tag.isEmpty && unread.contains(tag.name) {
                skip(past: tag.name, in: &rest)
            }
        }
        append(rest, to: &output, preformatted: preformatted > 0)
        return output
    }

    /// Outside `pre`, any amount of white space reads as one space.
    private static func append(_ text: Substring, to output: inout String, preformatted: Bool) {
        let decoded = HTMLEntities.decode(text)
        guard !preformatted else {
            output += decoded
            return
        }
        var spaced = output.unicodeScalars.last.map { $0 == " " || $0 == "\n" } ?? true
        for scalar in decoded.unicodeScalars {
            let isSpace = scalar == " " || (scalar.value >= 9 && scalar.value <= 13)
            if !isSpace { output.unicodeScalars.append(scalar) } else if !spaced { output += " " }
            spaced = isSpace
        }
    }

    /// Drops everything up to and with the end tag of this element.
    private static func skip(past name: Substring, in rest: inout Substring) {
        while let mark = rest.utf8.firstIndex(of: UInt8(ascii: "<")) {
            rest = rest[mark...]
            if let tag = Tag(at: &rest) {
                if tag.isEnd && tag.name == name { return }
            } else {
                rest = rest.dropFirst()
            }
        }
        rest = ""
    }
}

extension HTMLText {
    /// A start tag, an end tag, a comment or a declaration (the last two without a name).
    struct Tag {
        var name: Substring = ""
        var isEnd = false
        /// Written `<br/>`.
        var isEmpty = false

        /// Reads one from the front of the text and removes it. Nil, and nothing removed, when there is none.
        init?(at rest: inout Substring) {
            guard rest.utf8.first == UInt8(ascii: "<") else { return nil }
            let inside = rest.utf8.dropFirst()
            guard let first = inside.first else { return nil }
            if first == UInt8(ascii: "!") || first == UInt8(ascii: "?") {
                let isComment = inside.starts(with: "!--".utf8)
                rest = isComment ? rest.after("-->") : rest.after(">")
                return
            }
            isEnd = first == UInt8(ascii: "/")
            let named = Substring(isEnd ? inside.dropFirst() : inside)
            let length = named.utf8.prefix(while: { isLetterOrDigit($0) || $0 == UInt8(ascii: "-") }).count
            guard let initial = named.utf8.first, isLetterOrDigit(initial), !isDigit(initial) else { return nil }
            name = Substring(named.prefix(length).lowercased())
            rest = named.dropFirst(length)
            // A ">" inside a quoted attribute does not end the tag.
            var quote: UInt8?
            var before: UInt8 = 0
            for index in rest.utf8.indices {
                let byte = rest.utf8[index]
                if let open = quote {
                    if byte == open { quote = nil }
                } else if byte == UInt8(ascii: ">") {
                    isEmpty = before == UInt8(ascii: "/")
                    rest = rest[rest.utf8.index(after: index)...]
                    return
                } else if (byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'")) && before == UInt8(ascii: "=") {
                    quote = byte
                }
                before = byte
            }
            rest = ""
        }
    }
}

extension Substring {
    /// What follows the first occurrence of a mark; nothing when it does not occur.
    fileprivate func after(_ mark: String) -> Substring {
        let bytes = Array(mark.utf8)
        var rest = utf8
        while let start = rest.firstIndex(of: bytes[0]) {
            rest = rest[start...]
            if rest.starts(with: bytes) { return Substring(rest.dropFirst(bytes.count)) }
            rest = rest.dropFirst()
        }
        return ""
    }
}
