import Foundation

/// What a document is, told by its name and, for plain text, by its bytes.
///
/// A name without an extension (`copyright`, `README`) or with a number in its place (`GPL-3`, `Apache-2.0`) is taken
/// for plain text, because that is how Unix names its texts.
public enum DocumentKind: String, Codable, CaseIterable, Sendable {
    case text, markdown, html, pdf

    /// Nil for a name whose extension is none of ours.
    public init?(path: String) {
        let name = (path as NSString).lastPathComponent
        let ending = (name as NSString).pathExtension.lowercased()
        switch ending {
        case "", "txt", "text": self = .text
        case "md", "markdown": self = .markdown
        case "html", "htm", "xhtml": self = .html
        case "pdf": self = .pdf
        case let version where version.allSatisfy(\.isNumber): self = .text
        default: return nil
        }
    }

    /// For messages: what a document may be called.
    public static let endings = ".txt, .md, .html, .pdf or none"
}
