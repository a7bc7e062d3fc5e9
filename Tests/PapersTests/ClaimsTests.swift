import Foundation
import Testing

@testable import Papers

@Suite("Claims") struct ClaimsTests {
    private func kinds(_ text: String) -> [ClaimKind] { Claims.find(in: Prose(text)).map(\.kind) }

    @Test(
        "sentences that claim are found, with their kind",
        arguments: [
            ("You must keep this notice in every copy.", ClaimKind.obligation),
            ("You may not sublicense the work to others.", .prohibition),
            ("Permission is hereby granted to use the software, free of charge.", .permission),
            ("Our results show that the cache halves the latency.", .finding),
            ("The index is 3 times faster than a scan of the table.", .comparison),
            ("A lease means the right to run a job for 30 seconds.", .definition),
            ("All of them ran for 14 days.", .quantity),
        ])
    func found(sentence: String, kind: ClaimKind) { #expect(kinds(sentence) == [kind]) }

    @Test(
        "sentences that claim nothing are not",
        arguments: [
            "The house stood on a hill.", "Must you go so soon?", "All rights reserved.", "Chapter 4", "Hello, world.",
            "",
            "0x00 0x01 0x02 must 0x03 0x04 0x05 0x06 0x07", "42",
        ])
    func notFound(sentence: String) { #expect(kinds(sentence).isEmpty) }

    @Test("three points make a claim, two do not")
    func boundary() throws {
        // "is a" defines (2); "every" stresses (1).
        #expect(kinds("The quick fox is a very old animal.").isEmpty)
        let claim = try #require(Claims.find(in: Prose("Every quick fox is a very old animal.")).first)
        #expect(claim.score == Claims.pointsMin)
        #expect(claim.signals == ["stresses: every", "defines: is a"])
    }

    @Test("the longest phrase counts, not the words in it")
    func longest() throws {
        let claim = try #require(Claims.find(in: Prose("The user must not remove this line.")).first)
        #expect(claim.signals == ["forbids: must not"])
    }

    @Test("a list counts once however often its words occur")
    func once() throws {
        let one = try #require(Claims.find(in: Prose("You must copy it and then send it away.")).first)
        let many = try #require(Claims.find(in: Prose("You must copy it and must send it and shall wait.")).first)
        #expect(one.score == many.score)
    }

    @Test(
        "numbers with a unit and citations add to a claim",
        arguments: [
            ("The cache must save 40% of the time.", "measures: 40%"),
            ("It must end in 30 seconds or so.", "measures: 30 seconds"),
            ("It must cost $5 a year for them.", "measures: $5"), ("It must hold, as they say [12].", "cites: [12]"),
            ("It must hold for all (Smith et al., 2001).", "cites: 2001"),
            ("It must meet section 4 of the rules.", "cites: section 4"),
        ])
    func strengthened(sentence: String, signal: String) throws {
        let claim = try #require(Claims.find(in: Prose(sentence)).first)
        #expect(claim.signals.contains(signal))
    }

    @Test("the place of a claim holds its sentence, in a text of its own")
    func place() throws {
        let text = "Größe zählt.\n\nThis is  filler. You must\n  keep it here.\nThe end."
        let claim = try #require(Claims.find(in: Prose(text)).first)
        #expect(claim.sentence == "You must keep it here.")
        #expect(
            String(decoding: Array(text.utf8)[claim.span.start..<claim.span.end], as: UTF8.self)
                == "You must\n  keep it here.")
        #expect(claim.line == 3)
    }

    @Test(
        "every place in a real text holds its sentence and its line", .enabled(if: Licences.isHere),
        arguments: Licences.paths)
    func places(path: String) throws {
        let text = try PlainText.extract(from: Data(contentsOf: URL(fileURLWithPath: path)), as: .text)
        let claims = Claims.find(in: Prose(text))
        let bytes = Array(text.utf8)
        #expect(claims.count >= 3)
        for claim in claims {
            let there = String(decoding: bytes[claim.span.start..<claim.span.end], as: UTF8.self)
            #expect(there.split(whereSeparator: \.isWhitespace).joined(separator: " ") == claim.sentence)
            #expect(claim.line == bytes[..<claim.span.start].count { $0 == UInt8(ascii: "\n") } + 1)
            #expect(claim.score >= Claims.pointsMin)
        }
    }

    @Test("a licence forbids, obliges and permits", .enabled(if: Licences.isHere))
    func licence() throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(Licences.folder)/GPL-3"))
        let found = Set(Claims.find(in: Prose(try PlainText.extract(from: data, as: .text))).map(\.kind))
        #expect(found.isSuperset(of: [.prohibition, .obligation, .permission, .definition]))
    }
}
