import Foundation

/// Links from one file of the repository to another lead somewhere.
enum MarkdownLinks {
    /// - Parameter exists: Whether a path from the root of the repository names a file or a folder.
    static func findings(in file: SourceFile, exists: (String) -> Bool) -> [Finding] {
        guard file.isMarkdown else { return [] }
        let folder = file.path.split(separator: "/").dropLast().map(String.init)
        return targets(in: file).compactMap { line, target in
            guard let path = resolve(target, from: folder) else {
                return Finding(
                    file.path, line, "the link \"\(target)\" leaves the repository; use an address, or a path inside")
            }
            return exists(path)
                ? nil : Finding(file.path, line, "the link \"\(target)\" leads nowhere: there is no \(path)")
        }
    }

    /// The link targets that are paths, without the part behind `#`; code is skipped.
    static func targets(in file: SourceFile) -> [(line: Int, path: String)] {
        var isFenced = false
        var found: [(Int, String)] = []
        for (index, line) in file.lines.enumerated() {
            if line.drop(while: { $0 == " " }).hasPrefix("```") {
                isFenced.toggle()
            } else if !isFenced {
                found += links(in: withoutCode(line)).compactMap { path(of: $0).map { (index + 1, $0) } }
            }
        }
        return found
    }

    private static func links(in line: String) -> [String] {
        // `[text](target)` and `![text](target "title")`, and the definition of a named link.
        let inline = line.components(separatedBy: "](").dropFirst().map { String($0.prefix { $0 != ")" }) }
        guard line.hasPrefix("["), let colon = line.range(of: "]: ") else { return inline }
        return inline + [String(line[colon.upperBound...])]
    }

    private static func path(of link: String) -> String? {
        let target = link.split(separator: " ").first.map { $0.trimmingCharacters(in: ["<", ">"]) } ?? ""
        let isAddress = target.contains("://") || target.hasPrefix("mailto:")
        let path = target.prefix { $0 != "#" }
        return isAddress || path.isEmpty ? nil : path.removingPercentEncoding ?? String(path)
    }

    private static func withoutCode(_ line: String) -> String {
        let parts = line.split(separator: "`", omittingEmptySubsequences: false)
        return parts.enumerated().map { $0.isMultiple(of: 2) ? String($1) : "code" }.joined()
    }

    private static func resolve(_ path: String, from folder: [String]) -> String? {
        var parts = path.hasPrefix("/") ? [] : folder
        for part in path.split(separator: "/") {
            switch part {
            case ".": continue
            case "..":
                guard parts.popLast() != nil else { return nil }
            default: parts.append(String(part))
            }
        }
        return parts.joined(separator: "/")
    }
}
