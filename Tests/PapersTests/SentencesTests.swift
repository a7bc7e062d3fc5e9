import Foundation
import Testing

@testable import Papers

@Suite("Sentences") struct SentencesTests {
    private func split(_ text: String) -> [String] {
        let prose = Prose(text)
        return Sentences.split(prose).map { prose.line($0) }
    }

    @Test("full stops, questions and exclamations end a sentence, with the quotes that close there")
    func ends() {
        #expect(split("One. Two? Three! Four… Five") == ["One.", "Two?", "Three!", "Four…", "Five"])
        #expect(split("He said \"yes.\" Then (he left.) Why?") == ["He said \"yes.\"", "Then (he left.)", "Why?"])
        #expect(split("“Ja.” Élan vital.") == ["“Ja.”", "Élan vital."])
    }

    @Test(
        "a dot inside is no end",
        arguments: [
            "Version 2.0 of it.", "See e.g. the list.", "By J. R. Hacker.", "Acme, Inc. Boston, USA.",
            "Dr. Jekyll came.",
            "See www.example.org. it says.", "Smith et al. Found it.", "1. First point.", "2.1. Second point.",
        ])
    func inside(sentence: String) { #expect(split(sentence) == [sentence]) }

    @Test("an empty line ends a sentence, and so does a line with nothing but a dot")
    func paragraphs() {
        #expect(
            split("A title\n\nAnd text\nthat goes on.\n .\n more") == ["A title", "And text that goes on.", "more"])
    }

    @Test("points of a list stand alone")
    func points() {
        #expect(
            split("You may:\n - copy it\n - change\n   it\n(a) or\n2) not") == [
                "You may:", "- copy it", "- change it", "(a) or", "2) not",
            ])
        #expect(split("Copyright: 2001 A\nLicense: GPL-2") == ["Copyright: 2001 A", "License: GPL-2"])
    }

    @Test("nothing comes of nothing", arguments: ["", " \n\n \t", "\n.\n"])
    func nothing(text: String) { #expect(split(text).isEmpty) }

    @Test("places are those of the sentence, in bytes, also after letters of several bytes")
    func places() {
        let prose = Prose("Über uns. Ça va? 你好。 Next one.\n\nEnd")
        for span in Sentences.split(prose) {
            #expect(!prose.line(span).isEmpty)
            #expect(String(validating: prose.bytes[span.start..<span.end], as: UTF8.self) != nil)
        }
        #expect(Sentences.split(prose).last.map { prose.text($0) } == "End")
    }

    @Test("no word of a real text is lost or doubled", .enabled(if: Licences.isHere), arguments: Licences.paths)
    func complete(path: String) throws {
        let prose = Prose(try PlainText.extract(from: Data(contentsOf: URL(fileURLWithPath: path)), as: .text))
        let sentences = Sentences.split(prose)
        #expect(zip(sentences, sentences.dropFirst()).allSatisfy { $0.end <= $1.start })
        let words = sentences.reduce(0) { $0 + prose.words(in: $1).count }
        #expect(words == prose.words.count)
        #expect(sentences.count > 5)
    }

    @Test("lines are counted from one, and those of a place are the ones before it")
    func lines() {
        let prose = Prose("a\nb\n\nc")
        var lines = Prose.LineCounter()
        #expect([0, 1, 2, 5].map { lines.line(of: $0, in: prose) } == [1, 1, 2, 4])
    }

    @Test("words keep what joins them and lose what does not")
    func words() {
        #expect(
            Prose("don't GPL-2.0, (AT&T) U.S.C. -x- naïve a--b").words.map(\.text) == [
                "don't", "GPL-2.0", "AT&T", "U.S.C", "x", "naïve", "a", "b",
            ])
    }
}
