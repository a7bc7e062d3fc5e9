import Foundation
import Testing

@testable import Papers

@Suite("Entities") struct EntitiesTests {
    private func names(_ type: EntityType, _ text: String) -> [String] {
        Entities.mentions(of: type, in: Prose(text)).map(\.name)
    }

    @Test("people are found where a text gives them away")
    func people() {
        #expect(
            names(.person, "This was Marie Curie, who met Paul van den Berg.") == ["Marie Curie", "Paul van den Berg"])
        #expect(names(.person, "Copyright (C) 1998-2001, 2003 Zed A. Shaw\nAll Rights Reserved") == ["Zed A. Shaw"])
        #expect(names(.person, "  Zork Blorp <zork@example.org>") == ["Zork Blorp"])
        #expect(names(.person, "as Dr. Jekyll said") == ["Jekyll"])
    }

    @Test(
        "capitals alone make no person",
        arguments: [
            "The Free Software Foundation may publish revised versions.",
            "Copyright (C) 2007 Free Software Foundation, Inc.",
            "GNU General Public License", "Mark the box.", "John", "Copyright Red Hat and so on. Made by Red Hat, Inc.",
        ])
    func noPeople(text: String) { #expect(names(.person, text).isEmpty) }

    @Test("organisations carry a word that says so")
    func organizations() {
        #expect(
            names(.organization, "the Free Software Foundation, Inc., 51 Franklin") == ["Free Software Foundation, Inc"]
        )
        #expect(names(.organization, "by the University of California, Berkeley and") == ["University of California"])
        #expect(
            names(.organization, "at Massachusetts Institute of Technology.") == [
                "Massachusetts Institute of Technology"
            ])
        #expect(names(.organization, "INCLUDING BUT NOT LIMITED TO this. The University.").isEmpty)
    }

    @Test("places are known by name and by their capitals")
    func places() {
        #expect(
            names(.place, "In Boston, New\nYork and the United States of America; turkey.") == [
                "Boston", "New York", "United States of America",
            ])
    }

    @Test(
        "dates are found in every usual form",
        arguments: [
            "2007-06-29", "29 June 2007", "June 29, 2007", "June 2007", "29/06/2007", "06/29/2007", "1998-2004",
            "1st Jan. 1999",
        ])
    func dates(date: String) { #expect(names(.date, "On \(date), it ended.") == [date]) }

    @Test(
        "numbers that are no dates are none",
        arguments: [
            "2007", "2007-13-01", "2007-00-10", "2007-01-32", "2004-1998", "June", "May 2.0", "13/13/2007", "may 2007",
            "1234-567",
        ])
    func noDates(text: String) { #expect(names(.date, "On \(text) it ended.").isEmpty) }

    @Test("licences are found by name and by their short forms")
    func licences() {
        #expect(
            names(.licence, "under the GNU General Public License, Version 2 or GPL-2+ or the MIT License.") == [
                "GNU General Public License, Version 2", "GPL-2+", "MIT License",
            ])
        #expect(
            names(.licence, "BSD-3-clause, Apache-2.0; GPLx, MIT, the public licence").elementsEqual([
                "BSD-3-clause", "Apache-2.0",
            ]))
    }

    @Test("identifiers are found with their numbers")
    func identifiers() {
        #expect(
            names(.identifier, "RFC 2119, CVE-2021-44228, ISO 8601 and doi:10.1000/182(a)b.") == [
                "RFC 2119", "CVE-2021-44228", "ISO 8601", "10.1000/182(a)b",
            ])
        #expect(
            names(.identifier, "ISBN 0-201-63361-2; arXiv:1706.03762. RFC x, 10.5/a").elementsEqual([
                "ISBN 0-201-63361-2", "arXiv:1706.03762",
            ]))
    }

    @Test("addresses lose the marks that a sentence puts around them")
    func addresses() {
        #expect(
            names(.url, "See <https://a.org/b_(c)>, (http://x.io/y). www.example.org! http:// https://") == [
                "https://a.org/b_(c)", "http://x.io/y", "www.example.org",
            ])
        #expect(
            names(.email, "Jane <jane.doe+x@mail.example.org>, a@b, @home, mailto:j@x.org. a@b..c") == [
                "jane.doe+x@mail.example.org", "j@x.org",
            ])
    }

    @Test("one entity is kept per name, with all its mentions")
    func merged() throws {
        let prose = Prose("Boston. In Boston and Paris: Boston.")
        let (found, entities) = Entities.detect(.place, in: prose)
        #expect(found == 4)
        #expect(entities.map(\.name) == ["Boston", "Paris"])
        #expect(entities.first?.mentions == 3)
        for place in try #require(entities.first).places { #expect(prose.text(place) == "Boston") }
    }

    @Test("only the first places of a name are kept, all are counted")
    func bounded() {
        let text = String(repeating: "Paris ", count: Entity.placesMax + 1)
        let entity = Entities.detect(.place, in: Prose(text)).entities.first
        #expect(entity?.places.count == Entity.placesMax)
        #expect(entity?.mentions == Entity.placesMax + 1)
    }

    @Test(
        "every mention in a real text is where it says, for every type", .enabled(if: Licences.isHere),
        arguments: EntityType.allCases)
    func places(type: EntityType) throws {
        for path in Licences.paths {
            let prose = Prose(try PlainText.extract(from: Data(contentsOf: URL(fileURLWithPath: path)), as: .text))
            let mentions = Entities.mentions(of: type, in: prose)
            for mention in mentions { #expect(prose.line(mention.span) == mention.name) }
            #expect(zip(mentions, mentions.dropFirst()).allSatisfy { $0.span.end <= $1.span.start })
        }
    }

    @Test("the text of the GPL names its publisher, its licences and its address", .enabled(if: Licences.isHere))
    func licenceText() throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(Licences.folder)/GPL-3"))
        let prose = Prose(try PlainText.extract(from: data, as: .text))
        let names = { (type: EntityType) in Set(Entities.mentions(of: type, in: prose).map(\.name)) }
        #expect(names(.organization).contains("Free Software Foundation, Inc"))
        #expect(names(.licence).contains("GNU General Public License"))
        #expect(names(.date).contains("29 June 2007"))
        #expect(names(.url).contains { $0.contains("fsf.org") || $0.contains("gnu.org") })
        #expect(names(.person).isEmpty)
    }

    @Test(
        "hostile input ends and harms nothing",
        arguments: [
            "", "@", "@@@@", "http://", "\u{200B}", "<<<>>>", "......", "10./", "RFC ", "Dr", "Copyright",
            "Copyright (C)", "by by by",
            String(repeating: "A ", count: 5_000), String(repeating: "https://", count: 2_000),
            String(repeating: "a@", count: 5_000),
        ])
    func hostile(text: String) {
        let prose = Prose(text)
        for type in EntityType.allCases { _ = Entities.mentions(of: type, in: prose) }
        _ = Claims.find(in: prose)
    }
}
