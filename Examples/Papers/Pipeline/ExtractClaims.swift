import Stint

/// `extract_claims`: from a text to the sentences that claim something.
public struct ExtractClaims: JobHandler {
    public static let type = "extract_claims"

    public struct Payload: Codable, Sendable {
        public var run: Run
        public var document: Int
    }

    public struct Result: Codable, Hashable, Sendable {
        public var claimsPath: String
        public var sentences: Int
        public var claims: Int
    }

    public init() {}

    public func run(_ payload: Payload, _ context: JobContext) async throws -> Result {
        let (run, document) = (payload.run, payload.document)
        let prose = Prose(try run.readText(.text(document)))
        let found = FoundClaims(sentences: Sentences.split(prose).count, claims: Claims.find(in: prose))
        try run.write(found, to: .claims(document))
        try context.enqueue(
            DetectEntities.self, .init(run: run, document: document), id: run.jobID(.entities, document: document))
        return Result(claimsPath: run.path(.claims(document)), sentences: found.sentences, claims: found.claims.count)
    }
}

/// The claims of one document, as they lie in its run's folder.
public struct FoundClaims: Codable, Hashable, Sendable {
    public var sentences: Int
    public var claims: [Claim]
}
