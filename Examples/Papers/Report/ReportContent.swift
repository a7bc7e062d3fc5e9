import Foundation

/// What a report says, before it is a page. Filled document by document, and only as large as the page: of all claims
/// and entities it keeps the counts and the foremost few.
public struct ReportContent: Sendable {
    public struct Row: Hashable, Sendable {
        public var document: Int
        public var path: String
        public var kind: DocumentKind?
        public var words = 0
        public var sentences = 0
        public var claims = 0
        public var entities = 0
        public var failure: Failure?
    }

    /// Why a document is not in the figures.
    public struct Failure: Codable, Hashable, Sendable {
        public var document: Int
        /// The job that is in the dead letters.
        public var job: String
        public var type: String
        public var message: String

        public init(document: Int, job: String, type: String, message: String) {
            self.document = document
            self.job = job
            self.type = type
            self.message = message
        }

        var shortened: Failure {
            var failure = self
            if message.count > 300 { failure.message = message.prefix(299) + "…" }
            return failure
        }
    }

    /// A claim and the document it was found in.
    public struct Quote: Hashable, Sendable {
        public var document: Int
        public var path: String
        public var claim: Claim
    }

    public struct Name: Hashable, Sendable {
        public var name: String
        public var mentions: Int
        public var documents: Int
    }

    static let quotesMax = 12
    static let namesMax = 6

    public let run: String
    public let startedAt: Date
    public internal(set) var rows: [Row] = []
    public private(set) var claimsByKind: [ClaimKind: Int] = [:]
    public private(set) var entitiesByType: [EntityType: Int] = [:]
    /// The highest scores, no sentence twice, because the text of one licence is in many documents.
    public private(set) var quotes: [Quote] = []
    private var names: [EntityType: [String: Name]] = [:]

    public var claims: Int { rows.reduce(0) { $0 + $1.claims } }
    public var entities: Int { rows.reduce(0) { $0 + $1.entities } }
    public var words: Int { rows.reduce(0) { $0 + $1.words } }
    public var failed: [Row] { rows.filter { $0.failure != nil } }

    public init(run: String, startedAt: Date) {
        self.run = run
        self.startedAt = startedAt
    }

    /// Adds a document from the files that its steps wrote. A step that did not happen leaves its figures at zero.
    mutating func add(document: Int, path: String, failure: Failure?, of run: Run) throws {
        var row = Row(document: document, path: path, failure: failure)
        if run.exists(.paper(document)) {
            let paper = try run.read(Paper.self, from: .paper(document))
            row.kind = paper.kind
            row.words = paper.words
        }
        if run.exists(.claims(document)) {
            add(try run.read(FoundClaims.self, from: .claims(document)), to: &row)
        }
        if run.exists(.entities(document)) {
            add(try run.read(FoundEntities.self, from: .entities(document)), to: &row)
        }
        rows.append(row)
    }

    mutating func add(_ found: FoundClaims, to row: inout Row) {
        row.sentences = found.sentences
        row.claims = found.claims.count
        for claim in found.claims {
            claimsByKind[claim.kind, default: 0] += 1
            let isAmongFirst = quotes.count < Self.quotesMax || claim.score > (quotes.last?.claim.score ?? 0)
            guard isAmongFirst, !quotes.contains(where: { $0.claim.gist == claim.gist }) else { continue }
            let place = quotes.firstIndex { $0.claim.score < claim.score } ?? quotes.endIndex
            quotes.insert(Quote(document: row.document, path: row.path, claim: claim), at: place)
            if quotes.count > Self.quotesMax { quotes.removeLast() }
        }
    }

    mutating func add(_ found: FoundEntities, to row: inout Row) {
        row.entities = found.entities.count
        for entity in found.entities {
            entitiesByType[entity.type, default: 0] += 1
            let key = entity.name.lowercased()
            var name = names[entity.type]?[key] ?? Name(name: entity.name, mentions: 0, documents: 0)
            name.mentions += entity.mentions
            name.documents += 1
            names[entity.type, default: [:]][key] = name
        }
    }

    /// The names of this type that most documents share.
    public func foremost(_ type: EntityType) -> [Name] {
        let all = names[type].map { Array($0.values) } ?? []
        let sorted = all.sorted { ($1.documents, $1.mentions, $0.name) < ($0.documents, $0.mentions, $1.name) }
        return Array(sorted.prefix(Self.namesMax))
    }
}

extension Claim {
    /// What two copies of a sentence share, whatever counters and marks stand in front of them.
    fileprivate var gist: String { String(sentence.lowercased().filter(\.isLetter).prefix(80)) }
}
