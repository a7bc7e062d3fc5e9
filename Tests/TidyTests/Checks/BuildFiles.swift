import Foundation

/// What the files that build and format the project promise each other.
enum BuildFiles {
    /// Every target is compiled as Swift 6: with data races as errors.
    static func languageModeFindings(in manifest: SourceFile) -> [Finding] {
        var findings: [Finding] = []
        let settings = manifest.code.joined(separator: "\n")
        if let declaration = settings.range(of: "let strict"),
            !settings[declaration.upperBound...].prefix(200).contains(".swiftLanguageMode(.v6)")
        {
            findings.append(
                Finding(manifest.path, "`strict` does not say .swiftLanguageMode(.v6); every target relies on it"))
        }
        for (index, line) in manifest.code.enumerated() where line.contains(".v5") || line.contains(".v4") {
            findings.append(
                Finding(manifest.path, index + 1, "asks for an older language mode; every target is Swift 6"))
        }
        for kind in [".target(", ".executableTarget(", ".testTarget("] {
            for call in calls(of: kind, in: manifest.code) where !call.text.contains("swiftSettings: strict") {
                findings.append(Finding(manifest.path, call.line, "a target without \"swiftSettings: strict\"; add it"))
            }
        }
        return findings
    }

    private static func calls(of name: String, in lines: [String]) -> [(line: Int, text: String)] {
        let code = Array(lines.joined(separator: "\n").utf8), word = Array(name.utf8)
        guard code.count >= word.count else { return [] }
        return (0...code.count - word.count).compactMap { start in
            guard code[start] == word[0], code[start..<start + word.count].elementsEqual(word) else { return nil }
            var depth = 0
            let text = code[start...].prefix { byte in
                if byte == UInt8(ascii: "(") { depth += 1 }
                if byte == UInt8(ascii: ")") { depth -= 1 }
                return byte != UInt8(ascii: ")") || depth > 0
            }
            return (1 + code[..<start].count { $0 == UInt8(ascii: "\n") }, String(decoding: text, as: UTF8.self))
        }
    }

    /// `make help` lists exactly the targets that one can ask for.
    static func helpFindings(in makefile: SourceFile) -> [Finding] {
        let phony = Set(
            makefile.lines.filter { $0.hasPrefix(".PHONY:") }
                .flatMap { $0.dropFirst(".PHONY:".count).split(separator: " ").map(String.init) })
        let rules = makefile.lines.filter { line in
            line.first.map { $0.isLetter } == true && line.contains(":") && !line.contains(":=") && !line.contains("?=")
        }
        let named = Set(rules.map { String($0.prefix { $0 != ":" }) })
        let explained = Set(
            rules.filter { $0.contains(":") && $0.contains(" ## ") }.map { String($0.prefix { $0 != ":" }) })
        var findings = phony.subtracting(explained).sorted().map {
            Finding(makefile.path, "`make help` does not list \"\($0)\"; write \"## what it does\" behind its rule")
        }
        findings += named.subtracting(phony).sorted().map {
            Finding(
                makefile.path, "\"\($0)\" is no file; name it in .PHONY, or make stops working once such a file exists")
        }
        return findings
    }

    /// Every rule that `.swift-format` switches off stands in a table of CONTRIBUTING.md with its reason,
    /// and nothing else stands there. The file is JSON, which has no comments.
    static func formatRuleFindings(configuration: SourceFile, guide: SourceFile) -> [Finding] {
        guard let json = try? JSONSerialization.jsonObject(with: Data(configuration.text.utf8)) as? [String: Any],
            let rules = json["rules"] as? [String: Bool]
        else {
            return [Finding(configuration.path, "is not JSON with an object \"rules\" of true and false")]
        }
        let off = Set(rules.filter { !$0.value }.keys)
        var explained: Set<String> = []
        var findings: [Finding] = []
        for (index, line) in guide.lines.enumerated() where line.hasPrefix("| `") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count >= 2 else { continue }
            let rule = cells[0].trimmingCharacters(in: ["`"])
            guard rules[rule] != nil else { continue }
            explained.insert(rule)
            if cells[1].split(separator: " ").count < 4 {
                findings.append(
                    Finding(guide.path, index + 1, "the reason why \(rule) is off is shorter than four words"))
            }
        }
        findings += off.subtracting(explained).sorted().map {
            Finding(
                guide.path, "does not say why the rule \($0) is off in \(configuration.path); add a row to the table")
        }
        findings += explained.subtracting(off).sorted().map {
            Finding(guide.path, "explains why the rule \($0) is off, but it is on; remove the row")
        }
        return findings
    }
}
