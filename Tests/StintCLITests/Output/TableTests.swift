import Testing

@testable import StintCLI

@Suite("Tables") struct TableTests {
    @Test("a text is cut behind the limit, and shows that it was")
    func cut() {
        #expect("abcde".cut(to: 5) == "abcde")
        #expect("abcdef".cut(to: 5) == "abcd…")
        #expect("".cut(to: 5).isEmpty)
    }

    @Test("columns are as wide as their widest cell, and no cell breaks a line")
    func columns() {
        var table = Table("A", "B")
        table.add("wide", "1")
        table.add("x", "a\nb\u{1B}[0m")
        #expect(table.printed() == "A     B\nwide  1\nx     a b [0m")
    }
}
