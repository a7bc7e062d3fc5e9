import Foundation
import Testing

@testable import Papers

@Suite("Plain text") struct PlainTextTests {
    @Test(
        "a document's kind follows from its name",
        arguments: [
            ("a.txt", DocumentKind.text), ("A.TXT", .text), ("notes.md", .markdown), ("p.html", .html),
            ("p.htm", .html),
            ("p.pdf", .pdf), ("/usr/share/doc/bash/copyright", .text), ("GPL-3", .text), ("Apache-2.0", .text),
        ])
    func kinds(name: String, kind: DocumentKind) { #expect(DocumentKind(path: name) == kind) }

    @Test("other endings are no documents", arguments: ["a.docx", "b.png", "c.2a", "d.gz"])
    func foreign(name: String) { #expect(DocumentKind(path: name) == nil) }

    @Test("valid UTF-8 is read as such, with or without a byte order mark")
    func utf8() throws {
        #expect(try PlainText.decode(Data("Zoë – naïve".utf8)) == "Zoë – naïve")
        #expect(try PlainText.decode(Data([0xEF, 0xBB, 0xBF] + "x".utf8)) == "x")
        #expect(try PlainText.decode(Data()) == "")
    }

    @Test("one byte that is not UTF-8 makes the whole text Latin-1, and loses nothing")
    func latin1() throws {
        #expect(try PlainText.decode(Data("Jos".utf8 + [0xE9] + " Garc".utf8 + [0xED] + "a".utf8)) == "José García")
    }

    @Test("a zero byte means that it is no text, and says where")
    func binary() {
        #expect(throws: PlainText.NotText(offset: 2)) { try PlainText.decode(Data([65, 66, 0, 67])) }
        // Also in a slice, whose indices do not begin at zero.
        #expect(throws: PlainText.NotText(offset: 0)) { try PlainText.decode(Data([65, 66, 0, 67]).dropFirst(2)) }
    }

    @Test("paragraphs stay, line ends and white space are evened out")
    func tidy() throws {
        let text = try PlainText.extract(
            from: Data("\r\n\r\nOne  \r\ntwo\r\n\r\n\r\n\r\nthree\u{C}four\n\n".utf8), as: .text)
        #expect(text == "One\ntwo\n\nthree\nfour\n")
        #expect(try PlainText.extract(from: Data(" \n\t\n".utf8), as: .text) == "")
    }

    @Test("Markdown loses its marks and keeps its words")
    func markdown() {
        let source = """
            ---
            title: hidden
            ---
            # A *title* ##

            Some **bold**, _quiet_ and `code` words, snake_case and 2 * 3.
            A [link](https://example.org/a_(b)) and ![a picture](x.png), <https://example.org>, <b>tag</b>.

            ```swift
            let hidden = true
            ```
            > quoted \\*star\\* &amp; more

            | a | b |
            |---|---|
            * first
            - second
            """
        let text = PlainText.tidy(MarkdownText.strip(source))
        #expect(
            text == """
                A title

                Some bold, quiet and code words, snake_case and 2 * 3.
                A link and a picture, https://example.org, tag.

                quoted *star* & more

                | a | b |

                * first
                - second

                """)
    }

    @Test("a fence that is never closed hides the rest, as it does elsewhere")
    func openFence() { #expect(PlainText.tidy(MarkdownText.strip("a\n~~~\nb\n```\nc")) == "a\n") }

    @Test(
        "text that only looks like Markdown survives",
        arguments: ["[not a link", "a ] b [ c", "![", "<", "\\", "*", ""])
    func stray(source: String) { #expect(MarkdownText.strip(source) == source) }
}
