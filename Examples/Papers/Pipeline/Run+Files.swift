import Foundation
import Stint

/// What the steps of a run hand to each other, as files in its folder: a text of some megabytes has no place in the
/// payload of a job.
///
///     documents.json           the paths of all documents, that of number 1 first
///     0007.txt                 the text of document 7
///     0007.paper.json          what it is
///     0007.claims.json  0007.entities.json
///     report.html
///
/// A file is written beside its place and then renamed, and what it holds follows from the document alone. So a step
/// that runs twice, or in two places at once because a worker was presumed dead, leaves the same file, and a reader
/// never sees half of one.
extension Run {
    public struct File: Hashable, Sendable {
        public let name: String

        public static let documents = File(name: "documents.json")
        public static let report = File(name: "report.html")
        public static func text(_ document: Int) -> File { File(name: "\(number(document)).txt") }
        public static func paper(_ document: Int) -> File { File(name: "\(number(document)).paper.json") }
        public static func claims(_ document: Int) -> File { File(name: "\(number(document)).claims.json") }
        public static func entities(_ document: Int) -> File { File(name: "\(number(document)).entities.json") }
        /// The entities of the types done so far; only while `detect_entities` works on a large text.
        public static func unfinishedEntities(_ document: Int) -> File {
            File(name: "\(number(document)).entities.unfinished.json")
        }

        private static func number(_ document: Int) -> String {
            String(repeating: "0", count: max(0, 4 - String(document).count)) + String(document)
        }
    }

    public func path(_ file: File) -> String { "\(folder)/\(file.name)" }

    public func write(_ text: String, to file: File) throws { try write(Data(text.utf8), to: file) }

    public func write<Value: Encodable>(_ value: Value, to file: File) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try write(encoder.encode(value), to: file)
    }

    private func write(_ data: Data, to file: File) throws {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try data.write(to: URL(fileURLWithPath: path(file)), options: .atomic)
        } catch {
            throw JobError.retry(
                "cannot write \"\(path(file))\": \(FileProblem.reason(error)). Make room there or mend its permissions."
            )
        }
    }

    public func readText(_ file: File) throws -> String { String(decoding: try read(file), as: UTF8.self) }

    public func read<Value: Decodable>(_ type: Value.Type, from file: File) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: read(file))
        } catch is DecodingError {
            throw JobError.permanent(
                "\"\(path(file))\" is not what an earlier step writes there. Remove it and replay that step.")
        }
    }

    private func read(_ file: File) throws -> Data {
        do {
            return try Data(contentsOf: URL(fileURLWithPath: path(file)))
        } catch {
            // Worth another try: a worker on another host may see the folder when this one does not.
            throw JobError.retry(
                "cannot read \"\(path(file))\", which an earlier step wrote: \(FileProblem.reason(error)). "
                    + "Every worker of the run needs that folder.")
        }
    }

    public func exists(_ file: File) -> Bool { FileManager.default.fileExists(atPath: path(file)) }

    public func remove(_ file: File) { try? FileManager.default.removeItem(atPath: path(file)) }
}

/// What the system said about a file, in its own words.
enum FileProblem {
    static func reason(_ error: any Error) -> String {
        if let system = (error as? CocoaError)?.underlying as? POSIXError {
            return String(cString: strerror(system.code.rawValue))
        }
        return (error as NSError).localizedDescription
    }
}
