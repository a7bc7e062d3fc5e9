import Testing

@testable import StintPlanted

// The catalogue of planted bugs is held against today's sources, so that it cannot rot: a snippet that was rewritten is
// found here and not after an hour of simulated lives.

@Suite("The catalogue of planted bugs fits the sources") struct PlantedBugTests {
    private let repository = Repository.current

    private func catalogue() throws -> [PlantedBug] {
        let pages = repository.files.filter { $0.path.hasPrefix(Catalogue.folder + "/") && $0.isMarkdown }
        return try Catalogue.read(pages.map { ($0.path, $0.text) })
    }

    @Test("every change fits just one place, and no two bugs change the same line")
    func changesFit() throws {
        let bugs = try catalogue()
        #expect(bugs.count >= 60)
        #expect(throws: Never.self) { try Planting(bugs) { repository.file($0)?.text } }
    }

    @Test("the table says of each bug after how many lives it was found")
    func tableIsWhole() throws {
        let page = try #require(repository.file(ResultTable.page))
        let rows = ResultTable(page: page.text).rows
        let bugs = try catalogue()
        let (told, known) = (Set(rows.map(\.bug)), Set(bugs.map(\.name)))
        #expect(known.subtracting(told).sorted() == [], "run make planted WRITE=1 BUGS=\"...\" for these")
        #expect(told.subtracting(known).sorted() == [])
        #expect(rows.count { $0.lives.map { $0 <= 10_000 } ?? false } >= 60)
    }
}

@Suite("Bugs are planted as their diffs say") struct PlantingSampleTests {
    private static func page(_ diff: String, name: String = "a-bug") -> String {
        "# Room\n\n## \(name)\n\nIt breaks this\nand that.\n\n```diff\n--- Sources/A/a.swift\n\(diff)\n```\n"
    }

    private func planted(_ pages: String..., source: String) throws -> String {
        let bugs = try Catalogue.read(pages.enumerated().map { ("\($0).md", $1) })
        return try #require(
            try Planting(bugs) { $0 == "Sources/A/a.swift" ? source : nil }.text(of: "Sources/A/a.swift"))
    }

    @Test("a bug is read with its room, its sentence and its change")
    func reading() throws {
        let bug = try #require(try Catalogue.read(Self.page(" one\n-two\n+PLANTED"), file: "a.md").first)
        #expect(
            bug.name == "a-bug" && bug.room == "Room" && bug.sentence == "It breaks this and that." && bug.line == 3)
        #expect(
            bug.changes == [
                .init(path: "Sources/A/a.swift", lines: [.kept("one"), .removed("two"), .added("PLANTED")])
            ])
    }

    @Test("lines are replaced and put in, each behind the switch of its bug")
    func planting() throws {
        let source = "import StintCore\none\ntwo\nthree\n"
        let text = try planted(
            Self.page("-one\n+one PLANTED"), Self.page(" two\n+more if PLANTED", name: "b-bug"), source: source)
        #expect(text == "import StintCore\none (plantedBug == 1)\ntwo\nmore if (plantedBug == 2)\nthree\n")
    }

    @Test("a file that does not see the switch imports it")
    func importing() throws {
        #expect(try planted(Self.page("-one\n+PLANTED"), source: "one\n") == "import StintCore\n(plantedBug == 1)\n")
    }

    @Test(
        "what fits no place, several, or the place of another bug is refused",
        arguments: ["two\n", "one\none\n", ""])
    func refusing(source: String) {
        #expect(throws: CatalogueProblem.self) { try planted(Self.page("-one\n+PLANTED"), source: source) }
    }

    @Test("two bugs that change one line are refused")
    func overlapping() {
        let pages = [Self.page("-one\n+PLANTED"), Self.page("-one\n+!PLANTED", name: "b-bug")]
        #expect(throws: CatalogueProblem.self) { try planted(pages[0], pages[1], source: "one\n") }
        #expect(throws: CatalogueProblem.self) { try planted(pages[0], pages[0], source: "one\n") }
    }

    @Test(
        "a bug that is always awake, changes nothing, says nothing or is not closed is refused",
        arguments: [
            page("-one\n+two"), page("-one\n+PLANTED", name: "A Bug"), "# Room\n\n## a-bug\n\nIt breaks.\n",
            "# Room\n\n## a-bug\n\n```diff\n--- a\n-one\n+PLANTED\n```\n",
            "# Room\n\n## a-bug\n\nIt.\n\n```diff\n--- a\n",
        ])
    func malformed(text: String) {
        #expect(throws: CatalogueProblem.self) { try Catalogue.read(text, file: "a.md") }
    }

    @Test("results take their place in the table of a page")
    func table() throws {
        let bugs = try Catalogue.read(Self.page("-one\n+PLANTED"), file: "a.md")
        var table = ResultTable(page: "")
        table.update([.init(bug: "a-bug", room: "Room", lives: 3, rule: "n jobs")], catalogue: bugs)
        let page =
            "before\n\n| planted bug | room | found in life | by |\n|---|---|---:|---|\n| `old` | x | 1 | y |\n\nafter\n"
        let written = try #require(table.written(into: page))
        #expect(written.contains("\n| `a-bug` | Room | 3 | n jobs |\n\nafter\n") && !written.contains("`old`"))
        #expect(ResultTable(page: written).rows == table.rows)
    }

    @Test("a rule is named without the names of one life")
    func rules() {
        #expect(
            Rule.of(
                "  019b3f7e-5c3f-7001-8000-00000000002a was completed under 00000000712f0a0100000000000000f3 by worker-12"
            )
                == "a job was completed under a token by a worker")
        let line =
            "1 [ra] 0x000055573c47529a BrokerState.insert(_:at:into:) + 12 in stint-sim at /a/Sources/StintCore/b.swift:4:9"
        #expect(Rule.place(inBacktrace: line) == "BrokerState.insert")
        #expect(Rule.place(inBacktrace: "0 [inlined] [system] 0x0 Swift runtime failure in stint-sim at //<x>") == nil)
    }
}
