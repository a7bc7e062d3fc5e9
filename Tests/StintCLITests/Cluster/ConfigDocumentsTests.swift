import Foundation
import Testing

@testable import StintCLI

@Suite("Configuration documents") struct ConfigDocumentsTests {
    // Goal: the schema and the tables say what the reader does. Method: make both anew from the keys and
    // compare. To rewrite them: STINT_UPDATE_DOCS=1 swift test --filter ConfigDocuments

    /// The root of the repository, four folders above this file.
    private let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    private let isUpdating = ProcessInfo.processInfo.environment["STINT_UPDATE_DOCS"] == "1"

    private func compare(_ path: String, make: (String) throws -> String) throws {
        let file = root.appending(path: path)
        let committed = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        let made = try make(committed)
        if isUpdating {
            if made != committed { try Data(made.utf8).write(to: file) }
        } else if made != committed {
            Issue.record("\(path) differs from the keys; run STINT_UPDATE_DOCS=1 swift test --filter ConfigDocuments")
        }
    }

    @Test("the committed schema is the one made from the keys")
    func schema() throws {
        try compare("docs/cluster.schema.json") { _ in ConfigDocuments.schema }
    }

    @Test("the tables of the reference page are those made from the keys")
    func tables() throws {
        try compare("docs/CONFIGURATION.md", make: ConfigDocuments.update)
    }

    @Test("the schema is JSON, and describes every key")
    func schemaIsJSON() throws {
        var problems: [ConfigProblem] = []
        let tree = PositionedJSONReader.read(Array(ConfigDocuments.schema.utf8), problems: &problems)
        #expect(problems.isEmpty)
        let properties = try #require(tree?.member("properties")?.value.members)
        #expect(properties.map(\.key) == ClusterConfig.keys.keys.map(\.name))
        for property in properties { #expect(property.value.member("description") != nil) }
    }

    @Test("every key of every section has a meaning that ends like a sentence, and no table is printed twice")
    func meanings() {
        for page in ClusterConfig.keys.pages {
            for row in page.rows { #expect(row.meaning.hasSuffix("."), "\(page.path).\(row.key)") }
        }
        let names = ConfigDocuments.tables.map(\.name)
        #expect(Set(names).count == names.count)
    }

    @Test("a page that lacks a table, or has a place for none, is refused")
    func incompletePage() {
        #expect(throws: ConfigDocuments.Mistake.self) { try ConfigDocuments.update("# Configuration\n") }
        let strange = ConfigDocuments.tables.map { "<!-- table \($0.name) -->\n<!-- end -->\n" }.joined()
        #expect(throws: Never.self) { try ConfigDocuments.update(strange) }
        #expect(throws: ConfigDocuments.Mistake.self) {
            try ConfigDocuments.update(strange + "<!-- table x -->\n<!-- end -->")
        }
    }

    @Test("the file at the root of the repository is valid")
    func repositoryFile() throws {
        let config = try ClusterConfig.load(path: root.appending(path: "cluster.json").path, environment: [:])
        #expect(Set(config.pools.keys) == ["documents", "tools"])
        #expect(Set(config.jobs.types.keys) == ["parse_paper", "extract_claims", "detect_entities", "report"])
    }

    @Test("every example of the reference page is valid")
    func examples() throws {
        let page = try String(contentsOf: root.appending(path: "docs/CONFIGURATION.md"), encoding: .utf8)
        let examples = page.components(separatedBy: "```json\n").dropFirst().map {
            $0.components(separatedBy: "```")[0]
        }
        #expect(examples.count >= 4)
        for example in examples {
            #expect(throws: Never.self) {
                try ClusterConfig.read(Array(example.utf8), file: "example", folder: "/", environment: [:])
            }
        }
    }
}
