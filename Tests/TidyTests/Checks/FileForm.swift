/// The form that every file has, whatever is in it.
enum FileForm {
    static let linesMax = 500

    /// A long file holds a second noun that wants a file of its own.
    static func lengthFindings(in file: SourceFile) -> [Finding] {
        guard file.isSwift || file.path.hasPrefix("scripts/"), !file.isGenerated else { return [] }
        let count = file.text.hasSuffix("\n") ? file.lines.count - 1 : file.lines.count
        guard count > linesMax else { return [] }
        return [Finding(file.path, "has \(count) lines, over the limit of \(linesMax); look for the second noun in it")]
    }

    // Put together here, so that this file does not contain them.
    static let unfinished = ["TO" + "DO", "FIX" + "ME", "X" + "XX"]

    /// What is not done is not committed; what comes later is an issue.
    static func unfinishedFindings(in file: SourceFile) -> [Finding] {
        guard isProse(file) || isCode(file), !file.isGenerated else { return [] }
        return unfinished.flatMap { word in
            file.lines(with: word, inCode: false).map {
                Finding(
                    file.path, $0, "\"\(word)\" marks unfinished work; finish it, or take it out and write an issue")
            }
        }
    }

    static func whitespaceFindings(in file: SourceFile) -> [Finding] {
        guard isProse(file) || isCode(file), !file.isGenerated else { return [] }
        var findings: [Finding] = []
        for (index, line) in file.lines.enumerated() {
            if line.utf8.last == UInt8(ascii: " ") || line.utf8.last == UInt8(ascii: "\t") {
                findings.append(Finding(file.path, index + 1, "ends in white space; remove it"))
            }
            // make wants its tabs.
            if file.name != "Makefile", line.utf8.contains(UInt8(ascii: "\t")) {
                findings.append(Finding(file.path, index + 1, "holds a tab; use spaces"))
            }
            if line.utf8.contains(UInt8(ascii: "\r")) {
                findings.append(Finding(file.path, index + 1, "ends in CR LF; use LF alone"))
            }
        }
        if !file.text.isEmpty, !file.text.hasSuffix("\n") {
            findings.append(Finding(file.path, file.lines.count, "does not end in a newline; add one"))
        } else if file.text.hasSuffix("\n\n") {
            findings.append(Finding(file.path, file.lines.count, "ends in an empty line; remove it"))
        }
        return findings
    }

    /// A Swift file begins with what it is for. Its name, its author and its licence stand elsewhere: in
    /// the file system, in git and in LICENSE.
    static func headerFindings(in file: SourceFile) -> [Finding] {
        guard file.isSwift, !file.isGenerated, let first = file.lines.first else { return [] }
        let instead = "begin with what the file is for; LICENSE holds the licence, git the authors"
        if first.allSatisfy(\.isWhitespace) {
            return [Finding(file.path, 1, "begins with an empty line; \(instead)")]
        }
        let head = file.lines.prefix(12).prefix { $0.hasPrefix("//") }
        let isBanner =
            first.hasPrefix("//==") || first.hasPrefix("// ==") || first == "//" || first == "// \(file.name)"
        let isLegal = head.contains { line in
            let words = line.drop { $0 == "/" || $0 == " " }
            return ["Copyright", "SPDX-License", "Licensed under", "Created by"].contains(where: words.hasPrefix)
        }
        return isBanner || isLegal ? [Finding(file.path, 1, "begins with a file header; \(instead)")] : []
    }

    /// A path that exists on one machine only says nothing to anybody else.
    static func machinePathFindings(in file: SourceFile) -> [Finding] {
        let folders = ["work", "root", "home", "Users"].map { "/\($0)/" }
        return file.lines.enumerated().flatMap { index, line in
            folders.filter { hasPath($0, in: line) }.map {
                Finding(
                    file.path, index + 1,
                    "names a path below \($0), which is one machine's; use a path from the repository's root")
            }
        }
    }

    /// Does a path begin with this folder here? Not where it stands within a longer path or an address.
    private static func hasPath(_ folder: String, in line: String) -> Bool {
        guard line.contains(folder) else { return false }
        let parts = Array(line.utf8), folder = Array(folder.utf8)
        return (0...parts.count - folder.count).contains { start in
            guard parts[start..<start + folder.count].elementsEqual(folder) else { return false }
            guard start > 0 else { return true }
            let before = parts[start - 1]
            return !before.isIdentifier
                && ![".", "-", "/", "}", "]", ")", "*"].contains(Character(UnicodeScalar(before)))
        }
    }

    private static func isProse(_ file: SourceFile) -> Bool { file.isMarkdown || file.name == "LICENSE" }
    private static func isCode(_ file: SourceFile) -> Bool {
        let kinds = [
            ".swift", ".proto", ".h", ".modulemap", ".json", ".yml", ".yaml", ".sh", ".py", "Makefile", "Dockerfile",
        ]
        return kinds.contains(where: file.path.hasSuffix)
            || ["scripts/", ".ci/"].contains(where: file.path.hasPrefix)
            || [".swift-format", ".editorconfig", ".gitignore", ".dockerignore"].contains(file.name)
    }
}
