import Testing

/// The rules of the house, held against the whole checkout. What each check finds on purpose-made bad
/// samples stands in the files beside this one; here nothing may be found.
@Suite("The repository is tidy") struct TidyTests {
    private let repository = Repository.current

    @Test("the checkout was found and read")
    func checkoutIsRead() {
        #expect(repository.file("Package.swift") != nil)
        #expect(repository.files.contains { $0.path.hasPrefix("Sources/StintCore/") })
    }

    @Test("each target imports only what its row of the table allows")
    func imports() {
        expectNone { Imports.findings(in: $0) }
        expectNone(Imports.findings(inTestFolders: repository.paths))
    }

    @Test("no banned word stands in code")
    func bannedWords() {
        expectNone { BannedWords.findings(in: $0) }
    }

    @Test("every promise about threads has its proof above it")
    func provenPromises() {
        expectNone(BannedWords.unprovenFindings)
    }

    @Test("no switch over a job's state has a default")
    func stateSwitches() {
        expectNone(StateSwitches.findings)
    }

    @Test("no file is longer than it should be")
    func length() {
        expectNone(FileForm.lengthFindings)
    }

    @Test("nothing is marked as unfinished")
    func unfinished() {
        expectNone(FileForm.unfinishedFindings)
    }

    @Test("no tab, no space at the end of a line, one newline at the end of a file")
    func whitespace() {
        expectNone(FileForm.whitespaceFindings)
    }

    @Test("Swift files begin with what they are for")
    func headers() {
        expectNone(FileForm.headerFindings)
    }

    @Test("no path of one machine stands in a file")
    func machinePaths() {
        expectNone(FileForm.machinePathFindings)
    }

    @Test("every target is compiled as Swift 6")
    func languageMode() throws {
        expectNone(BuildFiles.languageModeFindings(in: try #require(repository.file("Package.swift"))))
    }

    @Test("make help lists every target")
    func makeHelp() throws {
        expectNone(BuildFiles.helpFindings(in: try #require(repository.file("Makefile"))))
    }

    @Test("every format rule that is off has its reason")
    func formatRules() throws {
        let configuration = try #require(repository.file(".swift-format"))
        let guide = try #require(repository.file("CONTRIBUTING.md"))
        expectNone(BuildFiles.formatRuleFindings(configuration: configuration, guide: guide))
    }

    @Test("links between files lead somewhere")
    func links() {
        expectNone { MarkdownLinks.findings(in: $0, exists: repository.exists) }
    }

    private static let protocolPage = "docs/PROTOCOL.md"
    private static let fixtures = "Tests/StintWireTests/Fixtures"

    @Test("every message is described", .enabled(if: Repository.current.exists(Self.protocolPage)))
    func messagesAreDescribed() throws {
        let page = try #require(repository.file(Self.protocolPage))
        expectNone { $0.path.hasSuffix(".proto") ? ProtocolCoverage.undescribed(in: $0, page: page) : [] }
    }

    @Test("every message that travels has golden bytes", .enabled(if: Repository.current.exists(Self.fixtures)))
    func messagesHaveGoldenBytes() throws {
        let envelope = try #require(repository.files.first { $0.name == "envelope.proto" })
        #expect(!ProtocolCoverage.members(ofEnvelopeIn: envelope).isEmpty)
        expectNone(
            ProtocolCoverage.goldenFindings(envelope: envelope, fixtures: Self.fixtures, paths: repository.paths))
    }

    private func expectNone(_ check: (SourceFile) -> [Finding], at location: SourceLocation = #_sourceLocation) {
        expectNone(repository.files.flatMap(check), at: location)
    }

    private func expectNone(_ findings: [Finding], at location: SourceLocation = #_sourceLocation) {
        for finding in findings { Issue.record("\(finding)", sourceLocation: location) }
    }
}
