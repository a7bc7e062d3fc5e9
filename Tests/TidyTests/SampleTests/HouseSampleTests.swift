import Testing

/// Each check of the code is shown a sample that breaks its rule, and the nearest one that does not.
@Suite("Checks of the house find what they are for") struct HouseSampleTests {
    private static let core = "Sources/StintCore/Model/A.swift"

    @Test(
        "an import is read whatever stands around it",
        arguments: [
            ("import Foundation", "Foundation"), ("@testable import StintCore", "StintCore"),
            ("public import struct Foundation.URL", "Foundation"), ("    import Glibc", "Glibc"),
            ("@preconcurrency package import SystemPackage;", "SystemPackage"),
        ])
    func importLine(line: String, module: String) {
        #expect(Imports.module(importedBy: line) == module)
    }

    @Test("no import is read where there is none", arguments: ["let important = 1", "", "func import() {}", "@main"])
    func notAnImport(line: String) {
        #expect(Imports.module(importedBy: line) == nil)
    }

    @Test(
        "a forbidden import is found, with what to do instead",
        arguments: [
            ("StintCore", "Foundation", "`Moment`"), ("StintCore", "Logging", "action"),
            ("StintWire", "CZeroMQ", "StintTransport"), ("StintTransport", "StintWire", "frames"),
            ("StintStore", "StintTransport", "no peers"), ("StintBroker", "Hummingbird", "HTTP"),
            ("Stint", "StintStore", "broker"), ("StintTestKit", "StintCLI", "process"),
        ])
    func forbiddenImport(target: String, module: String, advice: String) {
        let found = Imports.findings(in: SourceFile("Sources/\(target)/A.swift", "// why\nimport \(module)\n"))
        #expect(found.count == 1)
        #expect(found.first?.line == 2)
        #expect(found.first?.message.contains(advice) == true)
    }

    @Test("an import that the table does not list is found, one that it lists is not")
    func unlistedImport() {
        let findings = { (module: String) in
            Imports.findings(in: SourceFile("Sources/StintStore/A.swift", "import \(module)\n"))
        }
        #expect(findings("GRDB").isEmpty)
        #expect(findings("NIOCore").first?.message.contains("may import") == true)
    }

    @Test("a program of the examples has no private door")
    func exampleImport() {
        let file = SourceFile("Examples/Papers/A.swift", "import Stint\nimport StintBroker\n")
        #expect(Imports.findings(in: file).map(\.line) == [2])
    }

    @Test("a target without a row, and a folder of tests without a target, are found")
    func unknownRooms() {
        #expect(Imports.findings(in: SourceFile("Sources/StintKitchen/A.swift", "")).count == 1)
        let paths = ["Tests/StintCoreTests/A.swift", "Tests/TidyTests/A.swift", "Tests/Misc/A.swift"]
        #expect(Imports.findings(inTestFolders: paths).map(\.path) == ["Tests/Misc"])
    }

    @Test(
        "a clock, a die and a hash are found in the core, and only there",
        arguments: [
            "let a = Date()", "let a = Date.now", "ContinuousClock()", "Int.random(in: 0..<2)", "a.hashValue", "UUID()",
        ])
    func impureCore(line: String) {
        #expect(!BannedWords.findings(in: SourceFile(Self.core, line)).isEmpty)
        #expect(BannedWords.findings(in: SourceFile("Sources/StintBroker/A.swift", line)).isEmpty)
    }

    @Test("a word in a comment or a string is not code")
    func wordsInProse() {
        let file = SourceFile(Self.core, "// never Date() here\nlet a = \"Date()\"\n/// `hashValue` is seeded\n")
        #expect(BannedWords.findings(in: file).isEmpty)
    }

    @Test("printing is for programs")
    func printing() {
        let findings = { BannedWords.findings(in: SourceFile($0, "print(1)\n")) }
        #expect(findings("Sources/Stint/A.swift").count == 1)
        #expect(findings("Sources/StintTransport/A.swift").count == 1)
        #expect(findings("Sources/StintCLI/A.swift").isEmpty)
        #expect(findings("Sources/StintSim/A.swift").isEmpty)
        #expect(findings("Examples/StintDocuments/A.swift").isEmpty)
    }

    @Test("force is found everywhere but in generated code", arguments: ["try! f()", "let b = a as! Int"])
    func force(line: String) {
        #expect(BannedWords.findings(in: SourceFile("Sources/StintCLI/A.swift", line)).count == 1)
        #expect(BannedWords.findings(in: SourceFile("Sources/StintWire/Generated/A.swift", line)).isEmpty)
    }

    @Test("a value that is lent is found, one that is copied or changed in place is not")
    func lending() {
        let findings = { BannedWords.findings(in: SourceFile(Self.core, $0)) }
        #expect(findings("subscript(a: Int) -> Line { _read { yield all[a] } }").count == 1)
        #expect(findings("subscript(a: Int) -> Line { get { all[a] } _modify { yield &all[a] } }").isEmpty)
    }

    @Test("a test that waits by the clock is found", arguments: ["Task.", "Thread.", "u", "", "clock."])
    func waiting(before: String) {
        let line = "        try await \(before)" + "sleep" + "(1)\n"
        #expect(BannedWords.findings(in: SourceFile("Tests/StintTests/A.swift", line)).count == 1)
        #expect(BannedWords.findings(in: SourceFile("Sources/Stint/A.swift", line)).isEmpty)
    }

    @Test("a promise about threads needs its proof right above")
    func promises() {
        let findings = { BannedWords.unprovenFindings(in: SourceFile("Sources/Stint/A.swift", $0)) }
        #expect(findings("final class A: @unchecked Sendable {}\n").count == 1)
        #expect(findings("/// A box of things.\nfinal class A: @unchecked Sendable {}\n").count == 1)
        #expect(
            findings("// Safe: only the loop's thread sees it.\n\nfinal class A: @unchecked Sendable {}\n").count == 1)
        #expect(
            findings("// Safe: only the loop's thread sees it.\n@usableFromInline\nnonisolated(unsafe) var a = 1\n")
                .isEmpty)
    }

    @Test("a default over the states is found, whatever else the switch holds")
    func stateDefault() {
        let findings = { StateSwitches.findings(in: SourceFile(Self.core, $0)) }
        #expect(findings("switch self {\ncase .leased(let lease): f(lease)\ndefault: g()\n}\n").map(\.line) == [3])
        #expect(
            findings("switch (a, b) {\ncase (.ready, 1):\n  if case .x = b { f() }\ndefault: break }").map(\.line) == [
                4
            ])
        #expect(findings("switch self {\ncase .leased: f()\ncase .ready, .dead: g()\n}\n").isEmpty)
        #expect(findings("switch count {\ncase 0: f()\ndefault: g()\n}\n").isEmpty)
    }

    @Test("a default inside a state's arm belongs to the inner switch")
    func innerDefault() {
        let text = """
            switch state {
            case .leased:
                switch count {
                case 0: f()
                default: if case .ready = other { g() }
                }
            case .ready: h()
            }
            """
        #expect(StateSwitches.findings(in: SourceFile(Self.core, text)).isEmpty)
        #expect(
            StateSwitches.findings(
                in: SourceFile("Sources/StintCLI/A.swift", "switch a {\ncase .dead: f()\ndefault: g() }")
            ).isEmpty)
    }
}
