import Foundation
import Stint

/// A document on disk, and what it means when it cannot be read.
///
/// To be retried: the file is not there, or may not be read. It can appear, a disk can come back. For good: it is there
/// and no attempt will find a text in it.
struct Document {
    let path: String

    /// A larger document is no document; and its text is held in memory.
    static let bytesMax = 64 * 1_048_576

    func read() async throws -> (DocumentKind, String) {
        guard let kind = DocumentKind(path: path) else {
            throw JobError.permanent(
                "\"\(path)\" is of a kind this example cannot read. Give it a file that ends in "
                    + "\(DocumentKind.endings)."
            )
        }
        let data = try contents()
        if kind == .pdf { return (kind, try await PDFText.extract(path: path)) }
        do {
            return (kind, try PlainText.extract(from: data, as: kind))
        } catch {
            throw JobError.permanent("\"\(path)\" holds no text: \(error). Give it a text, HTML, Markdown or PDF file.")
        }
    }

    private func contents() throws -> Data {
        do {
            let file = URL(fileURLWithPath: path).resolvingSymlinksInPath()
            let facts = try file.resourceValues(forKeys: [.isRegularFileKey, .fileSizeKey])
            // Asked before it is opened: reading a pipe could last for ever.
            guard facts.isRegularFile == true else {
                throw JobError.permanent("\"\(path)\" is not a file. Give it a document, not the folder it is in.")
            }
            guard let size = facts.fileSize, size <= Self.bytesMax else {
                throw JobError.permanent(
                    "\"\(path)\" has \(facts.fileSize ?? 0) bytes, over the limit of \(Self.bytesMax) bytes. Split it.")
            }
            // Foundation (6.3) never gives back the buffer that it takes for a file without bytes, 4 KiB each.
            return size == 0 ? Data() : try Data(contentsOf: file, options: .mappedIfSafe)
        } catch let error as JobError {
            throw error
        } catch {
            throw JobError.retry(
                "cannot read the document \"\(path)\": \(FileProblem.reason(error)). Put it there or mend its "
                    + "permissions; the next attempt or a replay finds it.")
        }
    }
}
