import Stint

/// `detect_entities`: from a text to the people, places, dates … it names, one type after the other.
///
/// A large text is worth a checkpoint: when an attempt ends early, the next goes on with the type that was not done. A
/// checkpoint is a durable write, so one is made only when ``checkpointEvery`` of work would be lost without it.
public struct DetectEntities: JobHandler {
    public static let type = "detect_entities"

    public struct Payload: Codable, Sendable {
        public var run: Run
        public var document: Int
        /// Names of ``EntityType``. Nil: all.
        public var entityTypes: [String]?
    }

    public struct Progress: Codable, Hashable, Sendable {
        public var totalEntityTypes: Int
        public var processedEntityTypes: Int
        public var currentEntityType: String?
        /// Places in the text where something is named.
        public var entitiesFound: Int
        /// Different things that are named there.
        public var entitiesEmitted: Int
    }

    public struct Result: Codable, Hashable, Sendable {
        public var totalFound: Int
        public var totalEmitted: Int
        /// Types that were asked for and that this version cannot detect.
        public var errors: Int
    }

    let checkpointEvery: Duration

    public init(checkpointEvery: Duration = .seconds(2)) { self.checkpointEvery = checkpointEvery }

    public func run(_ payload: Payload, _ context: JobContext) async throws -> Result {
        let (run, document) = (payload.run, payload.document)
        let prose = Prose(try run.readText(.text(document)))
        let types = payload.entityTypes ?? EntityType.allCases.map(\.rawValue)
        var found = FoundEntities()
        if try context.checkpoint(as: Checkpoint.self) != nil, run.exists(.unfinishedEntities(document)) {
            found = try run.read(FoundEntities.self, from: .unfinishedEntities(document))
        }
        var saved = ContinuousClock.now

        for (index, name) in types.enumerated() where index >= found.processed {
            try Task.checkCancellation()
            report(found, of: types, to: context)
            found.add(name, in: prose)
            if saved.duration(to: .now) >= checkpointEvery, index + 1 < types.count {
                // The file first: a checkpoint must not promise what is not there.
                try run.write(found, to: .unfinishedEntities(document))
                try await context.checkpoint(Checkpoint(processedEntityTypes: found.processed))
                saved = .now
            }
        }
        report(found, of: types, to: context)
        for name in found.unknown { context.log("\"\(name)\" is no entity type of this version", .warning) }
        try run.write(found, to: .entities(document))
        run.remove(.unfinishedEntities(document))
        return Result(totalFound: found.mentions, totalEmitted: found.entities.count, errors: found.unknown.count)
    }

    struct Checkpoint: Codable {
        var processedEntityTypes: Int
    }

    private func report(_ found: FoundEntities, of types: [String], to context: JobContext) {
        let current = found.processed < types.count ? types[found.processed] : nil
        context.progress(
            types.isEmpty ? 1 : Double(found.processed) / Double(types.count), message: current,
            step: min(found.processed + 1, types.count), of: types.count,
            fields: Progress(
                totalEntityTypes: types.count, processedEntityTypes: found.processed, currentEntityType: current,
                entitiesFound: found.mentions, entitiesEmitted: found.entities.count))
    }
}

/// The entities of one document, as they lie in its run's folder.
public struct FoundEntities: Codable, Hashable, Sendable {
    /// Types done.
    public var processed = 0
    public var mentions = 0
    public var entities: [Entity] = []
    /// Names that are no ``EntityType``.
    public var unknown: [String] = []

    mutating func add(_ name: String, in prose: Prose) {
        processed += 1
        guard let type = EntityType(rawValue: name) else {
            unknown.append(name)
            return
        }
        let detected = Entities.detect(type, in: prose)
        mentions += detected.found
        entities += detected.entities
    }
}
