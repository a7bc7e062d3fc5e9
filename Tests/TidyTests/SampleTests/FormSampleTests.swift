import Testing

@Suite("Checks of form find what they are for") struct FormSampleTests {
    private func swift(_ text: String, at path: String = "Sources/Stint/A.swift") -> SourceFile {
        SourceFile(path, text)
    }

    @Test("the limit of length is the last length allowed")
    func length() {
        let lines = { String(repeating: "let a = 1\n", count: $0) }
        #expect(FileForm.lengthFindings(in: swift(lines(FileForm.linesMax))).isEmpty)
        #expect(FileForm.lengthFindings(in: swift(lines(FileForm.linesMax + 1))).count == 1)
        #expect(FileForm.lengthFindings(in: swift(lines(900), at: "Sources/StintWire/Generated/A.swift")).isEmpty)
    }

    @Test("unfinished work is found in comments, scripts and pages", arguments: FileForm.unfinished)
    func unfinished(word: String) {
        #expect(FileForm.unfinishedFindings(in: swift("// \(word): later\n")).map(\.line) == [1])
        #expect(FileForm.unfinishedFindings(in: SourceFile("scripts/run", "# a\n# \(word)\n")).map(\.line) == [2])
        #expect(FileForm.unfinishedFindings(in: SourceFile("docs/A.md", "\(word)\n")).count == 1)
        #expect(FileForm.unfinishedFindings(in: swift("mktemp \(word)\(word)\n")).isEmpty)
    }

    @Test("white space that nobody sees is found", arguments: ["a \n", "a\t\n", "\ta\n", "a\r\n", "a", "a\n\n"])
    func whitespace(text: String) {
        #expect(!FileForm.whitespaceFindings(in: swift(text)).isEmpty)
    }

    @Test("clean files pass, and make keeps its tabs")
    func cleanWhitespace() {
        #expect(FileForm.whitespaceFindings(in: swift("a\n\nb\n")).isEmpty)
        #expect(FileForm.whitespaceFindings(in: SourceFile("Makefile", "a:\n\tb\n")).isEmpty)
        #expect(FileForm.whitespaceFindings(in: SourceFile("Examples/paper.txt", "a \n")).isEmpty)
    }

    @Test(
        "a file header is found",
        arguments: [
            "\nimport A\n", "//===---===//\n// The project\n", "//\n//  A.swift\n", "// A.swift\n",
            "// Something.\n// Copyright 2025\n", "// SPDX-License-Identifier: Apache-2.0\n",
        ])
    func header(text: String) {
        #expect(FileForm.headerFindings(in: swift(text)).count == 1)
    }

    @Test(
        "a purpose on top is no header",
        arguments: ["/// What it is for.\n", "// Two clocks.\n", "import A\n", "/// Reads `Copyright (C) 2001`.\n"])
    func purpose(text: String) {
        #expect(FileForm.headerFindings(in: swift(text)).isEmpty)
    }

    @Test("a path of one machine is found", arguments: ["work", "root", "home", "Users"])
    func machinePath(folder: String) {
        let path = "/\(folder)/"
        let findings = { FileForm.machinePathFindings(in: SourceFile("docs/A.md", $0)) }
        #expect(findings("see \(path)main\n").count == 1)
        #expect(findings("\(path)main\n").count == 1)
        #expect(findings("\"\(path)main\"\n").count == 1)
        #expect(findings("https://example.org\(path)main, docs\(path)main, ../..\(path)main\n").isEmpty)
    }
}
