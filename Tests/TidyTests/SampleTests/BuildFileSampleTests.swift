import Testing

@Suite("Checks of build files, links and the protocol find what they are for") struct BuildFileSampleTests {
    @Test("a target that is not Swift 6 is found")
    func languageMode() {
        let findings = { BuildFiles.languageModeFindings(in: SourceFile("Package.swift", $0)) }
        let strict = "let strict: [SwiftSetting] = [.swiftLanguageMode(.v6)]\n"
        #expect(findings(strict + ".target(name: \"A\", dependencies: [b(\"C\")],\n swiftSettings: strict)\n").isEmpty)
        #expect(findings(strict + ".testTarget(name: \"A\",\n dependencies: [b(\"C\")])\n").map(\.line) == [2])
        #expect(findings("let strict: [SwiftSetting] = []\n").count == 1)
        #expect(findings(strict + "swiftLanguageModes: [.v5]\n").map(\.line) == [2])
    }

    @Test("a target of make that help does not list, or that a file could hide, is found")
    func makeHelp() {
        let findings = { BuildFiles.helpFindings(in: SourceFile("Makefile", $0)) }
        #expect(findings(".PHONY: a b\na: b ## Does a\n\tx\nb: ## Does b\n").isEmpty)
        #expect(findings(".PHONY: a b\na: ## Does a\nb:\n").count == 1)
        #expect(findings(".PHONY: a\na: ## Does a\nb: ## Does b\n").count == 1)
    }

    @Test("a format rule that is off without a reason, and a reason without its rule, are found")
    func formatRules() {
        let configuration = SourceFile(".swift-format", #"{"rules": {"A": false, "B": true}}"#)
        let findings = { BuildFiles.formatRuleFindings(configuration: configuration, guide: SourceFile("C.md", $0)) }
        #expect(findings("| `A` | reads better in one line |\n").isEmpty)
        #expect(findings("").count == 1)
        #expect(findings("| `A` | because |\n").count == 1)
        #expect(findings("| `A` | reads better in one line |\n| `B` | reads better in one line |\n").count == 1)
        let broken = SourceFile(".swift-format", "{")
        #expect(BuildFiles.formatRuleFindings(configuration: broken, guide: configuration).count == 1)
    }

    @Test(
        "a link is followed from the folder of its page",
        arguments: [
            ("[a](b.md)", "docs/b.md"), ("[a](../LICENSE#top)", "LICENSE"), ("![a](/x/y.png \"title\")", "x/y.png"),
            ("[a]: ./c%20d.md", "docs/c d.md"), ("x [a](<e.md>) y [b](f.md)", "docs/e.md docs/f.md"),
        ])
    func links(text: String, expected: String) {
        var asked: [String] = []
        let page = SourceFile("docs/A.md", text + "\n")
        let found = MarkdownLinks.findings(in: page) { path in
            asked.append(path)
            return false
        }
        #expect(asked.joined(separator: " ") == expected)
        #expect(found.count == asked.count)
        #expect(MarkdownLinks.findings(in: page) { _ in true }.isEmpty)
    }

    @Test(
        "addresses, anchors and code are no links to files",
        arguments: [
            "[a](https://example.org/b.md)", "[a](#part)", "`[a](b.md)`", "```\n[a](b.md)\n```",
            "[a](mailto:b@example.org)",
        ])
    func notLinks(text: String) {
        #expect(MarkdownLinks.targets(in: SourceFile("docs/A.md", text)).isEmpty)
    }

    @Test("a link out of the repository is found")
    func outside() {
        #expect(MarkdownLinks.findings(in: SourceFile("docs/A.md", "[a](../../b)\n")) { _ in true }.count == 1)
    }

    private let schema = SourceFile(
        "Sources/StintWire/Proto/envelope.proto",
        """
        message Envelope {
          fixed64 session = 1;
          oneof message {
            // Not a Member = 9;
            WorkerHello worker_hello = 10;
            Pong pong = 11;
          }
        }
        message Pong {}
        """)

    @Test("a message without a word on the page is found")
    func undescribed() {
        let page = { SourceFile("docs/PROTOCOL.md", $0) }
        #expect(ProtocolCoverage.undescribed(in: schema, page: page("Envelope, Pong")).isEmpty)
        #expect(ProtocolCoverage.undescribed(in: schema, page: page("Envelope, PongPing")).map(\.line) == [9])
    }

    @Test("a message without golden bytes, and bytes without a message, are found")
    func golden() {
        let findings = { (paths: [String]) in
            ProtocolCoverage.goldenFindings(envelope: schema, fixtures: "F", paths: paths)
        }
        #expect(findings(["F/worker-hello-v1.hex", "F/pong-v1.hex", "F/pong-v2.hex", "F/README.md"]).isEmpty)
        #expect(findings(["F/worker-hello-v1.hex"]).map(\.line) == [6])
        #expect(findings(["F/worker-hello-v1.hex", "F/pong-v1.hex", "F/ping-v1.hex"]).map(\.path) == ["F/ping-v1.hex"])
    }
}
