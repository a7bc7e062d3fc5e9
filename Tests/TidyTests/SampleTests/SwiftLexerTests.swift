import Testing

@Suite("Telling code from comments and strings") struct SwiftLexerTests {
    private func code(_ text: String) -> String { SourceFile("Sources/X/Y.swift", text).code.joined(separator: "\n") }

    @Test("comments become spaces, lines stay where they are")
    func comments() {
        #expect(code("a // b\nc") == "a     \nc")
        #expect(code("a /* b /* c */ d\n */ e") == "a               \n    e")
        #expect(code("/// doc `try`\nlet a = 1") == "             \nlet a = 1")
    }

    @Test("string literals become spaces, whatever encloses them")
    func strings() {
        #expect(code(#"a("b // c") // d"#) == "a(        )     ")
        #expect(code(##"a(#"b " c"#)"##) == "a(         )")
        #expect(code("a(\"\"\"\n  b \" c\n  \"\"\")") == "a(   \n       \n     )")
        #expect(code(#"a("b\"c", d)"#) == "a(      , d)")
    }

    @Test("what is interpolated is code")
    func interpolation() {
        #expect(code(#"a("b \(c(d)) e")"#) == "a(     c(d)    )")
        #expect(code(#"a("\(b ? "c" : d)")"#) == "a(   b ?     : d  )")
        #expect(code(##"a(#"\(b) \#(c)"#)"##) == "a(          c   )")
    }

    @Test("an unfinished string ends with its line")
    func unfinishedString() {
        #expect(code("let a = /[\"]/\nlet b = 1") == "let a = /[   \nlet b = 1")
    }

    @Test("a word is found on its own only")
    func words() {
        #expect("x = print(1)".contains(word: "print("))
        #expect(!"x = blueprint(1)".contains(word: "print("))
        #expect("Date.now".contains(word: ".now"))
        #expect(!"Date.nowhere".contains(word: ".now"))
        #expect("try! f()".contains(word: "try!"))
        #expect("a".contains(word: "a") && !"".contains(word: "a"))
    }
}
