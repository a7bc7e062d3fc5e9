import StintCore
import Testing

@Suite("TypeName") struct TypeNameTests {
    @Test(
        "letters, digits, dot, underscore and hyphen make a name of 1 to 128 characters",
        arguments: [
            "a", "parse_paper", "Mail.v2-b", "0", ".", String(repeating: "x", count: 128),
        ])
    func valid(_ name: String) {
        #expect(TypeName.isValid(name))
    }

    @Test(
        "nothing, too much, and other characters are no name",
        arguments: [
            "", String(repeating: "x", count: 129), "a b", "a/b", "ä", "a\n", "a\u{0}", "{a}", "a:b", "@", "[", "`",
        ])
    func invalid(_ name: String) {
        #expect(!TypeName.isValid(name))
    }
}
