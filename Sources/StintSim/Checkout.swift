import Foundation

/// The commit that the folder this program runs in is at: what a seed means depends on it.
enum Checkout {
    static var commit: String? {
        guard let head = text(".git/HEAD") else { return nil }
        guard head.hasPrefix("ref: ") else { return String(head.prefix(12)) }
        let name = String(head.dropFirst(5))
        if let commit = text(".git/\(name)") { return String(commit.prefix(12)) }
        let packed = text(".git/packed-refs")?.split(separator: "\n").first { $0.hasSuffix(" \(name)") }
        return packed.map { String($0.prefix(12)) }
    }

    private static func text(_ path: String) -> String? {
        (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
