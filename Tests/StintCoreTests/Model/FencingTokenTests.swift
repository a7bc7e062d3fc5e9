import StintCore
import Testing

@Suite("FencingToken") struct FencingTokenTests {
    @Test("a later epoch is greater whatever the sequence; within one the sequence decides")
    func order() {
        let tokens = [
            FencingToken.none, FencingToken(epoch: 1, sequence: 1), FencingToken(epoch: 1, sequence: 2),
            FencingToken(epoch: 1, sequence: .max), FencingToken(epoch: 2, sequence: 1),
            FencingToken(epoch: .max, sequence: 1),
        ]
        for (earlier, later) in zip(tokens, tokens.dropFirst()) {
            #expect(earlier < later)
            #expect(!(later < earlier))
            #expect(earlier.description < later.description, "any database can fence with <")
        }
    }

    @Test("a token survives the way through its text")
    func roundTrip() {
        let token = FencingToken(epoch: 0x0123_4567_89AB_CDEF, sequence: 0xFEDC_BA98_7654_3210)
        #expect(token.description == "0123456789abcdeffedcba9876543210")
        #expect(FencingToken(token.description) == token)
        #expect(FencingToken(token.description.uppercased()) == token)
        #expect(FencingToken(FencingToken.none.description) == FencingToken.none)
    }

    @Test(
        "texts of 31 or 33 digits, or with other characters, are refused",
        arguments: [
            "", "0123456789abcdeffedcba987654321", "0123456789abcdeffedcba98765432100",
            "0123456789abcdef fedcba987654321", "0x23456789abcdeffedcba9876543210",
        ])
    func refusesOtherTexts(_ text: String) {
        #expect(FencingToken(text) == nil)
    }
}
