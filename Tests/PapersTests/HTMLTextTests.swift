import Testing

@testable import Papers

@Suite("Text of HTML pages") struct HTMLTextTests {
    private func text(_ page: String) -> String { PlainText.tidy(HTMLText.strip(page)) }

    @Test("blocks become paragraphs, inline elements stay in their sentence")
    func blocks() {
        let page =
            "<html><head><title>T</title></head><body><h1>Head</h1><p>One <b>bold</b>\n  word.<p>Two<br>lines</body>"
        #expect(text(page) == "T\n\nHead\n\nOne bold word.\n\nTwo\nlines\n")
    }

    @Test("scripts, styles and comments are not read, whatever is written in them")
    func unread() {
        let page = """
            <script>if (a < b) { x("</p>") }</script ><STYLE media='>'>p { }</STYLE>A<!-- <p> -- > B -->C\
            <!doctype html><?xml v?>D
            """
        #expect(text(page) == "ACD\n")
        #expect(text("A<script>1</script>B") == "AB\n")
        // As XHTML has it.
        #expect(text("A<script src='x'/>B") == "AB\n")
    }

    @Test("a tag ends at its own end, not at a sign inside its attributes")
    func attributes() { #expect(text("<a title=\"a > b\" href='x>y'>word</a> it's") == "word it's\n") }

    @Test("signs that open no tag are text", arguments: ["a < b", "1 <2", "x <", "<", "a <- b", "</ >", "I <3 it"])
    func stray(page: String) { #expect(text(page) == page + "\n") }

    @Test(
        "what never ends swallows the rest and harms nothing",
        arguments: [
            "A<p class=\"x", "A<!-- b", "A<script>x", "A<b", "A<style><b>", "A<!",
        ])
    func endless(page: String) { #expect(text(page) == "A\n") }

    @Test("preformatted text keeps its lines")
    func preformatted() { #expect(text("<pre>a\n  b\n</pre><p>c\nd") == "a\n  b\n\nc d\n") }

    @Test("cells of a table stay apart")
    func cells() { #expect(text("<table><tr><td>a</td><td>b</td></tr><tr><th>c</th></tr></table>") == "a b\n\nc\n") }

    @Test(
        "character references are decoded once",
        arguments: [
            ("&amp;", "&"), ("&amp;lt;", "&lt;"), ("&lt;p&gt;", "<p>"), ("&#65;&#x42;&#X43;", "ABC"), ("&eacute;", "é"),
            ("&#8217;", "’"), ("&#146;", "’"), ("&#x1F600;", "😀"), ("&Auml;&auml;", "Ää"),
        ])
    func references(source: String, decoded: String) { #expect(HTMLEntities.decode(source[...]) == decoded) }

    @Test(
        "what is no reference stays as it was",
        arguments: [
            "AT&T", "a & b", "&", "&;", "&unknown;", "&#;", "&#x;", "&#xZZ;", "&amp", "fish&chips;",
            "&averyveryveryveryveryveryverylongname;",
        ])
    func noReferences(source: String) { #expect(HTMLEntities.decode(source[...]) == source) }

    @Test(
        "numbers that name no character become the replacement character",
        arguments: [
            "&#0;", "&#xD800;", "&#x110000;", "&#4294967295;",
        ])
    func impossible(source: String) { #expect(HTMLEntities.decode(source[...]) == "\u{FFFD}") }

    @Test("encoding makes text safe in elements and attributes, and decodes to itself")
    func encoding() {
        let hostile = "<script>alert('x')</script> & \"quoted\""
        let encoded = HTMLEntities.encode(hostile)
        #expect(!encoded.contains { "<>\"'".contains($0) })
        #expect(HTMLEntities.decode(encoded[...]) == hostile)
        #expect(HTMLEntities.encode("a\u{0}\u{1B}b\n") == "a\u{FFFD}\u{FFFD}b\n")
    }
}
