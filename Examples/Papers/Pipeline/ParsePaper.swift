import Foundation
import Stint

/// `parse_paper`: from a document to its text.
public struct ParsePaper: JobHandler {
    public static let type = "parse_paper"

    public struct Payload: Codable, Sendable {
        public var run: Run
        public var document: Int
        public var path: String

        public init(run: Run, document: Int, path: String) {
            self.run = run
            self.document = document
            self.path = path
        }
    }

    public struct Result: Codable, Hashable, Sendable {
        public var textPath: String
        public var kind: DocumentKind
        public var characters: Int
        public var words: Int
        public var paragraphs: Int
    }

    public init() {}

    public func run(_ payload: Payload, _ context: JobContext) async throws -> Result {
        let (run, document) = (payload.run, payload.document)
        let (kind, text) = try await Document(path: payload.path).read()
        let paper = Paper(document: document, path: payload.path, kind: kind, text: text)
        try run.write(text, to: .text(document))
        try run.write(paper, to: .paper(document))

        // Both are committed together with the result, or not at all.
        try context.enqueue(
            ExtractClaims.self, .init(run: run, document: document), id: run.jobID(.claims, document: document))
        try context.enqueue(
            NewJob(
                type: "checksum", payload: ["path": URL(fileURLWithPath: payload.path).path],
                id: run.jobID(.checksum, document: document)))

        return Result(
            textPath: run.path(.text(document)), kind: kind, characters: paper.characters, words: paper.words,
            paragraphs: paper.paragraphs)
    }
}

/// What is known of a document once it was read. Lies in its run's folder, for the report.
public struct Paper: Codable, Hashable, Sendable {
    public var document: Int
    public var path: String
    public var kind: DocumentKind
    public var characters: Int
    public var words: Int
    public var paragraphs: Int

    init(document: Int, path: String, kind: DocumentKind, text: String) {
        let prose = Prose(text)
        self.document = document
        self.path = path
        self.kind = kind
        characters = text.count
        words = prose.words.count
        paragraphs = Sentences.paragraphs(of: prose).count
    }
}
